"""EPAM-Net: an RGB and a pose X-ShiftNet, the first guided by the second's attention."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from torch import Tensor, nn

from epam.attention import AttentionName, build_attention
from epam.errors import InputError
from epam.x_shiftnet import (
    POSE_BLOCKS,
    RGB_BLOCKS,
    STEM_CHANNELS,
    ClassificationHead,
    pose_backbone,
    rgb_backbone,
)

POSE_FRAMES_PER_RGB_FRAME = 3
"""The RGB stream sees every third of the frames that the pose stream sees."""


class EPAMLogits(NamedTuple):
    """Class logits of the two streams, each ``(N, K)``."""

    rgb: Tensor
    pose: Tensor

    @property
    def fused(self) -> Tensor:
        """Their plain sum, the paper's score for prediction, ``(N, K)``."""
        return self.rgb + self.pose


class EPAMNet(nn.Module):
    """The multimodal network.

    ::

        rgb ────── rgb_backbone ─────── f ──────────────── f + f · A ─ rgb_cls_head ── rgb logits
                                                               │
        heatmaps ─ pose_backbone ─┬─ every third frame ─ attention
                                  └─────────────────────────────────── pose_cls_head ─ pose logits

    Args:
        num_classes: K.
        attention: ``nested`` is the paper's; ``none``, ``compressed`` and ``non_local`` its ablations.
        dropout: before each head's linear layer.
        frames: RGB frames; only ``compressed`` attention fixes them.
        stem_channels: width of both backbones' first stage; each further stage is twice as wide.
        rgb_blocks: blocks in each stage of the RGB backbone.
        pose_blocks: blocks in each stage of the pose backbone.
        temporal_shift: off, frames see each other only where whole clips are averaged (an ablation).

    Source: EPAM-Net, Neurocomputing 2025 (arXiv 2408.05421v2), §3.
    """

    def __init__(
        self,
        num_classes: int = 60,
        *,
        attention: AttentionName = "nested",
        dropout: float = 0.5,
        frames: int = 16,
        stem_channels: int = STEM_CHANNELS,
        rgb_blocks: Sequence[int] = RGB_BLOCKS,
        pose_blocks: Sequence[int] = POSE_BLOCKS,
        temporal_shift: bool = True,
    ) -> None:
        super().__init__()
        self.rgb_backbone = rgb_backbone(
            stem_channels=stem_channels, stage_blocks=rgb_blocks, temporal_shift=temporal_shift
        )
        self.pose_backbone = pose_backbone(
            stem_channels=stem_channels, stage_blocks=pose_blocks, temporal_shift=temporal_shift
        )
        rgb_channels, pose_channels = self.rgb_backbone.out_channels, self.pose_backbone.out_channels
        self.attention_module = build_attention(
            attention, pose_channels=pose_channels, rgb_channels=rgb_channels, frames=frames
        )
        self.rgb_cls_head = ClassificationHead(rgb_channels, num_classes, dropout=dropout)
        self.pose_cls_head = ClassificationHead(pose_channels, num_classes, dropout=dropout)

    def forward(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        """``(N, 3, T, H, W), (N, 17, 3T, h, w) → (N, K), (N, K)``.

        Raises:
            InputError: sizes that the strides do not divide, or streams that do not match:
                3T heatmap frames for T RGB frames, and H/32 = h/8, W/32 = w/8.
        """
        self._check(rgb, heatmaps)
        pose = self.pose_backbone(heatmaps)
        guided = self.attention_module.guide(self.rgb_backbone(rgb), pose[:, :, ::POSE_FRAMES_PER_RGB_FRAME])
        return EPAMLogits(rgb=self.rgb_cls_head(guided), pose=self.pose_cls_head(pose))

    def _check(self, rgb: Tensor, heatmaps: Tensor) -> None:
        self.rgb_backbone.check_clip(rgb)
        self.pose_backbone.check_clip(heatmaps)
        if len(rgb) != len(heatmaps):
            raise InputError(f"{len(rgb)} RGB clips came with {len(heatmaps)} of heatmaps; pair them up")
        if heatmaps.shape[2] != POSE_FRAMES_PER_RGB_FRAME * rgb.shape[2]:
            raise InputError(
                f"{rgb.shape[2]} RGB frames need {POSE_FRAMES_PER_RGB_FRAME * rgb.shape[2]} heatmap "
                f"frames, got {heatmaps.shape[2]}"
            )
        rgb_stride, pose_stride = self.rgb_backbone.spatial_stride, self.pose_backbone.spatial_stride
        height, width = (side // rgb_stride * pose_stride for side in rgb.shape[3:])
        if list(heatmaps.shape[3:]) != [height, width]:
            raise InputError(
                f"frames of {rgb.shape[3]} × {rgb.shape[4]} need heatmaps of {height} × {width} "
                f"({pose_stride}/{rgb_stride} of them, so that both streams end on one grid), "
                f"got {heatmaps.shape[3]} × {heatmaps.shape[4]}"
            )
