"""The causes of slowness, named from what was measured: where time goes beyond what arithmetic needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epam_bench.records import Bound, MachinePeaks, OperationKind
from epam_bench.roofline.bounds import compute_ms, limits_of
from epam_bench.roofline.operation import BETWEEN, Convolution, Operation, OperationGroup

NAMED_CAUSES = 3
SMALL_CHANNELS = 32
"""Fewer than two full vectors of 16 numbers: kernels that block channels run part empty."""

NOTICEABLE = 0.01
"""Less of the time than this is no cause."""

WASTEFUL = 2.0
"""So many times the least time at the peaks, and it is the kernel and no peak that an operation waits for."""


@dataclass(frozen=True)
class Cause:
    """One cause: operations that are slow for the same reason.

    Attributes:
        name: in words, the beginning of a sentence.
        groups: the operations, the longest first.
        lost_ms: what they take beyond their multiply-adds at the peak.
    """

    name: str
    groups: tuple[OperationGroup, ...]
    lost_ms: float


def find_causes(groups: Sequence[OperationGroup], peaks: MachinePeaks) -> tuple[Cause, ...]:
    """Sort operations by why they are slow, the costliest cause first; every operation is of one cause."""
    sorted_out: dict[str, list[OperationGroup]] = {}
    for group in groups:
        sorted_out.setdefault(_cause_of(group.operation, peaks), []).append(group)
    causes = [
        Cause(
            name,
            tuple(sorted(members, key=lambda member: -member.ms)),
            sum(member.ms - compute_ms(member.macs, peaks) for member in members),
        )
        for name, members in sorted_out.items()
    ]
    return tuple(sorted(causes, key=lambda cause: -cause.lost_ms))


def name_causes(groups: Sequence[OperationGroup], peaks: MachinePeaks) -> tuple[str, ...]:
    """The three costliest causes in words, with their numbers."""
    whole_ms = sum(group.ms for group in groups)
    macs = sum(group.macs for group in groups)
    worth_a_word = [
        cause for cause in find_causes(groups, peaks) if whole_ms and cause.lost_ms >= NOTICEABLE * whole_ms
    ]
    return tuple(_sentence(cause, peaks, whole_ms, macs) for cause in worth_a_word[:NAMED_CAUSES])


SMALL = "small operations and what lies between them"
PASSES = "normalisation, activations and sums as passes of their own"
COPIES = "copies and changes of layout"

_BY_KIND = {
    OperationKind.MATRIX_PRODUCT: "matrix products",
    OperationKind.ATTENTION: "attention",
    OperationKind.NORMALISATION: PASSES,
    OperationKind.ACTIVATION: PASSES,
    OperationKind.ELEMENTWISE: PASSES,
    OperationKind.DATA_MOVEMENT: COPIES,
    OperationKind.REDUCTION: "means, sums and pooling",
    OperationKind.POOLING: "means, sums and pooling",
    OperationKind.INTERPOLATION: "interpolation",
    OperationKind.CONVOLUTION: "convolutions",
    OperationKind.OTHER: "other operations",
}


def _cause_of(operation: Operation, peaks: MachinePeaks) -> str:
    moves_nothing = not (operation.bytes or operation.macs)
    if operation is BETWEEN or moves_nothing or limits_of(operation, peaks).bound == "launch":
        return SMALL
    if operation.convolution is not None:
        return _convolution_cause(operation.convolution)
    return _BY_KIND[operation.kind]


def _convolution_cause(sizes: Convolution) -> str:
    if sizes.is_depthwise:
        return "depthwise convolutions"
    if sizes.groups > 1:
        return "grouped convolutions"
    few = min(sizes.in_channels, sizes.out_channels) < SMALL_CHANNELS
    kernel = "1×1" if sizes.is_pointwise else "×".join(map(str, sizes.kernel))
    return f"{kernel} convolutions{' with few channels' if few else ''}"


def _sentence(cause: Cause, peaks: MachinePeaks, whole_ms: float, whole_macs: int) -> str:
    ms = sum(group.ms for group in cause.groups)
    macs = sum(group.macs for group in cause.groups)
    start = f"{cause.name}: {_milliseconds(ms)}, {ms / whole_ms:.0%} of the time"
    if cause.name == SMALL:
        return f"{start}: {_in_words_small(cause)}"
    share = f"{macs / whole_macs:.0%}" if macs and whole_macs else "none"
    start += f" for {share} of the multiply-adds"
    return f"{start}; {_why(cause, peaks, ms)}; {_most(cause, peaks)}"


def _in_words_small(cause: Cause) -> str:
    calls = sum(group.calls for group in cause.groups if group.operation is not BETWEEN)
    between = sum(group.ms for group in cause.groups if group.operation is BETWEEN)
    ms = sum(group.ms for group in cause.groups) - between
    return (
        f"{calls} calls too small to be worth their launch take {_milliseconds(ms)}, and "
        f"{_milliseconds(between)} pass outside all operations"
    )


def _why(cause: Cause, peaks: MachinePeaks, ms: float) -> str:
    """What holds them: the peak that most of their least time is of, or, far from it, their kernels."""
    least: dict[Bound, float] = {}
    for group in cause.groups:
        limits = limits_of(group.operation, peaks)
        least[limits.bound] = least.get(limits.bound, 0.0) + group.calls * limits.bound_ms
    bound = max(least, key=lambda name: least[name])
    total = sum(least.values())
    if total and ms > WASTEFUL * total:
        return f"bound by {bound}, and their kernels take {ms / total:.1f} times what that peak would allow"
    return f"bound by {bound}, {_milliseconds(total)} at the peaks"


def _most(cause: Cause, peaks: MachinePeaks) -> str:
    """The one operation that loses most, and how near to a peak it comes."""

    def lost(group: OperationGroup) -> float:
        return group.ms - compute_ms(group.macs, peaks)

    worst = max(cause.groups, key=lost)
    operation = worst.operation
    of = f"{operation.name.rpartition('.')[2].removeprefix('_')} {operation.shape}".strip()
    if operation.macs:
        rate = 2 * worst.macs / (1e6 * worst.ms) if worst.ms else 0.0
        reached = f"{rate:.0f} of {peaks.gflops_per_second:.0f} GFLOP/s"
    else:
        rate = worst.calls * operation.bytes / (1e6 * worst.ms) if worst.ms else 0.0
        fits = operation.bytes <= peaks.cache_bytes
        peak = peaks.cache_gigabytes_per_second if fits else peaks.memory_gigabytes_per_second
        reached = f"{rate:.0f} GB/s where {'the cache' if fits else 'memory'} has {peak:.0f}"
    few = ""
    sizes = operation.convolution
    if sizes and not sizes.is_depthwise and min(sizes.in_channels, sizes.out_channels) < SMALL_CHANNELS:
        few = f" with {sizes.in_channels} channels in and {sizes.out_channels} out"
    return f"most in {of} ({worst.calls}×, {_milliseconds(worst.ms)}){few}, at {reached}"


def _milliseconds(ms: float) -> str:
    return f"{ms:.1f} ms" if ms >= 1 else f"{ms:.2g} ms"
