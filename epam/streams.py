"""A network's logits by stream, whichever of the networks gave them, and what training minimises."""

from __future__ import annotations

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from epam.epam_net import EPAMLogits
from epam.errors import InputError

Stream = Literal["fused", "rgb", "pose"]

SINGLE_STREAM = "single"
"""Stands for the only stream of a network where nobody says which one it is."""


def stream_logits(output: Tensor | EPAMLogits, *, default: str) -> dict[str, Tensor]:
    """Return ``(N, K)`` logits by stream, the one to rank by first.

    Args:
        output: what ``forward`` returned; of both streams, ``fused`` is their sum and comes first.
        default: the stream's name where there is only one.

    Raises:
        InputError: neither logits nor a pair of them.
    """
    if isinstance(output, EPAMLogits):
        return {"fused": output.fused, "rgb": output.rgb, "pose": output.pose}
    if isinstance(output, Tensor) and output.dim() == 2:
        return {default: output}
    raise _no_logits(output)


def training_losses(
    output: Tensor | EPAMLogits, labels: Tensor, *, default: str = SINGLE_STREAM
) -> dict[str, Tensor]:
    """Return each stream's mean cross-entropy; training minimises their plain sum.

    The fused score has no loss of its own (the paper's section 3, and the published training script:
    weights 1 : 1, no label smoothing). Computed in float32, whatever the precision of the logits.

    Args:
        output: what ``forward`` returned.
        labels: ``(N,)`` class indices.
        default: the stream's name where there is only one.

    Raises:
        InputError: neither logits nor a pair of them.
    """
    streams = stream_logits(output, default=default)
    return {
        stream: F.cross_entropy(logits.float(), labels)
        for stream, logits in streams.items()
        if stream != "fused"
    }


def _no_logits(output: object) -> InputError:
    found = f"shape {tuple(output.shape)}" if isinstance(output, Tensor) else type(output).__name__
    return InputError(
        f"the network returned {found}; forward must return logits of shape (N, classes), or EPAMLogits"
    )
