"""One node of an inference engine's graph as an operation: what it computes and moves, by its shapes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod

from epam_bench.records import OperationKind
from epam_bench.roofline.dispatched_call import CONVOLUTION_SIGN, PRODUCT_SIGN
from epam_bench.roofline.operation import Convolution, Operation, OperationPass


@dataclass(frozen=True)
class Operand:
    """One tensor of a node: its shape, and the bytes of an element."""

    shape: tuple[int, ...]
    element_bytes: float

    @property
    def bytes(self) -> int:
        """That it occupies."""
        return int(prod(self.shape) * self.element_bytes)

    @property
    def written(self) -> str:
        """As a reader writes its shape."""
        return "×".join(map(str, self.shape)) or "1"


def quickest_node_microseconds(passes: Iterable[OperationPass]) -> float:
    """What the quickest node took: what each costs; engines' clocks tell whole microseconds."""
    return 1e3 * min((call.ms for taken in passes for call in taken.calls if call.ms > 0), default=1e-3)


def describe_node(
    name: str,
    kind: OperationKind,
    operands: Sequence[Operand],
    results: Sequence[Operand],
    *,
    is_transposed: bool = False,
) -> Operation:
    """What a node computes and moves.

    Args:
        name: its type, as the engine has it.
        kind: what that does.
        operands: what it reads; the weight is the second of a convolution or a product.
        results: what it writes.
        is_transposed: a convolution that spreads each input over many outputs.
    """
    moved = sum(operand.bytes for operand in (*operands, *results))
    first = next(iter((*operands, *results)), Operand((), 0))
    plain = Operation(name=name, kind=kind, shape=first.written, bytes=moved)
    if not results or len(operands) < 2:
        return plain
    inputs, weight, result = operands[0].shape, operands[1].shape, results[0].shape
    if kind is OperationKind.CONVOLUTION and len(weight) >= len(inputs) > 2:
        # The kernel and what each group has in; an engine may keep the groups as an axis in front.
        filters = prod(weight[-(len(inputs) - 1) :])
        return Operation(
            name=name,
            kind=kind,
            shape=f"{first.written}{CONVOLUTION_SIGN}{operands[1].written}{_stride(inputs, weight, result)}",
            macs=prod(inputs if is_transposed else result) * filters,
            bytes=moved,
            convolution=_convolution(inputs, weight, result, is_transposed=is_transposed),
        )
    if kind is OperationKind.MATRIX_PRODUCT and min(map(len, (inputs, weight, result))) > 0:
        return Operation(
            name=name,
            kind=kind,
            shape=f"{first.written}{PRODUCT_SIGN}{operands[1].written}",
            macs=product_macs(inputs, weight, result),
            bytes=moved,
        )
    if kind is OperationKind.ATTENTION and len(operands) > 2:
        value = operands[2].shape
        pairs = prod(inputs[:-1]) * weight[-2]
        return Operation(
            name=name, kind=kind, shape=first.written, macs=pairs * (inputs[-1] + value[-1]), bytes=moved
        )
    return plain


def product_macs(left: Sequence[int], right: Sequence[int], result: Sequence[int]) -> int:
    """Multiply-adds of a matrix product, either operand of which may lie transposed or be broadcast.

    What is summed over is in both operands and not in the result: sizes ``b·n·k``, ``b·k·m`` and ``b·n·m``.
    """
    shared = min(prod(left[:-2]), prod(right[:-2]))
    summed = prod(left) * prod(right) / max(prod(result) * shared, 1)
    return round(prod(result) * summed**0.5)


def _convolution(
    inputs: Sequence[int], weight: Sequence[int], result: Sequence[int], *, is_transposed: bool
) -> Convolution:
    per_group = weight[-(len(inputs) - 1)]
    whole = result[1] if is_transposed else inputs[1]
    return Convolution(
        in_channels=inputs[1],
        out_channels=result[1],
        groups=max(whole // max(per_group, 1), 1),
        kernel=tuple(weight[-(len(inputs) - 2) :]),
    )


def _stride(inputs: Sequence[int], weight: Sequence[int], result: Sequence[int]) -> str:
    """`` /2`` as far as sizes tell: engines do not say how far a kernel steps."""
    kernel = weight[-(len(inputs) - 2) :]
    steps = [_step(*sizes) for sizes in zip(inputs[2:], result[2:], kernel, strict=True)]
    if all(step <= 1 for step in steps):
        return ""
    return f" /{steps[0]}" if len(set(steps)) == 1 else f" /{'×'.join(map(str, steps))}"


def _step(before: int, after: int, kernel: int) -> int:
    """The smallest that leads from one size to the other with a padding of at most half the kernel."""
    for step in range(1, before + 1):
        if any((before + 2 * pad - kernel) // step + 1 == after for pad in range(kernel // 2 + 1)):
            return step
    return round(before / max(after, 1))
