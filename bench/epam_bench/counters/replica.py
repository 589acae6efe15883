"""A network's shape without its weights: what can be counted without being run or changed."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

InputsT = TypeVar("InputsT")


def meta_replica(model: nn.Module) -> nn.Module:
    """Copy a network with every tensor on the meta device, in eval mode.

    No weight is copied, and whatever a counter does to the replica, the network never sees.
    """
    tensors = [*model.parameters(), *model.buffers()]
    memo: dict[int, object] = {id(tensor): _to_meta(tensor) for tensor in tensors}
    return copy.deepcopy(model, memo).eval()


def meta_inputs(inputs: InputsT) -> InputsT:
    """The same shapes and types on the meta device, also inside lists, tuples and dictionaries."""
    return tree_map_only(Tensor, lambda value: torch.empty_like(value, device="meta"), inputs)


def on_meta(model: nn.Module) -> bool:
    """Whether a network has no values: it was built on the meta device."""
    return any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))


def _to_meta(tensor: Tensor) -> Tensor:
    data = torch.empty_like(tensor, device="meta")
    return nn.Parameter(data, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else data
