"""What an operation that PyTorch dispatches computes and moves, from its arguments and its result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode

from epam_bench.counters.dispatch_accountant import FORMULAS, bytes_of, in_schema_order, tensors_in
from epam_bench.counters.operation_kinds import base_name, kind_of, ledger_name, moves_nothing, plain_name
from epam_bench.records import OperationKind
from epam_bench.roofline.operation import VIEWS, Convolution, Operation

OVERWRITES = frozenset({"copy_", "zero_", "fill_"})
"""In-place operations that do not read what they overwrite."""

GATHERS = frozenset({"embedding", "index", "_unsafe_index", "index_select", "gather", "take"})
"""Operations that read of their first operand only what they return."""

CONVOLUTION_SIGN, PRODUCT_SIGN = " ∗ ", " · "


class DispatchDescriber(TorchDispatchMode):
    """Describes every operation that is dispatched, in order.

    In inference mode an operation that is made of others arrives whole; it stays one, and what it
    computes and moves is what its parts do.

    Attributes:
        functions: what was called.
        operations: the same, described.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.functions: list[Any] = []
        self.operations: list[Operation] = []
        self._parts: list[Operation] | None = None

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if torch.is_inference_mode_enabled() and not isinstance(func, HigherOrderOperator):
            outer, self._parts = self._parts, []
            with self:
                result = func.decompose(*args, **named)
            parts, self._parts = self._parts, outer
            if result is not NotImplemented:
                self._note(func, sum_up(parts))
                return result
        result = func(*args, **named)
        self._note(func, describe_call(func, args, named, result))
        return result

    def _note(self, func: Any, operation: Operation) -> None:
        if self._parts is not None:
            self._parts.append(operation)
            return
        self.functions.append(func)
        self.operations.append(operation)


def sum_up(parts: Sequence[Operation]) -> Operation:
    """An operation made of others: named for the one that multiplies most, or else moves most."""
    moving = [part for part in parts if part.bytes or part.macs]
    if not moving:
        return VIEWS
    main = max(moving, key=lambda part: (part.macs, part.bytes))
    return replace(main, macs=sum(part.macs for part in moving), bytes=sum(part.bytes for part in moving))


def describe_call(func: Any, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any) -> Operation:
    """The operation of one call that was dispatched; operands may be on any device.

    Args:
        func: an ``OpOverload``, or an operation that is given functions.
        args: what it was called with.
        kwargs: likewise, by name.
        result: what it returned.
    """
    if isinstance(func, HigherOrderOperator):
        return Operation(name=func.name(), kind=OperationKind.OTHER, shape=_shape_of(result))
    if moves_nothing(func) or next(tensors_in((args, kwargs, result)), None) is None:
        return VIEWS
    name = plain_name(base_name(func))
    in_order = in_schema_order(func, args, kwargs)
    formula = FORMULAS.get(name)
    work = formula(in_order, result) if formula else {}
    kind = next(iter(work), None) or kind_of(func) or OperationKind.OTHER
    if OperationKind.ATTENTION in work:
        kind = OperationKind.ATTENTION
    weight = _weight(in_order) if kind in (OperationKind.CONVOLUTION, OperationKind.MATRIX_PRODUCT) else None
    return Operation(
        name=ledger_name(base_name(func)),
        kind=kind,
        shape=_shape(func, kind, in_order, weight, result),
        macs=sum(work.values()),
        bytes=_traffic(base_name(func), kind, args, kwargs, result),
        convolution=_convolution(in_order, weight, result) if kind is OperationKind.CONVOLUTION else None,
    )


def _weight(args: tuple[Any, ...]) -> tuple[Tensor, Tensor] | None:
    """Input and weight: the last two operands that are no vectors, such as a bias or what is added.

    ``convolution(x, w, b)``, ``addmm(b, x, w)``, ``_convolution_pointwise(x, sum, w, b)`` and, in place,
    ``(sum, x, w, b)``: of three the sum has the result's shape and the weight is the last.
    """
    operands = [value for value in args if isinstance(value, Tensor) and value.dim() > 1]
    return (operands[-2], operands[-1]) if len(operands) > 1 else None


def _convolution(
    args: tuple[Any, ...], operands: tuple[Tensor, Tensor] | None, result: Any
) -> Convolution | None:
    """Sizes from the operands: a transposed convolution's weight has its inputs in front."""
    if operands is None or not isinstance(result, Tensor) or operands[1].dim() != result.dim():
        return None
    weight = operands[1]
    inputs = _input_beside(args, weight, result)
    is_transposed = weight.shape[0] != result.shape[1]
    per_group = weight.shape[1]
    groups = (result.shape[1] if is_transposed else inputs.shape[1]) // max(per_group, 1)
    return Convolution(
        in_channels=inputs.shape[1],
        out_channels=result.shape[1],
        groups=max(groups, 1),
        kernel=tuple(weight.shape[2:]),
    )


def _input_beside(args: tuple[Any, ...], weight: Tensor, result: Any) -> Tensor:
    """Of the operands beside the weight, the one that is convolved, and not the one that is added."""
    others = [
        value for value in args if isinstance(value, Tensor) and value.dim() > 1 and value is not weight
    ]
    if len(others) > 1 and others[0].shape == result.shape and others[1].shape != result.shape:
        return others[1]
    return others[0]


def _shape(
    func: Any, kind: OperationKind, args: tuple[Any, ...], operands: tuple[Tensor, Tensor] | None, result: Any
) -> str:
    if operands is None and kind is OperationKind.MATRIX_PRODUCT:
        # A matrix and a vector, behind the vector that is added, if there is one.
        return PRODUCT_SIGN.join(_shape_of(value) for value in args if isinstance(value, Tensor))
    if operands is None:
        first = next((value for value in args if isinstance(value, Tensor)), None)
        return _shape_of(result if first is None else first)
    inputs, weight = operands
    if kind is OperationKind.CONVOLUTION:
        inputs = _input_beside(args, weight, result)
        return f"{_shape_of(inputs)}{CONVOLUTION_SIGN}{_shape_of(weight)}{_stride(func, args)}"
    return f"{_shape_of(inputs)}{PRODUCT_SIGN}{_shape_of(weight)}"


def _shape_of(value: Any) -> str:
    first = next(tensors_in(value), None)
    return "" if first is None else ("×".join(map(str, first.shape)) or "1")


def _stride(func: Any, args: tuple[Any, ...]) -> str:
    """`` /2``, `` /1×2×2``; nothing where every place is computed."""
    names = [argument.name for argument in func._schema.arguments]
    place = names.index("stride") if "stride" in names else len(args)
    strides = list(args[place]) if place < len(args) else []
    if all(step == 1 for step in strides):
        return ""
    return f" /{strides[0]}" if len(set(strides)) == 1 else f" /{'×'.join(map(str, strides))}"


def _traffic(
    name: str, kind: OperationKind, args: tuple[Any, ...], kwargs: dict[str, Any], result: Any
) -> int:
    """Bytes of every operand once, and of the results; of a norm, not of its saved statistics."""
    read = [bytes_of(tensor) for tensor in tensors_in((args, kwargs))]
    results = list(tensors_in(result))
    written = sum(map(bytes_of, results[:1] if kind is OperationKind.NORMALISATION else results))
    if read and name in OVERWRITES:
        read[0] = 0
    if read and plain_name(name) in GATHERS:
        read[0] = min(read[0], written)
    return sum(read) + written
