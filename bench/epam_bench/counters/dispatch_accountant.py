"""The first account: multiply-adds and bytes from the shapes of the operations that PyTorch dispatches."""

from __future__ import annotations

import collections
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode

from epam_bench.counters.ledger import Ledger, LedgerLine
from epam_bench.counters.operation_kinds import base_name, kind_of, ledger_name, moves_nothing, plain_name
from epam_bench.records import OperationKind

Work = dict[OperationKind, int]
"""Multiply-adds of one operation by kind: a fused attention block has two."""

Formula = Callable[[tuple[Any, ...], Any], Work]
"""``formula(args, result)`` → multiply-adds; arguments as the operation's schema orders them."""

MULTIPLYING = (OperationKind.CONVOLUTION, OperationKind.MATRIX_PRODUCT, OperationKind.ATTENTION)

PRODUCTS_OF_CALLS = frozenset({"einsum", "outer", "ger", "kron", "vecdot"})
"""Calls that ask for a product of matrices; where nothing is summed PyTorch multiplies element by element."""


def _convolution(args: tuple[Any, ...], result: Tensor) -> Work:
    """Each result is a sum over the weights of one filter."""
    weight: Tensor = args[1]
    return {OperationKind.CONVOLUTION: result.numel() * prod(weight.shape[1:])}


def _transposed(args: tuple[Any, ...], _: Tensor) -> Work:
    """Each input is multiplied by all weights of its channel."""
    inputs, weight = args[:2]
    return {OperationKind.CONVOLUTION: inputs.numel() * prod(weight.shape[1:])}


def _time_first_convolution(args: tuple[Any, ...], result: Tensor) -> Work:
    """``conv_tbc``: weights are ``(kernel, channels in, channels out)``."""
    return {OperationKind.CONVOLUTION: result.numel() * prod(args[1].shape[:2])}


def _packed_convolution(args: tuple[Any, ...], result: Tensor) -> Work:
    """Of oneDNN, with what follows fused: the weight stands second, or third behind what is added."""
    second, third = args[1:3]
    has_addend = isinstance(third, Tensor) and third.dim() > 1
    return _convolution((None, third if has_addend else second), result)


def _packed_linear(args: tuple[Any, ...], _: Tensor) -> Work:
    """Likewise."""
    inputs, second, third = args[:3]
    has_factor = isinstance(third, Tensor) and third.dim() > 1
    return _linear((inputs, third if has_factor else second), _)


def _either_convolution(args: tuple[Any, ...], result: Tensor) -> Work:
    transposed = args[6]
    return _transposed(args, result) if transposed else _convolution(args, result)


def _product(place: int) -> Formula:
    """``(…, n, k) × (…, k, m)``: the left operand stands at ``place`` among the arguments."""

    def formula(args: tuple[Any, ...], _: Tensor) -> Work:
        left, right = args[place : place + 2]
        columns = right.shape[-1] if right.dim() > 1 else 1
        return {OperationKind.MATRIX_PRODUCT: left.numel() * columns}

    return formula


def _linear(args: tuple[Any, ...], _: Tensor) -> Work:
    inputs, weight = args[:2]
    return {OperationKind.MATRIX_PRODUCT: inputs.numel() * weight.shape[0]}


def _outer_product(args: tuple[Any, ...], _: Tensor) -> Work:
    return {OperationKind.MATRIX_PRODUCT: args[1].numel() * args[2].numel()}


def _trilinear(args: tuple[Any, ...], _: Tensor) -> Work:
    """Sums over products of three tensors, as ATen does them: the first two first.

    Axes of one that are ``expand``-ed do not exist in it. Summed already with the first two are the
    axes that the third does not have.
    """
    tensors, expands, summed = args[:3], args[3:6], args[6]
    shapes = [_with_axes(tensor.shape, expand) for tensor, expand in zip(tensors, expands, strict=True)]
    full = [max(sizes) for sizes in zip(*shapes, strict=True)]
    first = prod(size for axis, size in enumerate(full) if not (axis in expands[0] and axis in expands[1]))
    second = prod(size for axis, size in enumerate(full) if not (axis in summed and axis in expands[2]))
    return {OperationKind.MATRIX_PRODUCT: first + second}


def _with_axes(shape: Iterable[int], expand: Iterable[int]) -> list[int]:
    sizes = list(shape)
    for axis in sorted(expand):
        sizes.insert(axis, 1)
    return sizes


def _fused_attention(args: tuple[Any, ...], _: Any) -> Work:
    """``(…, heads, tokens, width)``: scores, then sums of values; keys and values may have fewer heads."""
    query, key, value = args[:3]
    pairs = prod(query.shape[:-1]) * key.shape[-2]
    return {OperationKind.ATTENTION: pairs * (query.shape[-1] + value.shape[-1])}


def _tokens_first_attention(args: tuple[Any, ...], _: Any) -> Work:
    """The same for ``(N, tokens, heads, width)``."""
    query, key, value = (tensor.transpose(1, 2) for tensor in args[:3])
    return _fused_attention((query, key, value), None)


def _attention_block(args: tuple[Any, ...], _: Any) -> Work:
    """``_native_multi_head_attention(query, key, value, width, heads, …)`` of ``(N, tokens, width)``."""
    query, key, value, width = args[:4]
    rows, tokens = query.numel() // query.shape[-1], key.shape[1]
    projected = sum(tensor.numel() for tensor in (query, key, value)) * width + rows * width * width
    return {
        OperationKind.ATTENTION: 2 * rows * tokens * width,
        OperationKind.MATRIX_PRODUCT: projected,
    }


def _encoder_layer(args: tuple[Any, ...], _: Any) -> Work:
    """``_transformer_encoder_layer_fwd``: the block above, then two linear layers."""
    source, width = args[:2]
    # Places in the schema: the two linear layers' weights after both norms' weights and biases.
    widen, narrow = args[14], args[16]
    work = _attention_block((source, source, source, width), None)
    rows = source.numel() // source.shape[-1]
    work[OperationKind.MATRIX_PRODUCT] += rows * (widen.numel() + narrow.numel())
    return work


def _onednn_lstm(args: tuple[Any, ...], _: Any) -> Work:
    """``mkldnn_rnn_layer(input, weight of inputs, weight of states, …)``: one layer, one direction."""
    inputs, *weights = args[:3]
    rows = inputs.numel() // inputs.shape[-1]
    return {OperationKind.MATRIX_PRODUCT: rows * sum(weight.numel() for weight in weights)}


def _device_rnn(args: tuple[Any, ...], _: Any) -> Work:
    """``_cudnn_rnn(input, weights, …)``: each matrix is applied once a step and sample."""
    inputs, weights = args[:2]
    rows = inputs.numel() // inputs.shape[-1]
    matrices = (weight.numel() for weight in weights if weight.dim() == 2)
    return {OperationKind.MATRIX_PRODUCT: rows * sum(matrices)}


FORMULAS: Mapping[str, Formula] = {
    "convolution": _either_convolution,
    "convolution_overrideable": _either_convolution,
    **dict.fromkeys(
        (
            "cudnn_convolution",
            "cudnn_convolution_relu",
            "cudnn_convolution_add_relu",
            "mkldnn_convolution",
            "miopen_convolution",
            "miopen_depthwise_convolution",
            "_slow_conv2d_forward",
            "slow_conv3d_forward",
            "slow_conv_dilated2d",
            "slow_conv_dilated3d",
            "_conv_depthwise2d",
            "conv_depthwise3d",
            "torchvision.deform_conv2d",
        ),
        _convolution,
    ),
    **dict.fromkeys(
        (
            "cudnn_convolution_transpose",
            "miopen_convolution_transpose",
            "slow_conv_transpose2d",
            "slow_conv_transpose3d",
        ),
        _transposed,
    ),
    "conv_tbc": _time_first_convolution,
    "mkldnn._convolution_pointwise": _packed_convolution,
    "mkldnn._convolution_transpose_pointwise": _transposed,
    "mkldnn._linear_pointwise": _packed_linear,
    "mkldnn_linear": _linear,
    **dict.fromkeys(("mm", "bmm", "mv", "dot", "vdot", "_int_mm", "_scaled_mm"), _product(0)),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm", "addmv", "_addmm_activation"), _product(1)),
    "addr": _outer_product,
    "_trilinear": _trilinear,
    **dict.fromkeys(
        (
            "_scaled_dot_product_flash_attention",
            "_scaled_dot_product_flash_attention_for_cpu",
            "_scaled_dot_product_efficient_attention",
            "_scaled_dot_product_cudnn_attention",
            "_scaled_dot_product_fused_attention_overrideable",
            "_scaled_dot_product_attention_math_for_mps",
        ),
        _fused_attention,
    ),
    "_flash_attention_forward": _tokens_first_attention,
    "_efficient_attention_forward": _tokens_first_attention,
    "_native_multi_head_attention": _attention_block,
    "_transformer_encoder_layer_fwd": _encoder_layer,
    "mkldnn_rnn_layer": _onednn_lstm,
    "_cudnn_rnn": _device_rnn,
    "miopen_rnn": _device_rnn,
}


@dataclass
class CallScope:
    """One call of Python's while its operations are dispatched.

    Attributes:
        name: of the function that was called.
        one_line: its operations are one line of the ledger: how they are split is the device's.
        kind: of that line, and of the products inside a call that is an attention.
        macs: multiply-adds dispatched inside so far.
        widths: of operands that were padded inside, by their memory, as they were before.
    """

    name: str
    one_line: bool = False
    kind: OperationKind | None = None
    macs: int = 0
    widths: dict[int | None, int] = field(default_factory=dict)

    def note_padding(self, name: str, args: tuple[Any, ...], result: Any) -> None:
        """Remember how wide an operand was: CUDA's attention pads heads to multiples of 8."""
        if name == "constant_pad_nd":
            self.widths[_storage(result)] = args[0].shape[-1]

    def as_asked(self, operands: tuple[Any, ...]) -> tuple[Any, ...]:
        """Operands without the padding that they got inside this call."""
        return tuple(
            operand.narrow(-1, 0, self.widths.get(_storage(operand), operand.shape[-1]))
            if isinstance(operand, Tensor) and operand.dim()
            else operand
            for operand in operands
        )


@dataclass(frozen=True)
class Traffic:
    """What an operation or a call reads and writes, in bytes, and the elements of its result."""

    elements: int
    bytes_read: int
    bytes_written: int
    weight_bytes: int


ONLY_CALLS_FUNCTIONS = frozenset({"cond", "while_loop"})
"""Operations that are given functions and compute nothing but these."""


class DispatchAccountant(TorchDispatchMode):
    """Enters each operation that is dispatched into a ledger, by formulas over tensors' shapes.

    It sees what is computed, whatever Python called it, on any device. What a device's library does
    in one operation and another device in twenty (attention, recurrent layers) is one line, told by
    ``scope``; its multiply-adds are always the sum of what was dispatched.

    Args:
        weights: parameters and buffers; a view of one is a weight too.

    Attributes:
        module_path: of the module that runs now.
        uncounted: operations without a formula or a kind, with how often.
        when_outside_calls: told name, arguments and multiply-adds of an operation that no call of
            Python's asked for: those of compiled scripts and of other languages.
    """

    supports_higher_order_operators = True

    def __init__(self, weights: Iterable[Tensor]) -> None:
        super().__init__()
        self.module_path = ""
        self.uncounted: collections.Counter[str] = collections.Counter()
        self.when_outside_calls: Callable[[str, tuple[Any, ...], int], None] = _not_asked
        self._weights = {_storage(weight) for weight in weights} - {None}
        self._scopes: list[CallScope] = []
        self._functions_running = 0
        # Calls, MACs, elements, bytes read and written, and of weights, as a line has them.
        self._lines: dict[tuple[str, str, OperationKind], list[int]] = {}

    @property
    def ledger(self) -> Ledger:
        """What was dispatched so far, by module and operation."""
        return Ledger(
            tuple(
                LedgerLine(operation, kind, module, *numbers)
                for (module, operation, kind), numbers in self._lines.items()
            )
        )

    @contextmanager
    def scope(
        self, name: str, kind: OperationKind | None = None, one_line: bool = False
    ) -> Iterator[CallScope]:
        """Operations dispatched inside belong to one call; their multiply-adds are summed up."""
        scope = CallScope(name, one_line=one_line, kind=kind)
        self._scopes.append(scope)
        try:
            yield scope
        finally:
            self._scopes.pop()
            if self._scopes:
                self._scopes[-1].macs += scope.macs

    def enter_call(self, scope: CallScope, operands: Any, result: Any) -> None:
        """The ledger's line for a call that is one line, once its result is there."""
        if any(outer.one_line for outer in self._scopes):
            return
        kind = scope.kind or OperationKind.OTHER
        traffic = self._traffic(operands, result, only_first=False)
        self._enter(ledger_name(scope.name), {kind: scope.macs}, kind, traffic)

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if isinstance(func, HigherOrderOperator):
            return self._higher_order(func, args, kwargs or {})
        # In inference mode, and in functions given to operations, what is made of others arrives whole.
        if torch.is_inference_mode_enabled() or self._functions_running:
            with self:
                result = func.decompose(*args, **(kwargs or {}))
            if result is not NotImplemented:
                return result
        # What comes from outside Python would be heard as a call of ours.
        with torch._C.DisableTorchFunction():
            result = func(*args, **(kwargs or {}))
        # What neither takes nor gives a tensor is a question about the build or the machine.
        if not moves_nothing(func) and next(tensors_in((args, kwargs, result)), None) is not None:
            self._account(func, args, kwargs or {}, result)
        return result

    def _higher_order(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """An operation that is given functions, such as ``torch.cond``: what these compute is heard."""
        heard = tuple(self._heard(value) if callable(value) else value for value in args)
        with torch._C.DisableTorchFunction():
            result = func(*heard, **kwargs)
        if func.name() not in ONLY_CALLS_FUNCTIONS:
            self.uncounted[func.name()] += 1
        return result

    def _heard(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any) -> Any:
            self._functions_running += 1
            try:
                with self:
                    return function(*args)
            finally:
                self._functions_running -= 1

        return call

    def _account(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> None:
        name, kind = base_name(func), kind_of(func)
        in_order = in_schema_order(func, args, kwargs)
        work = self._work(name, in_order, result)
        if kind is None or (kind in MULTIPLYING and plain_name(name) not in FORMULAS):
            self.uncounted[name] += 1
        macs = sum(work.values())
        if self._scopes:
            self._scopes[-1].macs += macs
            if self._scopes[-1].kind is OperationKind.ATTENTION:
                self._scopes[-1].note_padding(name, args, result)
        elif macs:
            self.when_outside_calls(name, in_order, macs)
        if any(scope.one_line for scope in self._scopes):
            return
        if work and self._scopes and self._scopes[-1].kind is not None:
            kind = self._scopes[-1].kind
            work = {kind: macs}
        only_first = kind is OperationKind.NORMALISATION
        traffic = self._traffic((args, kwargs), result, only_first=only_first)
        self._enter(ledger_name(name), work, kind or OperationKind.OTHER, traffic)

    def _work(self, name: str, args: tuple[Any, ...], result: Any) -> Work:
        if formula := FORMULAS.get(plain_name(name)):
            if self._scopes and self._scopes[-1].widths:
                args = self._scopes[-1].as_asked(args)
            return formula(args, result)
        if name == "mul" and self._scopes and self._scopes[-1].name in PRODUCTS_OF_CALLS:
            return {OperationKind.MATRIX_PRODUCT: result.numel()}
        return {}

    def _enter(self, operation: str, work: Work, kind: OperationKind, traffic: Traffic) -> None:
        """One line for each kind of work; what is moved stands once, with an attention where there is one."""
        if work:
            kind = OperationKind.ATTENTION if OperationKind.ATTENTION in work else next(iter(work))
        moved = (traffic.elements, traffic.bytes_read, traffic.bytes_written, traffic.weight_bytes)
        self._add(operation, kind, work.get(kind, 0), *moved)
        for other, macs in work.items():
            if other is not kind:
                self._add(operation, other, macs, 0, 0, 0, 0)

    def _add(self, operation: str, kind: OperationKind, *numbers: int) -> None:
        line = self._lines.setdefault((self.module_path, operation, kind), [0] * (1 + len(numbers)))
        line[0] += 1
        for place, number in enumerate(numbers, start=1):
            line[place] += number

    def _traffic(self, operands: Any, result: Any, *, only_first: bool) -> Traffic:
        read = weights = 0
        for tensor in tensors_in(operands):
            if _storage(tensor) in self._weights:
                weights += bytes_of(tensor)
            else:
                read += bytes_of(tensor)
        results = list(tensors_in(result))
        # A norm's saved statistics differ between devices and are no results in eval mode.
        written = results[:1] if only_first else results
        return Traffic(
            elements=results[0].numel() if results else 0,
            bytes_read=read,
            bytes_written=sum(bytes_of(tensor) for tensor in written),
            weight_bytes=weights,
        )


def _not_asked(name: str, args: tuple[Any, ...], macs: int) -> None:
    """Nobody compares."""


def weights_of(model: nn.Module) -> list[Tensor]:
    """Parameters and buffers, each once."""
    return [*model.parameters(), *model.buffers()]


def in_schema_order(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
    """Arguments as the schema orders them, also those that were given by name."""
    if not kwargs:
        return args
    names = [argument.name for argument in func._schema.arguments[len(args) :]]
    given = [place for place, name in enumerate(names) if name in kwargs]
    if not given:
        return args
    return (*args, *(kwargs.get(name) for name in names[: given[-1] + 1]))


def tensors_in(value: Any) -> Iterator[Tensor]:
    """All tensors in lists, tuples and dictionaries of them."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from tensors_in(part)
    elif isinstance(value, dict):
        yield from tensors_in(list(value.values()))


def bytes_of(tensor: Tensor) -> int:
    """Bytes that a tensor occupies: what is expanded lies in memory once."""
    # Packed for a library's kernels: its strides say nothing.
    if tensor.layout is not torch.strided:
        return tensor.numel() * tensor.element_size()
    try:
        strides = tensor.stride()
    except (RuntimeError, NotImplementedError):
        return tensor.numel() * tensor.element_size()
    sizes = (size for size, stride in zip(tensor.shape, strides, strict=True) if stride or not size)
    return prod(sizes) * tensor.element_size()


def _storage(tensor: Tensor) -> int | None:
    """What two views of the same memory have in common, also on the meta device."""
    try:
        return tensor.untyped_storage()._cdata
    # Sparse tensors have none, lazy parameters none yet.
    except (RuntimeError, NotImplementedError, ValueError):
        return None
