"""A .pt2 file runs where none of our packages can be imported, and is not larger than its weights need."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from epam.backends.backend import BackendError, Inputs
from epam.backends.export import ExportRequest, find_format
from epam.backends.export_check import check_file


def test_file_gives_the_networks_logits_without_our_code(
    tmp_path: Path, thin_net: nn.Module, thin_request: ExportRequest, thin_clips: list[Inputs]
) -> None:
    form, path = find_format("torchexport"), tmp_path / "net.pt2"
    form.write(thin_net, thin_request, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["net.pt2"]
    names = thin_request.input_names
    assert check_file(path, form, thin_net, thin_clips[:1], input_names=names, precision="fp32").holds
    with zipfile.ZipFile(path) as archive:
        contents = [archive.read(name) for name in archive.namelist()]
    assert not any(b"frame_major.py" in content for content in contents)


def test_network_that_cannot_be_captured_says_why_in_one_line(tmp_path: Path) -> None:
    class Branching(nn.Module):
        def forward(self, clip: Tensor) -> Tensor:
            return clip if clip.sum() > 0 else -clip

    request = ExportRequest(
        example_inputs=(torch.ones(1, 2),), input_names=("clip",), output_names=("logits",)
    )
    with pytest.raises(BackendError, match=r"cannot be captured by torch\.export: \w+") as raised:
        find_format("torchexport").write(Branching(), request, tmp_path / "net.pt2")
    assert "\n" not in str(raised.value)
    assert list(tmp_path.iterdir()) == []
