"""Refuses frames and heatmaps that do not show the same clip on the same grid, in one line."""

from __future__ import annotations

import torch
from torch import Tensor

from epam.errors import InputError

RGB_CHANNELS = 3
JOINTS = 17
RGB_PIXELS_PER_HEATMAP_PIXEL = 4
"""224² frames with 56² heatmaps: in EPAM-Net's paper, and in RGBPose-Conv3D's (section 3.3)."""


def require_paired_clips(rgb: Tensor, heatmaps: Tensor, *, frame_ratio: int, model: str) -> None:
    """Raise unless ``(N, 3, T, 4h, 4w)`` frames came with ``(N, 17, frame_ratio × T, h, w)`` heatmaps.

    Args:
        rgb: frames.
        heatmaps: of the same clips.
        frame_ratio: heatmaps for each frame.
        model: its name, for the message.

    Raises:
        InputError: naming the model, both shapes, and what belongs to the frames.
    """
    if torch.jit.is_tracing():  # type: ignore[attr-defined]
        return  # sizes are tensors then, and the trace is for these sizes alone
    found = f"got {tuple(rgb.shape)} and {tuple(heatmaps.shape)}"
    if rgb.dim() != 5 or rgb.shape[1] != RGB_CHANNELS:
        raise InputError(f"{model}: frames must be (N, {RGB_CHANNELS}, T, H, W), {found}")
    clips, _, frames, height, width = rgb.shape
    ratio = RGB_PIXELS_PER_HEATMAP_PIXEL
    if height % ratio or width % ratio:
        raise InputError(f"{model}: height and width of frames must be divisible by {ratio}, {found}")
    wanted = (clips, JOINTS, frame_ratio * frames, height // ratio, width // ratio)
    if tuple(heatmaps.shape) != wanted:
        raise InputError(f"{model}: with such frames come heatmaps of {wanted}, {found}")
