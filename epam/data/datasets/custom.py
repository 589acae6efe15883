"""A data set of the user's own: any names, classes that the user gives, splits by prefix."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from epam.data.datasets.protocol import Dataset, Protocol
from epam.data.datasets.text_lines import read_lines
from epam.errors import AnnotationError, InputError, printable

CUSTOM = Dataset(
    name="custom",
    title="Custom",
    source="the user's own",
    protocols=(),
    video_endings=("_rgb.mp4", ".mp4", "_rgb.avi", ".avi"),
)


def custom_protocol(name: str, *, num_classes: int, class_names: Sequence[str] = ()) -> Protocol:
    """The protocol of the user's own files.

    Args:
        name: prefix of the files' splits: ``<name>_train``, and ``<name>_test`` or ``<name>_val``.
        num_classes: width of the logits.
        class_names: one for each class; without them classes are numbered.

    Raises:
        InputError: no name, no class, or names that are not one for each class.
    """
    if not name or not name.isprintable():
        raise InputError(f"protocol {printable(name)!r}: give the prefix of the splits' names, like xsub")
    if num_classes < 1:
        raise InputError(f"{num_classes} classes; give at least 1")
    if class_names and len(class_names) != num_classes:
        raise InputError(f"{len(class_names)} names for {num_classes} classes; give one for each")
    if len(set(class_names)) != len(class_names):
        twice = next(class_name for class_name in class_names if list(class_names).count(class_name) > 1)
        raise InputError(f"two classes are named {printable(twice)!r}; give each its own name")
    return Protocol(
        name=name,
        title=name,
        num_classes=num_classes,
        names=tuple(class_names),
        split_names={
            "train": (f"{name}_train",),
            "val": (f"{name}_val",),
            "test": (f"{name}_test", f"{name}_val"),
        },
        source="the user's own",
    )


def read_class_names(path: Path) -> tuple[str, ...]:
    """Read the classes' names, line ``i`` naming class ``i`` from 0; blank lines at the end are no matter.

    Raises:
        AnnotationError: the file cannot be read or names no class, a name is blank among others or
            does not print, or two classes have the same name; names the line.
    """
    lines = read_lines(path)
    while lines and not lines[-1]:
        lines.pop()
    if not lines:
        raise AnnotationError(f"{path}: names no class; give one a line")
    first_line: dict[str, int] = {}
    for number, name in enumerate(lines, start=1):
        if not name or not name.isprintable():
            raise AnnotationError(
                f"{path}, line {number}: {printable(name)!r} is no class name; give one a line"
            )
        if first_line.setdefault(name, number) != number:
            raise AnnotationError(
                f"{path}, line {number}: {printable(name)!r} is also line {first_line[name]}; "
                "give each class its own name"
            )
    return tuple(lines)
