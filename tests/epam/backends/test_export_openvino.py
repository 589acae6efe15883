"""OpenVINO's two files give the network's logits without PyTorch, under the names that they were given."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch import nn

from epam.backends.backend import Inputs
from epam.backends.export import ExportRequest, find_format
from epam.backends.export_check import check_file

pytest.importorskip("openvino")


# In float32 epam_baselines/test_export_command.py does the same from end to end.
@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_files_give_the_networks_logits(
    tmp_path: Path, thin_net: nn.Module, thin_request: ExportRequest, thin_clips: list[Inputs], precision
) -> None:
    if precision == "int8":
        pytest.importorskip("nncf")
    form, path = find_format("openvino"), tmp_path / "net.xml"
    request = ExportRequest(
        example_inputs=thin_request.example_inputs,
        input_names=thin_request.input_names,
        output_names=thin_request.output_names,
        precision=precision,
        calibration=tuple(thin_clips),
        metadata=thin_request.metadata,
    )
    form.write(thin_net, request, path)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["net.bin", "net.xml"]
    found = check_file(path, form, thin_net, thin_clips, input_names=request.input_names, precision=precision)
    assert found.holds
    text = path.read_text()
    assert 'names="heatmaps"' in text
    assert 'names="rgb_logits"' in text
    assert "frame_major.py" not in text
