"""Channels moved one frame along time: the only view across time that the network has."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor


def temporal_shift(x: Tensor, *, frames: int, fold: int) -> Tensor:
    """Give the first ``fold`` channels their next frame's value, the second their previous one's.

    What has no neighbour (the last frame of the first fold, the first of the second) becomes 0;
    all other channels stay.

    ``(N·T, C, H, W) → (N·T, C, H, W)``

    Args:
        x: frames folded into the batch, those of one clip next to each other.
        frames: T, how many frames a clip has.
        fold: channels in one fold; ``2 * fold <= C``.

    Source: the paper's X-ShiftNet block, after TSM (Lin et al., ICCV 2019).
    """
    clips = x.unflatten(0, (-1, frames))
    from_next, from_previous, unmoved = clips.split([fold, fold, clips.shape[2] - 2 * fold], dim=2)
    # The pad's last pair is the time axis: one empty frame behind, or in front.
    from_next = F.pad(from_next[:, 1:], (0, 0, 0, 0, 0, 0, 0, 1))
    from_previous = F.pad(from_previous[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0))
    return torch.cat([from_next, from_previous, unmoved], dim=2).flatten(0, 1)
