"""Text lists of a split: one video and its label a line, as RGB-only loaders read them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

from epam.atomic_file import write_atomically
from epam.data.datasets.text_lines import read_lines
from epam.errors import AnnotationError, printable

VIDEO_ENDINGS = ("_rgb.mp4", "_rgb.avi", ".mp4", ".avi")
"""What follows a sample's id in a list, the longest first."""

_LONGEST_NAME = 255


class ListedSample(NamedTuple):
    """A line of a list: the sample's id and its class index, from 0."""

    sample: str
    label: int


def write_split_list(path: Path, samples: Iterable[ListedSample], *, ending: str = "_rgb.mp4") -> Path:
    """Write a list in the form of the published splitter: ``<sample><ending> <label> `` (the blank too).

    Returns:
        The path.

    Raises:
        InputError: it cannot be written; what was there before is untouched.
    """
    lines = (f"{sample}{ending} {label} \n" for sample, label in samples)
    return write_atomically(path, "".join(lines))


def read_split_list(path: Path, *, endings: Sequence[str] = VIDEO_ENDINGS) -> tuple[ListedSample, ...]:
    """Read a list, in its order.

    Blank lines, blanks at the end of a line and a last line without an end are no matter; a name
    without one of the endings is taken for the id itself. A sample that is listed again with the
    same label counts once.

    Raises:
        AnnotationError: the file cannot be read or lists nothing, a line is not a plain file name
            and a label, or a sample has two labels; names the line.
    """
    labels: dict[str, int] = {}
    for number, line in enumerate(read_lines(path), start=1):
        if not line:
            continue
        sample, label = _parse_line(line, endings, origin=f"{path}, line {number}")
        if labels.setdefault(sample, label) != label:
            raise AnnotationError(
                f"{path}, line {number}: sample {sample} has label {label}, and {labels[sample]} further up; "
                "correct one"
            )
    if not labels:
        raise AnnotationError(f"{path}: lists no samples; give a line '<video> <label>' for each")
    return tuple(ListedSample(sample, label) for sample, label in labels.items())


def _parse_line(line: str, endings: Sequence[str], *, origin: str) -> ListedSample:
    words = line.split()
    if len(words) != 2:
        raise AnnotationError(f"{origin}: {printable(line)!r} is not '<video> <label>'; give these two words")
    video, label = words
    sample = next((video.removesuffix(ending) for ending in endings if video.endswith(ending)), video)
    if not _is_plain_name(sample):
        raise AnnotationError(f"{origin}: {printable(video)!r} is not a plain file name; leave folders out")
    # A label of a thousand digits would only be refused after minutes of arithmetic.
    if not (label.isascii() and label.isdigit() and len(label) <= 6):
        raise AnnotationError(f"{origin}: label {printable(label)!r}; give the class index, from 0")
    return ListedSample(sample, int(label))


def _is_plain_name(name: str) -> bool:
    """Whether the name, joined to a folder, stays inside it on any system, and prints as one line."""
    return (
        0 < len(name) <= _LONGEST_NAME
        and name.strip(".") != ""
        and name.isprintable()
        and not any(character in name for character in "/\\:")
    )
