"""The least time that an operation needs at a machine's peaks, and what sets it."""

from __future__ import annotations

from dataclasses import dataclass

from epam_bench.records import Bound, MachinePeaks
from epam_bench.roofline.operation import BETWEEN, Operation


@dataclass(frozen=True)
class Limits:
    """What arithmetic, moving and starting take at the peaks, each by itself, in milliseconds."""

    compute_ms: float
    bandwidth_ms: float
    launch_ms: float

    @property
    def bound_ms(self) -> float:
        """The largest: they can overlap at best."""
        return max(self.compute_ms, self.bandwidth_ms, self.launch_ms)

    @property
    def bound(self) -> Bound:
        """Which it is."""
        if self.bound_ms == self.launch_ms:
            return "launch"
        return "compute" if self.bound_ms == self.compute_ms else "bandwidth"


def limits_of(operation: Operation, peaks: MachinePeaks) -> Limits:
    """Of one call. What moves and computes nothing needs no time, and only its launch can be its limit.

    Operands are taken to be in the last cache as far as it holds them, and the rest in memory: no
    operation is then said to be slower than it must be.
    """
    if operation is BETWEEN or not (operation.bytes or operation.macs):
        return Limits(0.0, 0.0, 0.0)
    return Limits(
        compute_ms=compute_ms(operation.macs, peaks),
        bandwidth_ms=bandwidth_ms(operation.bytes, peaks),
        launch_ms=peaks.launch_microseconds / 1e3,
    )


def compute_ms(macs: int, peaks: MachinePeaks) -> float:
    """What so many multiply-adds take at the peak; each is two FLOPs."""
    return 2 * macs / (1e6 * peaks.gflops_per_second)


def bandwidth_ms(moved: int, peaks: MachinePeaks) -> float:
    """What moving so many bytes takes at the peaks."""
    cached = min(moved, peaks.cache_bytes)
    return cached / (1e6 * peaks.cache_gigabytes_per_second) + (moved - cached) / (
        1e6 * peaks.memory_gigabytes_per_second
    )
