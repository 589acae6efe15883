from __future__ import annotations

import stat
from pathlib import Path

import pytest

from epam.atomic_file import atomic_path, write_atomically
from epam.errors import InputError


def test_file_appears_only_when_whole(tmp_path: Path) -> None:
    target = tmp_path / "deep" / "result.txt"
    with atomic_path(target) as temporary:
        temporary.write_text("half")
        assert not target.exists()
        temporary.write_text("whole")
    assert target.read_text() == "whole"
    assert stat.S_IMODE(target.stat().st_mode) & 0o400


def test_an_error_leaves_the_old_file_and_no_rubbish(tmp_path: Path) -> None:
    target = tmp_path / "result.txt"
    target.write_text("old")

    def fail_half_way() -> None:
        with atomic_path(target) as temporary:
            temporary.write_text("new, unfinished")
            raise RuntimeError("killed")

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_text_and_bytes_are_written_as_they_are(tmp_path: Path) -> None:
    assert write_atomically(tmp_path / "text", "72.8×\n").read_bytes() == "72.8×\n".encode()
    assert write_atomically(tmp_path / "bytes", b"\xff\n").read_bytes() == b"\xff\n"


def test_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"file/result: cannot be written"):
        write_atomically(tmp_path / "file" / "result", "x")
