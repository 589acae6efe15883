"""The data sets and protocols by name, with their class names."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

from epam.errors import UnknownNameError


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """One way to split a data set, and the classes that it distinguishes.

    Attributes:
        name: what is typed on the command line.
        title: what a table prints.
        num_classes: width of the logits.
        class_file: the package data that names the classes: line ``i`` is class ``i``.
    """

    name: str
    title: str
    num_classes: int
    class_file: str

    @property
    def class_names(self) -> tuple[str, ...]:
        """Name of each class, by index; read from the package when first asked for."""
        # NTU RGB+D 120 extends NTU RGB+D: the smaller one's classes are the first 60 of its list.
        return _read_class_names(self.class_file)[: self.num_classes]


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """A data set and its protocols.

    Attributes:
        name: what is typed on the command line.
        title: what a table prints.
        source: who published the data, and where the class list comes from.
        protocols: in the paper's order.
    """

    name: str
    title: str
    source: str
    protocols: tuple[Protocol, ...]

    def protocol(self, name: str) -> Protocol:
        """Look a protocol up by name.

        Raises:
            UnknownNameError: this data set has no such protocol; lists the nearest.
        """
        for protocol in self.protocols:
            if protocol.name == name:
                return protocol
        raise UnknownNameError(f"{self.name} protocol", name, [protocol.name for protocol in self.protocols])


def list_datasets() -> list[str]:
    """Names that ``get_dataset`` knows, sorted."""
    return sorted(dataset.name for dataset in _DATASETS)


def get_dataset(name: str) -> Dataset:
    """Look a data set up by name.

    Raises:
        UnknownNameError: no such data set; lists the nearest.
    """
    for dataset in _DATASETS:
        if dataset.name == name:
            return dataset
    raise UnknownNameError("data set", name, list_datasets())


@cache
def _read_class_names(class_file: str) -> tuple[str, ...]:
    file = resources.files("epam.data").joinpath("class_names", class_file)
    return tuple(file.read_text(encoding="utf-8").splitlines())


_DATASETS = (
    Dataset(
        name="ntu60",
        title="NTU RGB+D",
        source="Shahroudy et al., CVPR 2016; class list: the first 60 of NTU RGB+D 120's",
        protocols=(
            Protocol(name="xsub", title="X-Sub", num_classes=60, class_file="ntu120.txt"),
            Protocol(name="xview", title="X-View", num_classes=60, class_file="ntu120.txt"),
        ),
    ),
    Dataset(
        name="ntu120",
        title="NTU RGB+D 120",
        source="Liu et al., TPAMI 2020; class list: pyskl tools/data/label_map/nturgbd_120.txt",
        protocols=(
            Protocol(name="xsub", title="X-Sub", num_classes=120, class_file="ntu120.txt"),
            Protocol(name="xset", title="X-Set", num_classes=120, class_file="ntu120.txt"),
        ),
    ),
    Dataset(
        name="pku_mmd",
        title="PKU-MMD (phase 1)",
        source="Liu et al., 2017; class list: the data set's own action ids 1 to 51, less one",
        protocols=(
            Protocol(name="xsub", title="X-Sub", num_classes=51, class_file="pku_mmd.txt"),
            Protocol(name="xview", title="X-View", num_classes=51, class_file="pku_mmd.txt"),
        ),
    ),
    Dataset(
        name="toyota_smarthome",
        title="Toyota Smarthome (trimmed)",
        source="Das et al., ICCV 2019; class index: the name's alphabetical rank within the protocol",
        protocols=(
            Protocol(name="cs", title="CS", num_classes=31, class_file="toyota_smarthome_cs.txt"),
            Protocol(name="cv1", title="CV1", num_classes=19, class_file="toyota_smarthome_cv.txt"),
            Protocol(name="cv2", title="CV2", num_classes=19, class_file="toyota_smarthome_cv.txt"),
        ),
    ),
)
