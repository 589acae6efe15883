"""Small text files from outside, line by line: split lists, labels, class names."""

from __future__ import annotations

from pathlib import Path

from epam.errors import AnnotationError
from epam.file_signature import describe_placeholder

LARGEST_BYTES = 64 << 20
"""The longest published list has 4 MB."""


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, without their ends and the blanks around them; blank ones stay.

    A line's number is its place here and 1. A byte-order mark, Windows' line ends and a last line
    without an end are taken as they come.

    Raises:
        AnnotationError: it cannot be read, is no UTF-8 text, is over ``LARGEST_BYTES``, or is a
            placeholder (Git LFS pointer, saved web page, empty file).
    """
    data = _read_bytes(path)
    if problem := describe_placeholder(data[:512]):
        raise AnnotationError(f"{path}: {problem}")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise AnnotationError(
            f"{path}: byte {error.start} is no UTF-8 text; is it the list? save it as UTF-8"
        ) from None
    # str.splitlines would also split at characters that belong to a name.
    return [line.strip() for line in text.replace("\r\n", "\n").split("\n")]


def _read_bytes(path: Path) -> bytes:
    if path.is_dir():
        raise AnnotationError(f"{path}: is a folder; name one text file")
    if not path.is_file():
        raise AnnotationError(f"{path}: no such file; check the path")
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except OSError as error:
        raise AnnotationError(f"{path}: cannot be read ({error.strerror}); check its permissions") from None
    if len(data) > LARGEST_BYTES:
        raise AnnotationError(f"{path}: is over {LARGEST_BYTES >> 20} MiB; that is no list of samples")
    return data
