from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from epam_bench.roofline.onnx_runtime_profiler import PROFILER, read_passes


def node(name: str, microseconds: int, inputs: list[dict[str, list[int]]]) -> dict[str, object]:
    told = {"op_name": name, "input_type_shape": inputs, "output_type_shape": [{"float": [1, 4, 8, 8]}]}
    return {"cat": "Node", "name": f"{name}_kernel_time", "dur": microseconds, "args": told}


RUN = {"cat": "Session", "name": "model_run", "dur": 1000, "args": {}}


def test_a_pass_ends_with_the_run_and_what_its_nodes_leave_lies_between_them() -> None:
    conv = node("Conv", 700, [{"float": [1, 3, 8, 8]}, {"float": [4, 3, 3, 3]}, {"float": [4]}])
    shape = node("Reshape", 100, [{"float": [1, 4, 8, 8]}, {"int64": [2]}])
    start = {"cat": "Session", "name": "session_initialization", "dur": 5, "args": {}}
    first, second = read_passes([start, conv, shape, RUN, conv, RUN])
    assert [call.ms for call in first.calls] == [0.7, 0.1]
    assert first.between_ms == pytest.approx(0.2)
    assert second.between_ms == pytest.approx(0.3)
    operation = first.calls[0].operation
    assert operation.macs == 4 * 64 * 27
    assert operation.bytes == 4 * (3 * 64 + 4 * 27 + 4 + 4 * 64)
    assert first.calls[1].operation.bytes == 0


def test_a_network_is_taken_apart_and_its_profile_removed() -> None:
    onnxruntime = pytest.importorskip("onnxruntime")
    pytest.importorskip("onnxscript")
    make = onnxruntime.InferenceSession
    # Sixteen channels fill ONNX Runtime's blocks: nothing is padded.
    model = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU()).eval()
    x = torch.rand(1, 16, 8, 8)
    profile = PROFILER.prepare(model, (x,), backend="onnxruntime", precision="fp32", device="cpu", threads=1)
    assert onnxruntime.InferenceSession is make
    torch.testing.assert_close(profile.run_whole(), model(x), atol=1e-4, rtol=1e-4)
    for _ in range(2):
        profile.run_pass()
    taken = profile.passes()
    assert len(taken) == 2
    assert sum(call.operation.macs for call in taken[0].calls) == 16 * 64 * 16 * 9
    assert profile.launch_microseconds > 0
    folder = Path(profile.folder.name)
    assert folder.exists()
    profile.close()
    assert not folder.exists()
