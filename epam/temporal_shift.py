"""Channels moved one frame along time: the only view across time that the network has."""

from __future__ import annotations

from typing import Any

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
    if torch.is_grad_enabled() and x.requires_grad:
        return _Shift.apply(x, frames, fold, True)
    clips = x.unflatten(0, (-1, frames))
    from_next, from_previous, unmoved = clips.split([fold, fold, clips.shape[2] - 2 * fold], dim=2)
    # The pad's last pair is the time axis: one empty frame behind, or in front.
    from_next = F.pad(from_next[:, 1:], (0, 0, 0, 0, 0, 0, 0, 1))
    from_previous = F.pad(from_previous[:, :-1], (0, 0, 0, 0, 0, 0, 1, 0))
    return torch.cat([from_next, from_previous, unmoved], dim=2).flatten(0, 1)


class _Shift(torch.autograd.Function):
    """The shift and its gradient, which is the shift the other way: one copy each.

    Autograd would write a full tensor of zeros for each of the pieces above, and add them up.
    """

    @staticmethod
    def forward(ctx: Any, x: Tensor, frames: int, fold: int, ahead: bool) -> Tensor:
        """``ahead``: the first fold takes the next frame's values, the second the previous one's."""
        ctx.how = (frames, fold, not ahead)
        shifted = torch.empty_like(x)
        seen, made = x.unflatten(0, (-1, frames)), shifted.unflatten(0, (-1, frames))
        first, second = slice(0, fold), slice(fold, 2 * fold)
        from_next, from_previous = (first, second) if ahead else (second, first)
        made[:, :-1, from_next] = seen[:, 1:, from_next]
        made[:, -1, from_next] = 0
        made[:, 1:, from_previous] = seen[:, :-1, from_previous]
        made[:, 0, from_previous] = 0
        made[:, :, 2 * fold :] = seen[:, :, 2 * fold :]
        return shifted

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None, None, None]:
        """Each value's gradient is where the value went."""
        return _Shift.apply(gradients[0], *ctx.how), None, None, None
