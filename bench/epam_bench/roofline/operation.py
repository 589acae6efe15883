"""One operation as a roofline sees it: what it computes, what it moves, and how long a call of it took."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import median

from epam_bench.records import OperationKind


@dataclass(frozen=True, kw_only=True)
class Convolution:
    """The sizes that decide how fast a convolution can be."""

    in_channels: int
    out_channels: int
    groups: int
    kernel: tuple[int, ...]

    @property
    def is_depthwise(self) -> bool:
        """Whether each channel is filtered by itself, so that nothing that is read is used twice."""
        return self.groups > 1 and self.groups == self.in_channels

    @property
    def is_pointwise(self) -> bool:
        """Whether it is a matrix product: a kernel of one place, one group."""
        return self.groups == 1 and all(size == 1 for size in self.kernel)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """One call of an operation on operands of one shape.

    Attributes:
        name: as the library that runs it calls it.
        kind: what it does.
        shape: of its first operand and its weight, as a reader would write it.
        macs: multiply-adds of one call.
        bytes: that one call reads and writes, each operand once; zero of views.
        convolution: its sizes, where it is one.
    """

    name: str
    kind: OperationKind
    shape: str
    macs: int = 0
    bytes: int = 0
    convolution: Convolution | None = None


VIEWS = Operation(name="views", kind=OperationKind.DATA_MOVEMENT, shape="")
"""All that make another view of a tensor, or one that they do not fill: they move nothing."""

BETWEEN = Operation(name="between operations", kind=OperationKind.OTHER, shape="")
"""What a pass takes outside all operations: Python, dispatch, memory given back."""


@dataclass(frozen=True)
class TimedCall:
    """One call and its milliseconds."""

    operation: Operation
    ms: float


@dataclass(frozen=True)
class OperationPass:
    """One forward pass taken apart.

    Attributes:
        calls: in the order in which they were made.
        between_ms: what the pass took outside all of them, the profiler's own time left out; none
            where that cannot be told from the profiler's.
    """

    calls: tuple[TimedCall, ...]
    between_ms: float | None = None


@dataclass(frozen=True, kw_only=True)
class OperationGroup:
    """All calls of one operation on one shape in a forward pass.

    Attributes:
        ms: of all calls together, the median over passes.
    """

    operation: Operation
    calls: int
    ms: float

    @property
    def macs(self) -> int:
        """Multiply-adds of all calls."""
        return self.calls * self.operation.macs


def group_calls(passes: Iterable[OperationPass]) -> tuple[OperationGroup, ...]:
    """Sum up each operation within each pass, and take the median over passes; the longest first.

    An operation that not every pass has (a branch that depends on time) counts as zero where it is not.
    """
    known = list(passes)
    sums: dict[Operation, list[float]] = {}
    counts: dict[Operation, list[int]] = {}
    for number, taken in enumerate(known):
        for call in taken.calls:
            sums.setdefault(call.operation, [0.0] * len(known))[number] += call.ms
            counts.setdefault(call.operation, [0] * len(known))[number] += 1
    groups = [
        OperationGroup(operation=operation, calls=max(counts[operation]), ms=median(times))
        for operation, times in sums.items()
    ]
    between = [taken.between_ms for taken in known if taken.between_ms is not None]
    if between:
        groups.append(OperationGroup(operation=BETWEEN, calls=1, ms=median(between)))
    return tuple(sorted(groups, key=lambda group: -group.ms))
