"""A written file is tried in a process that has none of our code, and held to float64 logits."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from epam.backends import export_check
from epam.backends.backend import BackendError, Inputs
from epam.backends.export import ExportRequest, find_format
from epam.backends.export_check import blocked_packages, check_file, run_file


@pytest.fixture
def written(tmp_path: Path, linear, linear_file, linear_request: ExportRequest) -> Path:
    linear_file.write(linear, linear_request, tmp_path / "net.npz")
    return tmp_path / "net.npz"


def test_file_with_the_networks_own_weights_is_equal(
    written: Path, linear: nn.Linear, linear_file, linear_clips: list[Inputs]
) -> None:
    found = check_file(written, linear_file, linear, linear_clips, input_names=["clip"], precision="fp32")
    assert found.holds
    assert (found.clips, found.top1_agreement) == (3, 1.0)
    assert found.relative_error < 1e-6


def test_file_with_other_weights_is_not(written: Path, linear_file, linear_clips: list[Inputs]) -> None:
    other = nn.Linear(4, 2)
    found = check_file(written, linear_file, other, linear_clips, input_names=["clip"], precision="fp32")
    assert not found.holds


def test_answers_keep_the_order_of_the_clips(written: Path, linear_file, linear_clips: list[Inputs]) -> None:
    linear_file.loading = "outputs = [inputs['clip'][:, 3:] * 1.0]"
    clips = linear_clips * 4
    answers = run_file(written, linear_file, clips, input_names=["clip"])
    assert [float(answer) for answer in answers] == [0, 5, -5] * 4  # type: ignore[arg-type]


def test_file_that_needs_torch_says_so(written: Path, linear_file, linear_clips: list[Inputs]) -> None:
    linear_file.loading = "import torch"
    with pytest.raises(BackendError, match="without our code: ModuleNotFoundError: torch is not to be"):
        run_file(written, linear_file, linear_clips, input_names=["clip"])


def test_process_that_dies_or_hangs_is_one_line(
    written: Path, linear_file, linear_clips: list[Inputs], monkeypatch: pytest.MonkeyPatch
) -> None:
    linear_file.loading = "import os; os.abort()"
    with pytest.raises(BackendError, match="exit status -6"):
        run_file(written, linear_file, linear_clips, input_names=["clip"])
    monkeypatch.setattr(export_check, "TIMEOUT_SECONDS", 1.0)
    linear_file.loading = "import time; time.sleep(60)"
    with pytest.raises(BackendError, match="did not run in 1 s"):
        run_file(written, linear_file, linear_clips, input_names=["clip"])


def test_a_format_is_allowed_what_it_needs_to_be_read_and_nothing_of_ours() -> None:
    assert "torch" in blocked_packages(find_format("onnx"))
    assert "torch" not in blocked_packages(find_format("torchexport"))
    for name in ("onnx", "openvino", "torchexport"):
        assert {"epam", "epam_baselines"} <= set(blocked_packages(find_format(name)))
