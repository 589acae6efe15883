"""Networks of a few milliseconds to calibrate timing with: a thin pose stream, the same slowed, and nothing.

Child processes import these by name.
"""

from __future__ import annotations

import time

import torch
from torch import Tensor, nn

from epam.x_shiftnet import XShiftNetRecognizer, pose_backbone
from epam_baselines.custom_models import ImportedSpec
from epam_bench.calibration import SLOWDOWN

JOINTS, SIDE = 17, 32
STEM_CHANNELS, STAGE_BLOCKS, CLASSES = 8, (1, 1, 1), 60


def build_thin_stream() -> nn.Module:
    """The pose stream with an eighth of its width and a block a stage: ``(N, 17, T, 32, 32) → (N, 60)``."""
    backbone = pose_backbone(stem_channels=STEM_CHANNELS, stage_blocks=STAGE_BLOCKS)
    return XShiftNetRecognizer(backbone, stream="pose", num_classes=CLASSES, dropout=0.0)


class Slowed(nn.Module):
    """A network that after every call waits, with a busy processor, for a share of what the call took.

    A share, not a fixed time: on a machine whose speed wanders, that would be another slowdown every minute.
    """

    def __init__(self, network: nn.Module, share: float) -> None:
        super().__init__()
        self.network = network
        self.share = share

    def forward(self, heatmaps: Tensor) -> Tensor:
        """As the network's."""
        start = time.perf_counter()
        logits: Tensor = self.network(heatmaps)
        now = time.perf_counter()
        end = now + self.share * (now - start)
        while time.perf_counter() < end:
            pass
        return logits


def build_slowed_stream() -> nn.Module:
    """The thin stream, slowed by what is planted."""
    return Slowed(build_thin_stream(), SLOWDOWN)


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
