"""The data sets and protocols by name: classes, splitting rules, names and published counts."""

from __future__ import annotations

from epam.data.datasets.custom import CUSTOM, custom_protocol
from epam.data.datasets.embedded import EMBEDDED
from epam.data.datasets.ntu import NTU60, NTU120
from epam.data.datasets.pku_mmd import PKU_MMD
from epam.data.datasets.protocol import Dataset, Part, Protocol, SampleName
from epam.data.datasets.toyota_smarthome import TOYOTA_SMARTHOME
from epam.errors import UnknownNameError

__all__ = ["Dataset", "Part", "Protocol", "SampleName", "custom_protocol", "get_dataset", "list_datasets"]

_DATASETS = (NTU60, NTU120, PKU_MMD, TOYOTA_SMARTHOME, EMBEDDED, CUSTOM)


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
