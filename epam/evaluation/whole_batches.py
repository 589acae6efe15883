"""A fast form, which takes one number of clips alone, made to take any number of them."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from epam.backends.backend import Output
from epam.epam_net import EPAMLogits


class WholeBatches(nn.Module):
    """Calls a form with whole batches alone: more clips in several calls, the last of them filled up.

    The last clip stands in for those that are missing, and its further logits are dropped.

    Args:
        form: takes ``(size, …)`` inputs alone, and gives logits of each clip by itself.
        size: clips of one call.
    """

    def __init__(self, form: Callable[..., Output], size: int) -> None:
        super().__init__()
        self.form = form
        self.size = size

    def forward(self, *clips: Tensor) -> Output:
        """``(N, …)`` inputs, any N from 1 → logits ``(N, K)``."""
        count = len(clips[0])
        filled = [_fill(stream, self.size) for stream in clips]
        parts = zip(*(stream.split(self.size) for stream in filled), strict=True)
        answers = [self.form(*part) for part in parts]
        if isinstance(answers[0], EPAMLogits):
            return EPAMLogits(*(torch.cat(streams)[:count] for streams in zip(*answers, strict=True)))
        return torch.cat(answers)[:count]  # type: ignore[arg-type]  # all are of one kind


def _fill(clips: Tensor, size: int) -> Tensor:
    missing = -len(clips) % size
    return torch.cat([clips, clips[-1:].expand(missing, *clips.shape[1:])]) if missing else clips
