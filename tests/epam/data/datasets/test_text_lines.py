from __future__ import annotations

from pathlib import Path

import pytest

from epam.data.datasets import text_lines
from epam.data.datasets.text_lines import read_lines
from epam.errors import AnnotationError


@pytest.fixture
def text(tmp_path: Path) -> Path:
    return tmp_path / "some.txt"


def test_lines_come_without_ends_and_blanks_around(text: Path) -> None:
    text.write_bytes(b"\xef\xbb\xbfa \r\n\n b\nc")
    assert read_lines(text) == ["a", "", "b", "c"]


def test_only_line_ends_part_lines(text: Path) -> None:
    text.write_text("a\x0cb\u2028c\n", encoding="utf-8")
    assert read_lines(text) == ["a\x0cb\u2028c", ""]


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1\n", "Git LFS pointer"),
        (b"<!DOCTYPE html><html>", "a web page"),
        (b"caf\xe9\n", "byte 3 is no UTF-8 text"),
    ],
)
def test_what_is_no_text_of_ours_is_refused(text: Path, content: bytes, complaint: str) -> None:
    text.write_bytes(content)
    with pytest.raises(AnnotationError, match=complaint):
        read_lines(text)


def test_a_missing_file_and_a_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match="no such file"):
        read_lines(tmp_path / "absent.txt")
    with pytest.raises(AnnotationError, match="is a folder"):
        read_lines(tmp_path)


def test_a_file_too_long_for_a_list_is_not_read_whole(text: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_lines, "LARGEST_BYTES", 1 << 20)
    text.write_bytes(b"a\n" * (1 << 19))
    assert len(read_lines(text)) == (1 << 19) + 1
    with text.open("ab") as file:
        file.write(b"a")
    with pytest.raises(AnnotationError, match="is over 1 MiB"):
        read_lines(text)
