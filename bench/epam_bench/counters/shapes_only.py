"""Tensors on the CPU that hold nothing: a forward pass of shapes for what cannot run on meta."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from epam_bench.counters.counter import WeightsNeededError
from epam_bench.counters.operation_kinds import base_name, moves_nothing
from epam_bench.counters.quick_shapes import QuickShapes


class ShapesOnly(TorchDispatchMode):
    """Gives each operation a result of the right shape without computing it.

    Results are memory that nobody has written: it is never touched, so it costs none. Views are made
    as they are, so that what shares memory goes on sharing it. Single numbers that come from no
    hollow tensor (a tracer keeps sizes in such) are computed.

    Raises:
        WeightsNeededError: by the network inside, when it asks for a value that is not there.
    """

    def __init__(self) -> None:
        super().__init__()
        # Its thread ends with it.
        self._elsewhere = ThreadPoolExecutor(max_workers=1)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if moves_nothing(func) or all(_is_known(tensor) for tensor in _tensors(args, kwargs)):
            return func(*args, **kwargs)
        if func is torch.ops.aten.convolution.default and torch._C._get_tracing_state() is not None:
            return self._traced_convolution(args)
        if base_name(func) in ("_local_scalar_dense", "equal", "is_nonzero"):
            raise WeightsNeededError("the network asks for the value of a tensor")
        if func._schema.is_mutable:
            return args[0]
        # While a tracer listens in this thread, asking a tensor for its sizes is part of what it traces.
        return self._elsewhere.submit(_hollow_result, func, args, kwargs).result()

    def _traced_convolution(self, args: tuple[Any, ...]) -> Tensor:
        """Call a convolution by the name that PyTorch's tracer records.

        It records ``_convolution``, which ``convolution`` calls deep inside: below where this mode answers.
        """
        hints_to_cudnn = (False, False, True, True)
        tracer = torch._C._parse_dispatch_key("Tracer")
        assert tracer is not None
        with torch._C._SetExcludeDispatchKeyGuard(tracer, False), self:
            return torch.ops.aten._convolution.default(*args, *hints_to_cudnn)


def hollow(tensor: Tensor) -> Tensor:
    """Memory on the CPU for a tensor's shape, strides and type, not written."""
    if tensor.dim():
        return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="cpu")
    # One of two: a number with memory of its own would be taken for a known one.
    return torch.empty(2, dtype=tensor.dtype, device="cpu")[0]


def hollow_network(replica: nn.Module) -> nn.Module:
    """Give a replica on the meta device parameters and buffers on the CPU that hold nothing."""
    for module in replica.modules():
        for name, parameter in module._parameters.items():
            if parameter is not None:
                module._parameters[name] = nn.Parameter(hollow(parameter), requires_grad=False)
        for name, buffer in module._buffers.items():
            if buffer is not None:
                module._buffers[name] = hollow(buffer)
    return replica


def _is_known(tensor: Tensor) -> bool:
    return tensor.dim() == 0 and tensor.untyped_storage().nbytes() == tensor.element_size()


def _tensors(*values: Any) -> Iterator[Tensor]:
    return (leaf for leaf in tree_leaves(values) if isinstance(leaf, Tensor))


def _hollow_result(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    with torch.no_grad(), QuickShapes():
        args, kwargs = tree_map_only(Tensor, _to_meta, (args, kwargs))
        return tree_map_only(Tensor, hollow, func(*args, **kwargs))


def _to_meta(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
