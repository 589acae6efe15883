"""What is exported is a copy: float32 in and out, and tensors alone."""

from __future__ import annotations

import torch
from torch import nn

from epam.backends.export_form import export_form
from epam.backends.frame_major import FrameMajorRecognizer
from epam.x_shiftnet import XShiftNetRecognizer, pose_backbone


def test_copy_computes_in_its_precision_and_the_network_stays_as_it_is() -> None:
    network = nn.Linear(4, 2)
    clip = torch.randn(1, 4)
    (logits,) = export_form(network, "bf16")(clip)
    assert logits.dtype is torch.float32
    assert network.weight.dtype is torch.float32
    assert network.training
    assert not torch.equal(logits, network(clip))
    assert torch.allclose(logits, network(clip), atol=0.1)


def test_shift_networks_are_exported_in_their_frame_major_form() -> None:
    backbone = pose_backbone(stem_channels=8, stage_blocks=(1,))
    network = XShiftNetRecognizer(backbone, stream="pose", num_classes=3, dropout=0.5)
    assert isinstance(export_form(network, "fp32").network, FrameMajorRecognizer)
