"""The options that say where data are, for every command that reads a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from epam.data.data_root import DataLocation

DatasetOption = Annotated[
    str,
    typer.Option(
        "--dataset",
        "-d",
        help="ntu60, ntu120, pku_mmd, toyota_smarthome, embedded (drawn by epam-data synth), or custom.",
        show_default=False,
    ),
]
ProtocolOption = Annotated[
    str,
    typer.Option(
        "--protocol",
        "-p",
        help="xsub, xview, xset, cs, cv1 or cv2; of a custom data set the prefix of its splits.",
        show_default=False,
    ),
]
RootOption = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="Folder that epam-data prepare or synth made.",
        show_default=False,
    ),
]
AnnotationsOption = Annotated[
    list[Path] | None,
    typer.Option(
        "--annotations",
        metavar="FILE",
        help="In place of --root: a pickle with splits, or lists of one part each (give it repeatedly).",
        show_default=False,
    ),
]
VideosOption = Annotated[
    Path | None,
    typer.Option(
        "--videos",
        metavar="DIR",
        help="Folder of the videos; by default the root's, or beside the annotations.",
        show_default=False,
    ),
]
SplitOption = Annotated[
    str | None,
    typer.Option(
        "--split",
        help="A split by its name in the file; by default the protocol's.",
        show_default=False,
    ),
]
NumClassesOption = Annotated[
    int | None,
    typer.Option("--num-classes", min=1, help="Classes of a custom data set.", show_default=False),
]
ClassNamesOption = Annotated[
    Path | None,
    typer.Option(
        "--class-names",
        metavar="FILE",
        help="Names of a custom data set's classes, one a line.",
        show_default=False,
    ),
]


@dataclass(frozen=True, kw_only=True)
class LocationOptions:
    """The options in the form of a class, for commands that are one; see ``location``."""

    dataset: DatasetOption
    protocol: ProtocolOption
    root: RootOption = None
    annotations: AnnotationsOption = None
    videos: VideosOption = None
    split: SplitOption = None
    num_classes: NumClassesOption = None
    class_names: ClassNamesOption = None

    @property
    def location(self) -> DataLocation:
        """Where the data are."""
        return location_from_options(
            dataset=self.dataset,
            protocol=self.protocol,
            root=self.root,
            annotations=self.annotations,
            videos=self.videos,
            split=self.split,
            num_classes=self.num_classes,
            class_names=self.class_names,
        )


def location_from_options(
    *,
    dataset: str,
    protocol: str,
    root: Path | None = None,
    annotations: Sequence[Path] | None = None,
    videos: Path | None = None,
    split: str | None = None,
    num_classes: int | None = None,
    class_names: Path | None = None,
) -> DataLocation:
    """Put the options of a command together; ``open_split`` judges them."""
    from epam.data.data_root import DataLocation

    return DataLocation(
        dataset=dataset,
        protocol=protocol,
        root=root,
        annotations=tuple(annotations or ()),
        videos=videos,
        split=split,
        num_classes=num_classes,
        class_names=class_names,
    )
