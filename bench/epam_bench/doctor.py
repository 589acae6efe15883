"""Whether this machine is fit to measure today: what was looked at, what was seen, and what to do."""

from __future__ import annotations

import math
import os
import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Literal

import psutil
import torch

from epam_bench.calibration import AGAIN, EMPTY, MODEL, SLOWED, Generation, Header, Recording
from epam_bench.calibration_run import prepare_header, record_generation
from epam_bench.clocks import read_device_state
from epam_bench.environment import describe_environment
from epam_bench.machine_load import LoadReading, others_cpu_fraction, read_load
from epam_bench.paired_timing import TimingComparison, compare_blocks
from epam_bench.timing.worker import WorkerError

Grade = Literal["good", "fair", "poor", "unknown"]
Report = Callable[[str], None]

FULL_SECONDS, QUICK_SECONDS = 55.0, 25.0
"""After this no further processes are started: on a busy machine the last ones may take longer."""

WATCHED_SECONDS = 1.0
"""How long the machine is watched while we do nothing."""

STEADY = 0.10
"""Of a model's time, that its slowest generation may be above its quickest on a steady machine: processes of
the same moment differ by some per cent."""

SHORT_TRIAL = 3
"""Generations of processes in a trial: as few as an interval can be made from."""

CLOCK_READINGS = 20_000
WHOLE_MACHINE = Path("/")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at.

    Attributes:
        seen: what, with its unit.
        advice: what would make it better; empty where nothing would.
        is_needed: whether a machine can be called good without knowing this.
    """

    name: str
    grade: Grade
    seen: str
    advice: str = ""
    is_needed: bool = False


def examine(
    *, seconds: float = FULL_SECONDS, threads: int, report: Report = lambda done: None
) -> tuple[Check, ...]:
    """Look at everything; what a machine does not tell is ``unknown`` and no fault of it.

    Args:
        seconds: after which no further trial is begun.
        threads: that would be measured with.
        report: told in words what is being done.
    """
    until = time.monotonic() + seconds
    report("watching the machine")
    swapped, stolen, load = _swapped_bytes(), read_steal(), read_load()
    clock = read_device_state("cpu").clock_mhz
    time.sleep(WATCHED_SECONDS)
    watched = check_neighbours(load, read_load())
    still = [
        check_timer(),
        watched,
        check_threads(threads),
        check_quota(threads),
        check_governor(),
        check_turbo(),
        check_memory(),
    ]
    trials = _check_trials(until, threads, report)
    return (
        *still,
        check_steal(stolen, read_steal()),
        check_swap(swapped, _swapped_bytes()),
        check_clock(clock, read_device_state("cpu").clock_mhz),
        *(check_gpu() if torch.cuda.is_available() else ()),
        *trials,
    )


def overall_grade(checks: Sequence[Check]) -> Grade:
    """The worst of what is known; not good while something that is needed is unknown."""
    grades = {check.grade for check in checks}
    order: tuple[Grade, ...] = ("poor", "fair", "good")
    worst: Grade = next((grade for grade in order if grade in grades), "unknown")
    lacking = any(check.grade == "unknown" and check.is_needed for check in checks)
    return "unknown" if worst == "good" and lacking else worst


def check_timer() -> Check:
    """The clock's smallest step, and what reading it takes."""
    readings = [time.perf_counter() for _ in range(CLOCK_READINGS)]
    steps = [after - before for before, after in pairwise(readings) if after > before]
    step, reading = min(steps), (readings[-1] - readings[0]) / CLOCK_READINGS
    return Check(
        name="timer",
        grade=_grade(step, good=1e-6, fair=2e-5),
        seen=f"steps of {1e9 * step:.0f} ns, {1e9 * reading:.0f} ns a reading",
        advice="" if step <= 1e-6 else "time longer calls: larger batches, or whole clips",
    )


def check_neighbours(before: LoadReading, after: LoadReading) -> Check:
    """How much of the machine others use."""
    share = others_cpu_fraction(before, after)
    load = f", load average {after.load_average:.1f}" if after.load_average is not None else ""
    return Check(
        name="neighbours",
        grade=_grade(share, good=0.05, fair=0.15),
        seen=f"others took {share:.0%} of the processors while we did nothing{load}",
        advice="" if share <= 0.05 else "stop what else runs (top shows it), or measure when it is done",
    )


def check_threads(threads: int) -> Check:
    """Threads against the processors that this process may use, and the cores behind them."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else psutil.cpu_count() or 1
    cores = min(psutil.cpu_count(logical=False) or allowed, allowed)
    counted = (_count(threads, "thread"), _count(cores, "core"), _count(allowed, "processor"))
    seen = f"{', '.join(counted)} allowed"
    if threads > allowed:
        return Check(name="threads", grade="poor", seen=seen, advice=f"use --threads {cores}: they queue up")
    if threads > cores:
        advice = f"use --threads {cores}: two threads of a core slow each other"
        return Check(name="threads", grade="fair", seen=seen, advice=advice)
    return Check(name="threads", grade="good", seen=seen)


def check_quota(threads: int, root: Path = WHOLE_MACHINE) -> Check:
    """What a container may use of the processors, as its control group says (version 2, then 1)."""
    groups = root / "sys/fs/cgroup"
    quota, period = None, None
    if (words := _read(groups / "cpu.max")) is not None:
        quota, _, period = words.partition(" ")
    elif (words := _read(groups / "cpu/cpu.cfs_quota_us")) is not None:
        quota, period = words, _read(groups / "cpu/cpu.cfs_period_us")
    if quota is None or not period:
        return Check(name="quota", grade="unknown", seen="no control group tells")
    if quota in ("max", "-1"):
        return Check(name="quota", grade="good", seen="no limit")
    with suppress(ValueError, ZeroDivisionError):
        processors = int(quota) / int(period)
        seen = f"{processors:.2g} processors"
        if processors < threads:
            users = "1 thread uses" if threads == 1 else f"{threads} threads use"
            advice = f"the container is stopped whenever {users} that up: raise its limit"
            return Check(name="quota", grade="poor", seen=seen, advice=advice)
        return Check(name="quota", grade="good", seen=seen)
    return Check(name="quota", grade="unknown", seen="the control group tells something else")


def check_governor(root: Path = WHOLE_MACHINE) -> Check:
    """Who sets the processors' clocks."""
    paths = (root / "sys/devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    governors = sorted({words for path in paths if (words := _read(path))})
    if not governors:
        return Check(name="governor", grade="unknown", seen="not told; virtual machines seldom do")
    if governors == ["performance"]:
        return Check(name="governor", grade="good", seen="performance")
    advice = "sudo cpupower frequency-set -g performance"
    return Check(name="governor", grade="fair", seen=", ".join(governors), advice=advice)


def check_turbo(root: Path = WHOLE_MACHINE) -> Check:
    """Whether clocks rise above their rated speed while it is cool enough."""
    system = root / "sys/devices/system/cpu"
    off, on = _read(system / "intel_pstate/no_turbo"), _read(system / "cpufreq/boost")
    if off is None and on is None:
        return Check(name="turbo", grade="unknown", seen="not told; virtual machines seldom do")
    if off == "1" or on == "0":
        return Check(name="turbo", grade="good", seen="off: the clock does not depend on the temperature")
    return Check(
        name="turbo",
        grade="fair",
        seen="on: the clock depends on temperature and on how many cores work",
        advice="switch it off for the steadiest figures, or let the machine warm up first",
    )


def check_memory() -> Check:
    """Memory that can be had without swapping."""
    memory = psutil.virtual_memory()
    gigabytes = memory.available / 1e9
    return Check(
        name="memory",
        grade="good" if gigabytes >= 4 else "fair" if gigabytes >= 1.5 else "poor",
        seen=f"{gigabytes:.1f} GB of {memory.total / 1e9:.1f} GB free",
        advice=""
        if gigabytes >= 4
        else "close what holds memory: models that do not fit are timed in groups",
    )


def check_swap(before: int, after: int) -> Check:
    """Memory written out or read back while we looked."""
    moved = max(0, after - before)
    return Check(
        name="swap",
        grade="good" if moved == 0 else "poor",
        seen=f"{moved / 1e6:.0f} MB moved meanwhile, {psutil.swap_memory().used / 1e9:.1f} GB in use",
        advice="" if moved == 0 else "free memory first: a call that waits for the disk is no measurement",
    )


def read_steal(root: Path = WHOLE_MACHINE) -> tuple[int, int] | None:
    """Processor time that the host gave to others, and all of it, in ticks; none where that is not told."""
    line = (_read(root / "proc/stat") or "").partition("\n")[0].split()
    if not line or line[0] != "cpu" or len(line) < 9:
        return None
    # user nice system idle iowait irq softirq steal; guest time is in user's already.
    ticks = [int(word) for word in line[1:9]]
    return ticks[7], sum(ticks)


def check_steal(before: tuple[int, int] | None, after: tuple[int, int] | None) -> Check:
    """How much of the time the host of a virtual machine gave its processors to others."""
    if before is None or after is None or after[1] <= before[1]:
        return Check(name="steal", grade="unknown", seen="not told")
    share = (after[0] - before[0]) / (after[1] - before[1])
    return Check(
        name="steal",
        grade=_grade(share, good=0.005, fair=0.03),
        seen=f"{share:.1%} of the time",
        advice="" if share <= 0.005 else "the host is shared: measure at another hour, or elsewhere",
    )


def check_clock(before_mhz: float | None, after_mhz: float | None) -> Check:
    """The processors' clock before and after work."""
    if before_mhz is None or after_mhz is None or not before_mhz:
        return Check(name="clock", grade="unknown", seen="not told")
    change = abs(after_mhz / before_mhz - 1)
    return Check(
        name="clock",
        grade=_grade(change, good=0.05, fair=0.25),
        seen=f"{before_mhz:.0f} MHz before, {after_mhz:.0f} MHz after the trials",
        advice="" if change <= 0.05 else "measure warm: clocks rise with work, and fall with heat",
    )


def check_gpu() -> tuple[Check, ...]:
    """Of each GPU, its clock, its temperature, what holds the clock down, and who else is there."""
    checks = []
    for index in range(torch.cuda.device_count()):
        state = read_device_state(f"cuda:{index}")
        if state.clock_mhz is None:
            told = "not told; pip install 'epam-bench[cuda]'"
            checks.append(Check(name=f"GPU {index}", grade="unknown", seen=told))
            continue
        free, total = torch.cuda.mem_get_info(index)
        busy = 1 - free / total
        seen = f"{state.clock_mhz:.0f} MHz, {state.temperature_celsius} °C, {busy:.0%} of its memory taken"
        advice = f"its clock is held down: {state.throttled}" if state.throttled else ""
        shared = "others use it (nvidia-smi shows them)" if busy > 0.1 else ""
        checks.append(
            Check(
                name=f"GPU {index}",
                grade="poor" if state.throttled else "fair" if shared else "good",
                seen=seen,
                advice="; ".join(filter(None, (advice, shared))),
            )
        )
    return tuple(checks)


def _check_trials(until: float, threads: int, report: Report) -> tuple[Check, ...]:
    """As many generations of equal, slowed and empty models as there is time for, and what they say."""
    start = time.monotonic()
    try:
        report("finding a model that takes 4 ms")
        header = prepare_header(describe_environment(), threads)
        # That was two processes one after the other; a generation has four, and more turns.
        generations = _record(header, until, 2 * (time.monotonic() - start), report)
    except WorkerError as error:
        return (
            Check(name="trials", grade="poor", seen=f"processes failed: {error}", advice="mend that first"),
        )
    return check_recording(header, generations)


def _record(header: Header, until: float, expected_seconds: float, report: Report) -> list[Generation]:
    generations: list[Generation] = []
    order = random.Random(0)
    while time.monotonic() + expected_seconds < until:
        start = time.monotonic()
        generations.append(record_generation(header, 0, order))
        expected_seconds = time.monotonic() - start
        report(f"generation {len(generations)} of processes")
    return generations


def check_recording(header: Header, generations: Sequence[Generation]) -> tuple[Check, ...]:
    """What the trials say of the harness, of equal models and of a slowed one."""
    recording = Recording(header, tuple(generations))
    checks = [_check_harness(recording)] if generations else []
    if len(generations) < SHORT_TRIAL:
        seen = f"{len(generations)} of {SHORT_TRIAL} generations of processes in the time there was"
        advice = "the machine is busy or slow: see neighbours, or give it longer with --seconds"
        return (
            *checks,
            Check(name="equal models", grade="unknown", seen=seen, advice=advice, is_needed=True),
            Check(name="planted slowdown", grade="unknown", seen=seen, advice=advice, is_needed=True),
        )
    model, again, slowed = (recording.blocks(name) for name in (MODEL, AGAIN, SLOWED))
    return (
        *checks,
        check_steadiness(recording),
        _check_equal(recording, compare_blocks(model, again)),
        _check_slowed(compare_blocks(model, slowed), header.slowdown),
    )


def check_steadiness(recording: Recording) -> Check:
    """How far the same model's time is from one generation of processes to another.

    Of two processes each, for what luck one of them has is not the machine's. Ratios of neighbours are free
    of what both have in common, absolute times are not: so the grade is never poor.
    """
    alone = [Recording(recording.header, (generation,)) for generation in recording.generations]
    times = [math.sqrt(_median_ms(one, MODEL) * _median_ms(one, AGAIN)) for one in alone]
    is_steady = max(times) <= (1 + STEADY) * min(times)
    return Check(
        name="steadiness",
        grade="good" if is_steady else "fair",
        seen=f"the same model took {min(times):.2f} to {max(times):.2f} ms, by the generation of processes",
        advice="" if is_steady else "compare within one run; for absolute times, one of minutes",
    )


def _check_harness(recording: Recording) -> Check:
    empty_ms = _median_ms(recording, EMPTY)
    return Check(
        name="harness",
        grade=_grade(empty_ms, good=0.02, fair=0.1),
        seen=f"timing a call that does nothing takes {1000 * empty_ms:.1f} µs",
        advice="" if empty_ms <= 0.02 else "time longer calls: this is part of each",
    )


def _check_equal(recording: Recording, whole: TimingComparison) -> Check:
    count = len(recording.generations) // SHORT_TRIAL
    short = [recording.generations[SHORT_TRIAL * index : SHORT_TRIAL * (index + 1)] for index in range(count)]
    verdicts = [
        compare_blocks(recording.blocks(MODEL, trial), recording.blocks(AGAIN, trial)).verdict
        for trial in short
    ]
    alarms = sum(verdict in ("faster", "slower") for verdict in (*verdicts, whole.verdict))
    least = whole.smallest_detectable
    grade = _grade(least, good=0.03, fair=0.08)
    return Check(
        name="equal models",
        grade="fair" if alarms and grade == "good" else grade,
        seen=(
            f"ratio {_describe(whole)}, {alarms} false alarms in {count + 1} trials; the smallest difference "
            f"to be found in {whole.processes} generations is {least:.1%}"
        ),
        advice=(
            "run it again: one of twenty trials may alarm by luck"
            if alarms
            else "measure longer, or on a quieter machine"
            if grade != "good"
            else ""
        ),
    )


def _check_slowed(found: TimingComparison, planted: float) -> Check:
    """Whether the wait was found."""
    is_found = found.verdict == "slower"
    seen = f"{planted:.0%} planted, ratio {_describe(found)}: {'found' if is_found else 'not found'}"
    return Check(
        name="planted slowdown",
        grade="good" if is_found else "poor",
        seen=seen,
        advice=""
        if is_found
        else "differences this small cannot be told here today: measure longer, or later",
    )


def _median_ms(recording: Recording, name: str) -> float:
    return median(sample for turn in recording.blocks(name).values() for sample in turn)


def _describe(found: TimingComparison) -> str:
    low, high = found.interval
    return f"{found.ratio:.3f} [{low:.3f}, {high:.3f}]"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'s' if number != 1 else ''}"


def _grade(value: float, *, good: float, fair: float) -> Grade:
    return "good" if value <= good else "fair" if value <= fair else "poor"


def _swapped_bytes() -> int:
    swap = psutil.swap_memory()
    return int(swap.sin + swap.sout)


def _read(path: Path) -> str | None:
    with suppress(OSError, UnicodeDecodeError):
        return path.read_text().strip()
    return None
