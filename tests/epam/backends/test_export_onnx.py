"""An ONNX file holds its weights, names what goes in and out, and runs without PyTorch."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from epam.backends.backend import BackendError, Inputs
from epam.backends.export import ExportRequest, find_format
from epam.backends.export_check import check_file

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxscript")
pytest.importorskip("onnxruntime")


def test_file_gives_the_networks_logits_and_says_nothing_of_this_machine(
    tmp_path: Path, thin_net: nn.Module, thin_request: ExportRequest, thin_clips: list[Inputs]
) -> None:
    form, path = find_format("onnx"), tmp_path / "net.onnx"
    facts = form.write(thin_net, thin_request, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.onnx"]
    assert facts["opset"] == "18"
    names = thin_request.input_names
    found = check_file(path, form, thin_net, thin_clips, input_names=names, precision="fp32")
    assert found.holds
    assert found.reference == "the 3-D twin in float64"
    read = onnx.load(path)
    assert [entry.name for entry in read.graph.input] == ["rgb", "heatmaps"]
    assert [entry.name for entry in read.graph.output] == ["rgb_logits", "pose_logits"]
    assert {entry.key: entry.value for entry in read.metadata_props}["model"] == "epam_net"
    assert str(Path(torch.__file__).parent).encode() not in path.read_bytes()
    assert b"frame_major.py" not in path.read_bytes()


def test_network_that_cannot_be_exported_says_why_in_one_line(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return clip if clip.sum() > 0 else -clip

    request = ExportRequest(
        example_inputs=(torch.ones(1, 2),), input_names=("clip",), output_names=("logits",)
    )
    with pytest.raises(BackendError, match=r"cannot be exported as ONNX: \w+") as raised:
        find_format("onnx").write(Branching(), request, tmp_path / "net.onnx")
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp16", "int8"])
def test_other_precisions_stay_within_their_bounds(
    tmp_path: Path, thin_net: nn.Module, thin_request: ExportRequest, thin_clips: list[Inputs], precision
) -> None:
    if precision == "int8":
        pytest.importorskip("nncf")
    request = ExportRequest(
        example_inputs=thin_request.example_inputs,
        input_names=thin_request.input_names,
        output_names=thin_request.output_names,
        precision=precision,
        calibration=tuple(thin_clips),
    )
    form, path = find_format("onnx"), tmp_path / "net.onnx"
    form.write(thin_net, request, path)
    names = request.input_names
    assert check_file(path, form, thin_net, thin_clips, input_names=names, precision=precision).holds
