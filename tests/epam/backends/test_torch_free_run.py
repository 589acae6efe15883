"""In the process that tries a file, what is blocked cannot be imported, however it is asked for."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from epam.backends import torch_free_run
from epam.backends.torch_free_run import Blocked

SCRIPT = Path(torch_free_run.__file__)


def run(folder: Path, loading: str) -> subprocess.CompletedProcess[str]:
    np.savez(folder / "in.npz", **{"0.clip": np.ones(2), "1.clip": np.zeros(2)})  # type: ignore[arg-type]
    order = {
        "file": "a file",
        "loading": loading,
        "inputs": str(folder / "in.npz"),
        "outputs": str(folder / "out.npz"),
        "blocked": ["torch", "epam"],
    }
    command = [sys.executable, "-P", str(SCRIPT), json.dumps(order)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_each_clip_is_run_by_the_lines_that_are_given(tmp_path: Path) -> None:
    done = run(tmp_path, "outputs = [inputs['clip'] + 1, FILE]")
    assert done.returncode == 0, done.stderr
    with np.load(tmp_path / "out.npz") as archive:
        assert archive["0.0"].tolist() == [2, 2]
        assert archive["1.0"].tolist() == [1, 1]
        assert archive["1.1"] == "a file"


@pytest.mark.parametrize(
    "loading",
    [
        "import torch",
        "import torch.nn",
        "__import__('epam')",
        "import importlib; importlib.import_module('epam.backends')",
    ],
)
def test_blocked_package_cannot_be_imported(tmp_path: Path, loading: str) -> None:
    done = run(tmp_path, loading)
    assert done.returncode != 0
    assert "is not to be imported here" in done.stderr
    assert not (tmp_path / "out.npz").exists()


def test_package_that_got_in_all_the_same_is_found_out(tmp_path: Path) -> None:
    done = run(tmp_path, "import sys; sys.modules['torch'] = sys; outputs = []")
    assert done.returncode != 0
    assert "torch was loaded" in done.stderr


def test_others_are_left_to_other_finders() -> None:
    assert Blocked(["torch"]).find_spec("torchmetrics") is None
