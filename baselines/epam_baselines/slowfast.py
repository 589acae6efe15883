"""SlowFast: a wide path that sees few frames and a thin one that sees all, joined after every stage.

Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019, table 1 and section 3.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from epam_baselines.mmaction_layout import ConvUnit, crop_note, linear
from epam_baselines.slowonly import EXPANSION, residual_stage
from epam_baselines.specification import ModelSpec

BLOCKS = (3, 4, 6, 3)
SLOW_WIDTH = 64
FAST_WIDTH = 8
"""Channels of the slow stem, and an eighth of them: the paper's β."""

STEPS = (
    (("conv1", "maxpool"), "conv1_lateral"),
    (("layer1",), "layer1_lateral"),
    (("layer2",), "layer2_lateral"),
    (("layer3",), "layer3_lateral"),
    (("layer4",), None),
)
"""What both paths do, step by step, and the connection from fast to slow that follows a step."""
LATERAL_CHANNELS = {"conv1_lateral": 8, "layer1_lateral": 32, "layer2_lateral": 64, "layer3_lateral": 128}
"""Channels of the fast path that a connection reads; it gives the slow path twice as many."""


class SlowFastBackbone(nn.Module):
    """Both paths; the slow one takes one frame in ``speed_ratio`` (the paper's α) of the clip.

    ::

        clip ─┬─────────── fast: stem ─┬─ layer1 ─┬─ layer2 ─┬─ layer3 ─┬─ layer4 ─► fast features
              │                     lateral    lateral    lateral    lateral
              └─ 1 in α ── slow: stem ─⧺─ layer1 ─⧺─ layer2 ─⧺─ layer3 ─⧺─ layer4 ─► slow features

    Args:
        speed_ratio: frames of the fast path for one of the slow path.
        lateral_frames: frames that a lateral convolution sees.
    """

    def __init__(self, *, speed_ratio: int, lateral_frames: int) -> None:
        super().__init__()
        self.speed_ratio = speed_ratio
        self.slow_path = _path(SLOW_WIDTH, stem_frames=1, temporal=(False, False, True, True), receives=True)
        for name, channels in LATERAL_CHANNELS.items():
            self.slow_path[name] = ConvUnit(
                channels,
                2 * channels,
                (lateral_frames, 1, 1),
                stride=(speed_ratio, 1, 1),
                norm=False,
                activation=False,
            )
        self.fast_path = _path(FAST_WIDTH, stem_frames=5, temporal=(True, True, True, True), receives=False)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """``(N, 3, T, H, W) → (N, 2048, T/α, H/32, W/32), (N, 256, T, H/32, W/32)``."""
        slow, fast = x[:, :, :: self.speed_ratio], x
        for layers, lateral in STEPS:
            for layer in layers:
                slow, fast = self.slow_path[layer](slow), self.fast_path[layer](fast)
            if lateral is not None:
                slow = torch.cat((slow, self.slow_path[lateral](fast)), dim=1)
        return slow, fast


def _path(width: int, *, stem_frames: int, temporal: Sequence[bool], receives: bool) -> nn.ModuleDict:
    """Stem and stages of one path; one that ``receives`` has a quarter more channels before each stage."""
    path = nn.ModuleDict(
        {
            "conv1": ConvUnit(3, width, (stem_frames, 7, 7), stride=(1, 2, 2)),
            "maxpool": nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
        }
    )
    channels = width
    for index, (depth, looks_across) in enumerate(zip(BLOCKS, temporal, strict=True)):
        inner = width * 2**index
        path[f"layer{index + 1}"] = residual_stage(
            channels + channels // 4 if receives else channels,
            inner,
            temporal=[looks_across] * depth,
            spatial_stride=2 if index else 1,
        )
        channels = EXPANSION * inner
    return path


class SlowFastHead(nn.Module):
    """Mean of either path over time and space, the fast one's channels first; dropout; one linear layer."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.fc_cls = linear(channels, num_classes, std=0.01)

    def forward(self, slow: Tensor, fast: Tensor) -> Tensor:
        """``(N, C, T/α, H, W), (N, C', T, H, W) → (N, num_classes)``."""
        features = torch.cat((fast.mean((2, 3, 4)), slow.mean((2, 3, 4))), dim=1)
        return self.fc_cls(self.dropout(features))


class SlowFastR50(nn.Module):
    """SlowFast-R50 under the names of MMAction2's published checkpoints.

    One clip goes in: the slow path's frames are taken inside.
    """

    def __init__(self, *, num_classes: int, speed_ratio: int, lateral_frames: int) -> None:
        super().__init__()
        self.backbone = SlowFastBackbone(speed_ratio=speed_ratio, lateral_frames=lateral_frames)
        self.cls_head = SlowFastHead(8 * EXPANSION * (SLOW_WIDTH + FAST_WIDTH), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``, all T frames for the fast path."""
        slow, fast = self.backbone(x)
        return self.cls_head(slow, fast)


def build_4x16(*, num_classes: int) -> SlowFastR50:
    """Four slow frames, sixteen apart, beside 32 fast ones."""
    return SlowFastR50(num_classes=num_classes, speed_ratio=8, lateral_frames=5)


def build_8x8(*, num_classes: int) -> SlowFastR50:
    """Eight slow frames, eight apart, beside 32 fast ones."""
    return SlowFastR50(num_classes=num_classes, speed_ratio=4, lateral_frames=7)


# Source: MMAction2, configs/recognition/slowfast/README.md (10 clips × 3 crops; 4x16: 75.55 %, 34.5 M
# parameters, 36.3 G; 8x8: 76.80 %, 34.6 M, 66.1 G). The figures are MACs of one 256² crop of the test
# config, the head left out and every batch-normed element counted twice: so counted, ours are 36.331 G and
# 66.056 G; convolutions and the linear layer alone are 36.10 G and 65.71 G there, 27.64 G and 50.31 G at the
# 224² of training that is given here.
SLOWFAST_R50_4X16 = ModelSpec(
    name="slowfast_r50_4x16",
    title="SlowFast R50 4×16",
    paper="Feichtenhofer et al., ICCV 2019",
    year=2019,
    modalities=("rgb",),
    inputs={"rgb": (3, 32, 224, 224)},
    clips=10,
    crops=3,
    num_classes=400,
    build=build_4x16,
    frame_interval=2,
    notes=(crop_note("36.1"),),
)
SLOWFAST_R50_8X8 = dataclasses.replace(
    SLOWFAST_R50_4X16,
    name="slowfast_r50_8x8",
    title="SlowFast R50 8×8",
    build=build_8x8,
    notes=(crop_note("65.7"),),
)
