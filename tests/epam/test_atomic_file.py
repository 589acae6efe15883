from __future__ import annotations

import os
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


def test_file_has_the_permissions_of_any_other(tmp_path: Path) -> None:
    # What a temporary file is made with would let only its owner read it.
    plain, atomic = tmp_path / "plain", tmp_path / "atomic"
    plain.write_text("")
    write_atomically(atomic, "")
    assert stat.S_IMODE(atomic.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


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


def test_link_is_followed_and_stays_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("old")
    (tmp_path / "link").symlink_to("real")
    write_atomically(tmp_path / "link", "new")
    assert (tmp_path / "real").read_text() == "new"
    assert (tmp_path / "link").is_symlink()


def test_what_is_no_regular_file_is_written_to_and_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_atomically(pipe, "through")
    assert os.read(reader, 100) == b"through"
    os.close(reader)
    assert stat.S_ISFIFO(pipe.stat().st_mode)


def test_temporary_of_a_killed_writer_is_removed_and_a_living_ones_is_not(tmp_path: Path) -> None:
    old, young = tmp_path / ".result.dead.tmp", tmp_path / ".result.alive.tmp"
    old.write_text("")
    young.write_text("")
    os.utime(old, (0, 0))
    write_atomically(tmp_path / "result", "x")
    assert not old.exists()
    assert young.exists()
