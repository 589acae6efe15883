"""Networks of a few milliseconds to calibrate timing with: a thin pose stream, the same slowed, and nothing.

Child processes import these by name; what they are to be slowed by reaches them through the environment.
"""

from __future__ import annotations

import os
import time

import torch
from torch import Tensor, nn

from epam.x_shiftnet import XShiftNetRecognizer, pose_backbone
from epam_baselines.custom_models import ImportedSpec

WAIT_VARIABLE = "EPAM_BENCH_PLANTED_WAIT_MS"
"""Environment variable with what a slowed call waits, in milliseconds."""

JOINTS, SIDE = 17, 32
STEM_CHANNELS, STAGE_BLOCKS, CLASSES = 8, (1, 1, 1), 60


def build_thin_stream() -> nn.Module:
    """The pose stream with an eighth of its width and a block a stage: ``(N, 17, T, 32, 32) → (N, 60)``."""
    backbone = pose_backbone(stem_channels=STEM_CHANNELS, stage_blocks=STAGE_BLOCKS)
    return XShiftNetRecognizer(backbone, stream="pose", num_classes=CLASSES, dropout=0.0)


class Slowed(nn.Module):
    """A network whose every call takes so much longer, by waiting with a busy processor."""

    def __init__(self, network: nn.Module, wait_ms: float) -> None:
        super().__init__()
        self.network = network
        self.wait_seconds = wait_ms / 1000.0

    def forward(self, heatmaps: Tensor) -> Tensor:
        """As the network's."""
        logits: Tensor = self.network(heatmaps)
        end = time.perf_counter() + self.wait_seconds
        while time.perf_counter() < end:
            pass
        return logits


def build_slowed_stream() -> nn.Module:
    """The thin stream, slowed by what the environment says; not at all where it says nothing."""
    return Slowed(build_thin_stream(), float(os.environ.get(WAIT_VARIABLE, "0")))


class Nothing(nn.Module):
    """Has its answer ready: what its call takes is the harness's own time."""

    logits: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("logits", torch.ones(1, CLASSES))

    def forward(self, heatmaps: Tensor) -> Tensor:
        """``(1, 60)``, whatever is asked."""
        return self.logits


def specify(name: str, factory: str, frames: int) -> ImportedSpec:
    """One of them as a model to be timed.

    Args:
        name: what it is called in what is kept.
        factory: the function or class of this module that builds it.
        frames: of its clip; what a call takes grows with them.
    """
    return ImportedSpec(
        name=name,
        title=name,
        paper="none",
        year=None,
        modalities=("pose",),
        inputs={"heatmaps": (JOINTS, frames, SIDE, SIDE)},
        clips=1,
        crops=1,
        num_classes=CLASSES,
        build=build_thin_stream,
        origin=f"{__name__}:{factory}",
    )
