"""Latency: subjects timed in one interleaved run, and a record for each that ran and was right."""

from __future__ import annotations

import math
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from epam_bench.environment import describe_environment
from epam_bench.machine_load import busy_caveat
from epam_bench.records import LatencyRecord, SampleBlock
from epam_bench.timing.contestant import Contestant
from epam_bench.timing.effort import FEWEST_PROCESSES, Effort, Limits
from epam_bench.timing.schedule import Report, Run, share_of_others
from epam_bench.timing.subject import Subject
from epam_bench.timing.widths import base_of, widths

DRAWN_RANGES = (
    "int8 ranges were found on random numbers, not on real clips: the time is that of an int8 network, its "
    "accuracy is not (epam-bench accuracy --precision int8 measures that)"
)


@dataclass(frozen=True)
class Outcome:
    """Records of the subjects that ran, and what went wrong.

    Attributes:
        failures: one line for each subject that failed, by its label. One that failed in the course of the
            run has a record all the same, of what was measured before.
        interrupted: the user stopped it; the records hold what was done by then.
    """

    records: tuple[LatencyRecord, ...]
    failures: dict[str, str]
    interrupted: bool


def measure_latency(
    subjects: Sequence[Subject],
    *,
    effort: Effort | None = None,
    limits: Limits | None = None,
    report: Report = lambda done: None,
) -> Outcome:
    """Time every subject, all in one run.

    Each has a process of its own in every generation of processes, with weights that exercise every
    part of it. A form whose logits are not the reference's within its precision's bound is not timed. The
    processes idle but for their turns, which come in random order, one at a time. One that fails, crashes,
    hangs or runs out of memory costs only its own row, or, where it has been timed before, the rest of its
    samples; one whose logits are wrong costs all of them.

    Args:
        subjects: as :func:`epam_bench.timing.subject.plan_subjects` gives them.
        effort: how long to go on.
        limits: how long a child may take to answer.
        report: told in words what was just done.

    Raises:
        WorkerError: no process can be started at all.
    """
    run = Run(subjects, effort or Effort(), limits or Limits(), report)
    interrupted = False
    try:
        run.go()
    except KeyboardInterrupt:
        interrupted = True
    finally:
        for contestant in run.contestants:
            contestant.leave()
    done = [contestant for contestant in run.contestants if contestant.blocks]
    failures = {one.subject.label: line for one in run.contestants for line in _failure_lines(one)}
    name = uuid.uuid4().hex[:12]
    caveats = _interval_caveats(run, effort or Effort(), interrupted)
    records = tuple(
        _to_record(contestant, done, run, name, interrupted, caveats.get(contestant.subject, ()))
        for contestant in done
    )
    return Outcome(records, failures, interrupted)


def _to_record(
    contestant: Contestant,
    timed: Sequence[Contestant],
    run: Run,
    name: str,
    interrupted: bool,
    of_interval: Sequence[str],
) -> LatencyRecord:
    subject, told = contestant.subject, contestant.told
    together = [other for other in timed if other.group == contestant.group and other is not contestant]
    others = share_of_others(run.load)
    caveats = [
        *_failure_lines(contestant),
        *busy_caveat(others or 0.0),
        *([f"interrupted after {contestant.samples} samples"] if interrupted else []),
        *of_interval,
        *_throttle_caveat(contestant),
        *([DRAWN_RANGES] if subject.precision == "int8" else []),
        *_memory_caveat(run, contestant),
    ]
    return LatencyRecord(
        model=contestant.card,
        environment=describe_environment(),
        caveats=tuple(caveats),
        task=subject.task,
        device=subject.device,
        precision=subject.precision,
        batch_size=subject.batch_size,
        backend=subject.backend,
        backend_notes=tuple(told["notes"]),
        equality=contestant.equality,
        blocks=tuple(
            SampleBlock(process=process, round=number, samples=len(block))
            for (process, number), block in contestant.blocks.items()
        ),
        preparation_seconds=told["preparation_seconds"],
        first_call_ms=told["first_call_ms"],
        l2_cold=subject.l2_cold,
        peak_activation_bytes=told["peak_activation_bytes"],
        reserved_bytes=told["reserved_bytes"],
        process_bytes=told["process_bytes"],
        device_before=contestant.states[0],
        device_after=contestant.states[-1],
        threads=subject.threads,
        warmup_calls=told["warmup_calls"],
        clock=told["clock"],
        run=name,
        interleaved_with=tuple(other.subject.label for other in together),
        span_seconds=contestant.span_seconds,
        interrupted=interrupted,
        failed=contestant.failure is not None,
        samples_ms=tuple(sample for block in contestant.blocks.values() for sample in block),
        weights_bytes=told["weights_bytes"],
        peak_memory_bytes=told["peak_memory_bytes"],
        peak_memory_scope=told["peak_memory_scope"],
        load_average_before=run.load[0][0].load_average if run.load else None,
        load_average_after=run.load[-1][1].load_average if run.load else None,
        others_cpu_fraction=others,
    )


def _failure_lines(contestant: Contestant) -> list[str]:
    """Why it takes no further part, if so, and what its row is from, if it has one."""
    if contestant.failure is None:
        return []
    if not contestant.blocks:
        return [contestant.failure]
    return [
        f"failed in generation {contestant.failed_in + 1}, so that its figure is from "
        f"{_count_processes(contestant.processes)}: {contestant.failure}"
    ]


def _interval_caveats(run: Run, effort: Effort, interrupted: bool) -> dict[Subject, tuple[str, ...]]:
    """What is to be said of a row's interval: from how few processes, or wider than was asked for."""
    timed = {one.subject: one for one in run.contestants if one.blocks}
    known = widths({subject: one.blocks for subject, one in timed.items()})
    what = "ratio" if len(timed) > 1 else "median"
    said: dict[Subject, tuple[str, ...]] = {}
    for subject, one in timed.items():
        few = f"from {_count_processes(one.processes)}, where {FEWEST_PROCESSES} are needed"
        wide = known.get(subject, 0.0)
        if one.processes < FEWEST_PROCESSES:
            said[subject] = (f"its interval is {few}: the next process may show another time",)
        elif wide > effort.target and not interrupted:
            shown = f"±{wide:.1%}" if math.isfinite(wide) else "without a limit"
            base = timed[base_of(subject, list(timed)) or subject]
            why = "a row that failed is in it" if one.failure or base.failure else run.end
            asked = f"±{effort.target:.1%} asked for"
            said[subject] = (f"its {what}'s interval is {shown}, not the {asked}: {why}",)
    return said


def _count_processes(number: int) -> str:
    return f"{number} process{'es' if number > 1 else ''}"


def _throttle_caveat(contestant: Contestant) -> list[str]:
    held = [state.throttled for state in contestant.states if state.throttled]
    if not held:
        return []
    reasons = ", ".join(dict.fromkeys(held))
    return [f"the clock was held down ({reasons}) in {len(held)} of {len(contestant.states)} readings"]


def _memory_caveat(run: Run, contestant: Contestant) -> list[str]:
    if run.groups == 1:
        return []
    return [
        f"not interleaved with all others: memory held {run.groups} groups, this one in group "
        f"{contestant.group + 1}"
    ]
