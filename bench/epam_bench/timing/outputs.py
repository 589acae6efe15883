"""What a network returns, as logits: also of networks that return something else."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils import _pytree as pytree

from epam.errors import InputError
from epam.streams import SINGLE_STREAM, stream_logits


def gives_logits(output: object) -> bool:
    """Whether a network returned logits of one or of both streams."""
    try:
        stream_logits(output, default=SINGLE_STREAM)  # type: ignore[arg-type]  # that is the question
    except InputError:
        return False
    return True


def flatten_output(output: object) -> Tensor:
    """Every number that a network returned in one row: ``(1, K)``.

    Raises:
        InputError: there is no tensor of numbers in it.
    """
    held = vars(output) if dataclasses.is_dataclass(output) else output
    tensors = [leaf for leaf in pytree.tree_leaves(held) if isinstance(leaf, Tensor)]
    if not tensors:
        raise InputError(f"the network returned {type(output).__name__}, which has no tensor to compare")
    return torch.cat([tensor.reshape(1, -1) for tensor in tensors], dim=1)


class FlatOutput(nn.Module):
    """A network as one that returns one row of numbers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, *inputs: Tensor) -> Tensor:
        """``(1, K)``, K whatever it is."""
        returned: Any = self.network(*inputs)
        return flatten_output(returned)
