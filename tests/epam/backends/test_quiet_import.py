from __future__ import annotations

import sys
from pathlib import Path
from types import ModuleType

import pytest

from epam.backends.quiet_import import REPORTER, import_quietly

LIBRARY = f"""
try:
    import {REPORTER}
    REPORTS = True
except ImportError:
    REPORTS = False
"""


@pytest.fixture
def library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """A library that reports its use where it can, as OpenVINO does."""
    name = f"library_of_{tmp_path.name}"
    (tmp_path / f"{name}.py").write_text(LIBRARY)
    (tmp_path / f"{REPORTER}.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, REPORTER, raising=False)
    return name


def test_a_library_finds_no_reporter_and_nothing_is_left_behind(library: str) -> None:
    assert import_quietly(library).REPORTS is False
    assert REPORTER not in sys.modules


def test_a_reporter_that_was_there_before_is_left_alone(
    library: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, REPORTER, ModuleType(REPORTER))
    assert import_quietly(library).REPORTS is True
    assert REPORTER in sys.modules


def test_a_library_that_is_not_there_leaves_nothing_behind_either() -> None:
    before = REPORTER in sys.modules
    with pytest.raises(ImportError):
        import_quietly("no_such_library")
    assert (REPORTER in sys.modules) is before


def test_openvino_imports_no_reporter() -> None:
    pytest.importorskip("openvino")
    if REPORTER in sys.modules:
        pytest.skip("another test imported OpenVINO aloud")
    import_quietly("openvino")
    assert REPORTER not in sys.modules
