"""Tensors on the CPU that hold nothing: a forward pass of shapes for what cannot run on meta."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

from epam_bench.counters.counter import WeightsNeededError
from epam_bench.counters.operation_kinds import base_name, moves_nothing


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
        self._elsewhere = ThreadPoolExecutor(max_workers=1)

    def __exit__(self, *details: Any) -> None:
        super().__exit__(*details)
        self._elsewhere.shutdown()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if moves_nothing(func) or all(_is_known(tensor) for tensor in _tensors(args, kwargs)):
            return func(*args, **kwargs)
        if base_name(func) in ("_local_scalar_dense", "equal", "is_nonzero"):
            raise WeightsNeededError("the network asks for the value of a tensor")
        if func._schema.is_mutable:
            return args[0]
        # While a tracer listens in this thread, asking a tensor for its sizes is part of what it traces.
        return self._elsewhere.submit(_hollow_result, func, args, kwargs).result()


class TracedConvolutions(TorchFunctionMode):
    """Calls convolutions by the one name that PyTorch's tracer records.

    It records ``_convolution``, which ``conv3d`` calls deep inside: below where ``ShapesOnly`` answers.
    """

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = getattr(func, "__name__", "")
        if name in _CONVOLUTIONS:
            return _plain_convolution(*args, **(kwargs or {}))
        if name in _TRANSPOSED:
            return _transposed_convolution(*args, **(kwargs or {}))
        return func(*args, **(kwargs or {}))


_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
_TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def _plain_convolution(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Tensor:
    if isinstance(padding, str):
        raise WeightsNeededError(f"padding {padding!r} cannot be traced without a real convolution")
    return _convolution(inputs, weight, bias, stride, padding, dilation, False, 0, groups)


def _transposed_convolution(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Tensor:
    return _convolution(inputs, weight, bias, stride, padding, dilation, True, output_padding, groups)


def _convolution(
    inputs: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Tensor:
    axes = weight.dim() - 2
    if inputs.dim() != weight.dim():
        raise WeightsNeededError("a sample without a batch cannot be traced without a real convolution")

    def each(value: Any) -> list[int]:
        return [value] * axes if isinstance(value, int) else list(value)

    geometry = (each(stride), each(padding), each(dilation), transposed, each(output_padding), groups)
    # The last four are hints to cuDNN.
    return torch._convolution(inputs, weight, bias, *geometry, False, False, True, True)


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
    with torch.no_grad():
        args, kwargs = tree_map_only(Tensor, _to_meta, (args, kwargs))
        return tree_map_only(Tensor, hollow, func(*args, **kwargs))


def _to_meta(tensor: Tensor) -> Tensor:
    return torch.empty_strided(tensor.shape, tensor.stride(), dtype=tensor.dtype, device="meta")
