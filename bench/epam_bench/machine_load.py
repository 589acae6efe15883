"""How much of the machine others use while we measure."""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

import psutil

BUSY_FRACTION = 0.10
"""Above this share of the machine in other hands, a row carries a caveat."""


@dataclass(frozen=True)
class LoadReading:
    """Processor seconds so far, of everyone and of our own processes, and when.

    Attributes:
        load_average: over one minute; none where the system keeps none.
    """

    wall_seconds: float
    busy_seconds: float
    own_seconds: float
    load_average: float | None


def read_load(children: Iterable[int] = ()) -> LoadReading:
    """Read the counters now.

    Args:
        children: processes that are ours besides this one; two readings are only to be compared if the
            same ones were there.
    """
    machine = psutil.cpu_times()
    idle = machine.idle + getattr(machine, "iowait", 0.0)
    # `guest` time is already inside `user`.
    busy = sum(machine) - idle - getattr(machine, "guest", 0.0) - getattr(machine, "guest_nice", 0.0)
    own = sum(_processor_seconds(pid) for pid in (os.getpid(), *children))
    average = os.getloadavg()[0] if hasattr(os, "getloadavg") else None
    return LoadReading(time.monotonic(), busy, own, average)


def _processor_seconds(pid: int) -> float:
    """Of one process; none of one that is gone."""
    with suppress(psutil.Error):
        times = psutil.Process(pid).cpu_times()
        return float(times.user + times.system)
    return 0.0


def others_cpu_fraction(before: LoadReading, after: LoadReading) -> float:
    """Share of the machine's processor time that other processes took between two readings."""
    capacity = (after.wall_seconds - before.wall_seconds) * (psutil.cpu_count() or 1)
    others = (after.busy_seconds - before.busy_seconds) - (after.own_seconds - before.own_seconds)
    return min(1.0, max(0.0, others / capacity)) if capacity > 0 else 0.0


def busy_caveat(fraction: float) -> tuple[str, ...]:
    """A sentence for the record if others used enough of the machine to spoil a timing."""
    if fraction <= BUSY_FRACTION:
        return ()
    return (f"busy machine: other processes took {fraction:.0%} of its processor time while this was timed",)
