"""Shapes that need no working out: what PyTorch derives slowly, in Python, for tensors without values."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten

_FILLINGS = frozenset({aten.normal_, aten.uniform_, aten.fill_, aten.zero_, aten.bernoulli_, aten.erfinv_})
"""They leave a tensor's shape as it is, and without values there is nothing to fill."""

_LIKE_THE_INPUT = frozenset({aten.relu, aten.silu, aten.gelu, aten.sigmoid, aten.tanh, aten.hardswish})


class QuickShapes(TorchDispatchMode):
    """Answers at once where a meta tensor's result has the shape of the first argument.

    PyTorch goes through the arithmetic of a batch norm to find that it changes no shape: half the time
    of a forward pass on meta. Everything else is PyTorch's own answer.
    """

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if args and isinstance(args[0], Tensor) and args[0].is_meta:
            operation = func._overloadpacket
            if operation in _FILLINGS:
                return args[0]
            if operation in _LIKE_THE_INPUT and args[0].is_floating_point():
                return like_on_meta(args[0])
            if func is aten.native_batch_norm.default and not args[5]:
                nothing_saved = args[0].new_empty(0)
                return like_on_meta(args[0]), nothing_saved, args[0].new_empty(0)
        return func(*args, **(kwargs or {}))


def like_on_meta(tensor: Tensor) -> Tensor:
    """``empty_like`` on meta, which PyTorch works out in Python for what is there already."""
    if tensor.is_meta and tensor.is_contiguous():
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
    return torch.empty_like(tensor, device="meta")
