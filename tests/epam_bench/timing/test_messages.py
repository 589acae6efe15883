from __future__ import annotations

import os

import pytest

from epam_bench.timing.messages import parse_message, write_message


def test_message_is_a_line_whatever_is_in_it() -> None:
    reader, writer = os.pipe()
    message = {"failed": "two\nlines, and ×", "samples_ms": [0.1, float("nan")]}
    write_message(writer, message)
    os.close(writer)
    with os.fdopen(reader, "rb") as lines:
        (line,) = lines.readlines()
    assert repr(parse_message(line)) == repr(message)


@pytest.mark.parametrize("line", [b"hello\n", b"[1]\n", b"\xff\n", b"3\n"])
def test_anything_else_is_refused(line: bytes) -> None:
    with pytest.raises(ValueError):  # noqa: PT011  # of any kind
        parse_message(line)
