from __future__ import annotations

import stat
from pathlib import Path

import pytest

from epam.atomic_file import atomic_path


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
