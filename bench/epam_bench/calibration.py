"""Timing put to the test: one long recording of equal and of slowed models, cut into many short trials.

The recording is made as `epam-bench latency` measures: fresh processes each generation, which take turns in
random order. It is a file of JSON lines, a header and then a line a generation; a later call goes on with it.
"""

from __future__ import annotations

import json
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from epam.errors import InputError
from epam.evaluation.intervals import wilson_interval
from epam_bench.paired_timing import Blocks, compare_blocks, median_interval
from epam_bench.records import Environment, Milliseconds, Seconds

if TYPE_CHECKING:
    from epam_bench.timing.worker import Worker

SUBJECTS = {
    "model": "build_thin_stream",
    "again": "build_thin_stream",
    "slowed": "build_slowed_stream",
    "empty": "Nothing",
}
"""What takes turns, and what of ``calibration_models`` builds it; ``model`` and ``again`` are the same."""

MODEL, AGAIN, SLOWED, EMPTY = SUBJECTS

SLOWDOWN = 0.05
"""Planted: a call of ``slowed`` waits for so much of the model's median besides."""

AIMED_MS = 4.0
"""The clip is as long as makes a call take about this."""

FIRST_FRAMES, FEWEST_FRAMES, MOST_FRAMES = 8, 1, 64
ROUNDS, CALLS = 6, 25
"""Turns of each in a generation, and timed calls a turn: a tenth of a second of a 4 ms model."""

WARMUP_CALLS = 10
ANSWER_SECONDS = 120.0
MOST_FAILURES = 3
"""Generations in a row that gave nothing before the recording is given up."""

TRIAL_SIZES = (3, 4, 6, 8, 12, 16, 24)
"""Generations of a trial; the last ones only of a long recording."""

JUDGED_SIZE = 8
"""Generations of the trials that the promises are judged by, chosen before anything was recorded."""

LONGEST_TRIAL_SECONDS = 180.0
FEWEST_TRIALS = 5
"""Of a size, below which a share of them says nothing."""

MOST_ALARMS, FEWEST_FOUND, COVERED = 0.05, 0.90, (0.90, 0.98)
"""What is promised: of equal models called different, of slowdowns found, of intervals that cover."""

Name = Literal["model", "again", "slowed", "empty"]
Report = Callable[[str], None]


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Header(_Line):
    """What was recorded, and with what.

    Attributes:
        frames: of the clip.
        median_ms: of a call of the model, before the recording, from which ``wait_ms`` was made.
        wait_ms: that a call of ``slowed`` waits besides.
    """

    kind: Literal["calibration"] = "calibration"
    created: AwareDatetime
    environment: Environment
    threads: PositiveInt
    frames: PositiveInt
    median_ms: Milliseconds
    wait_ms: Milliseconds


class Generation(_Line):
    """One set of fresh processes: the samples of every turn, by what was timed.

    Attributes:
        session: of calls of the command: between two of them, time went by.
        seconds: from starting the processes to the last turn.
        others_cpu_fraction: of the machine, taken by other processes during the turns.
    """

    kind: Literal["generation"] = "generation"
    session: NonNegativeInt
    seconds: Seconds
    others_cpu_fraction: Annotated[float, Field(ge=0, le=1)]
    samples_ms: dict[Name, tuple[tuple[Milliseconds, ...], ...]]


@dataclass(frozen=True)
class Recording:
    """A header and its generations, in the order in which they were recorded."""

    header: Header
    generations: tuple[Generation, ...]

    def blocks(self, name: str, generations: Sequence[Generation] | None = None) -> Blocks:
        """Samples of one subject by (generation, round); of all generations, or of those given."""
        chosen = self.generations if generations is None else generations
        return {
            (process, turn): samples
            for process, generation in enumerate(chosen)
            for turn, samples in enumerate(generation.samples_ms[name])  # type: ignore[index]  # our names
        }


@dataclass(frozen=True, kw_only=True)
class Share:
    """So many of so many trials, and what that says of all trials to come."""

    hits: int
    trials: int

    @property
    def value(self) -> float:
        """Share of the trials."""
        return self.hits / self.trials

    @property
    def interval(self) -> tuple[float, float]:
        """Wilson's."""
        return wilson_interval(self.hits, self.trials)


@dataclass(frozen=True, kw_only=True)
class TrialSize:
    """What trials of one length are worth.

    Attributes:
        generations: of processes in a trial.
        seconds: that a trial took, the median and the longest.
        alarms: trials that called ``again`` faster or slower than ``model``, which it is.
        found: trials that called ``slowed`` slower.
        covered_medians: intervals that hold the median of the whole recording, of ``model`` and ``again``.
        covered_ratios: intervals that hold the true ratio, of equal models 1.
        half_width: of a ratio's interval, the median over trials.
        smallest_detectable: as the trials themselves say, likewise.
    """

    generations: int
    seconds: tuple[float, float]
    alarms: Share
    found: Share
    covered_medians: Share
    covered_ratios: Share
    half_width: float
    smallest_detectable: float


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """All that a recording says of timing on its machine.

    Attributes:
        median_ms: of the model, over the whole recording.
        overhead_ms: of timing a call that does nothing.
        others_cpu_fraction: of the machine, taken by other processes, the median and the largest.
        ratio: of ``slowed`` to ``model`` over the whole recording, and its interval.
    """

    recording: Recording
    sizes: tuple[TrialSize, ...]
    median_ms: float
    overhead_ms: float
    others_cpu_fraction: tuple[float, float]
    ratio: float
    ratio_interval: tuple[float, float]

    @property
    def judged(self) -> TrialSize | None:
        """The trials that the promises are judged by; none of a recording that is too short for them."""
        return next((size for size in self.sizes if size.generations == JUDGED_SIZE), None)


def read_recording(path: Path) -> Recording:
    """Read a recording; a last line that a killed run left unfinished is left out.

    Raises:
        InputError: no such file, or one that is no recording.
    """
    try:
        lines = path.read_bytes().splitlines(keepends=True)
    except OSError as error:
        raise InputError(
            f"{path}: cannot be read ({error.strerror}); record it with epam-bench calibrate"
        ) from None
    finished = [line for line in lines if line.endswith(b"\n") and line.strip()]
    try:
        header = Header.model_validate_json(finished[0])
        generations = tuple(Generation.model_validate_json(line) for line in finished[1:] if _is_whole(line))
    except (IndexError, ValidationError):
        raise InputError(f"{path}: is no recording of epam-bench calibrate; name another folder") from None
    return Recording(header, generations)


def record(path: Path, *, seconds: float, threads: int, report: Report = lambda done: None) -> Recording:
    """Record for so long, going on with what the file has; every generation is on the disk when it is over.

    Raises:
        InputError: the file is of another machine, other libraries or another number of threads.
        WorkerError: processes cannot be started, or give no samples.
    """
    from epam_bench.calibration_models import WAIT_VARIABLE
    from epam_bench.environment import describe_environment
    from epam_bench.timing.worker import WorkerError

    until = time.monotonic() + seconds
    environment = describe_environment()
    session = 0
    if path.exists() and path.stat().st_size:
        known = read_recording(path)
        header = known.header
        _check_same(path, header, environment, threads)
        session = 1 + max((generation.session for generation in known.generations), default=-1)
    else:
        report("finding a clip that takes 4 ms")
        header = _prepare_header(environment, threads)
        _append(path, header)
    failures, order = 0, random.Random(len(path.read_bytes()))
    with _environment_variable(WAIT_VARIABLE, repr(header.wait_ms)):
        last = 0.0
        while time.monotonic() + last < until:
            start = time.monotonic()
            try:
                generation = record_generation(header, session, order)
            except WorkerError:
                failures += 1
                if failures == MOST_FAILURES:
                    raise
                report("a generation that failed is left out")
                continue
            failures, last = 0, time.monotonic() - start
            _append(path, generation)
            report(f"generation of {generation.seconds:.1f} s")
    return read_recording(path)


def record_generation(header: Header, session: int, order: random.Random) -> Generation:
    """Time every subject in fresh processes, turn about in random order.

    Raises:
        WorkerError: a process failed.
    """
    from epam_bench.machine_load import others_cpu_fraction, read_load

    start = time.monotonic()
    samples: dict[str, list[tuple[float, ...]]] = {name: [] for name in SUBJECTS}
    with _workers(header.frames, header.threads) as (workers, pids):
        before = read_load(pids)
        for _ in range(ROUNDS):
            for name in order.sample(list(workers), len(workers)):
                answer = workers[name].ask({"do": "take a turn", "calls": CALLS}, seconds=ANSWER_SECONDS)
                # A tenth of a microsecond is beyond what the clock tells: the file need not hold more.
                samples[name].append(tuple(max(round(one, 4), 1e-4) for one in answer["samples_ms"]))
        others = others_cpu_fraction(before, read_load(pids))
    return Generation(
        session=session,
        seconds=time.monotonic() - start,
        others_cpu_fraction=others,
        samples_ms={name: tuple(turns) for name, turns in samples.items()},  # type: ignore[misc]  # our names
    )


def evaluate_calibration(recording: Recording) -> Calibration:
    """Cut the recording into disjoint trials of each size, and see what each would have said.

    Raises:
        InputError: too few generations for a single size.
    """
    whole = {name: recording.blocks(name) for name in SUBJECTS}
    medians = {name: median(_flat(blocks)) for name, blocks in whole.items()}
    sizes = [_evaluate_size(recording, generations, medians) for generations in TRIAL_SIZES]
    if not any(sizes):
        needed = TRIAL_SIZES[0] * FEWEST_TRIALS
        raise InputError(
            f"{len(recording.generations)} generations are too few: {needed} are needed; record for longer "
            "with --minutes"
        )
    ratio = compare_blocks(whole[MODEL], whole[SLOWED])
    others = [generation.others_cpu_fraction for generation in recording.generations]
    return Calibration(
        recording=recording,
        sizes=tuple(size for size in sizes if size is not None),
        median_ms=medians[MODEL],
        overhead_ms=medians[EMPTY],
        others_cpu_fraction=(median(others), max(others)),
        ratio=ratio.ratio,
        ratio_interval=ratio.interval,
    )


def cut_trials(generations: Sequence[Generation], size: int) -> list[Sequence[Generation]]:
    """Disjoint runs of consecutive generations, none across two sessions, none longer than three minutes."""
    trials = []
    start = 0
    while start + size <= len(generations):
        trial = generations[start : start + size]
        if trial[0].session != trial[-1].session:
            start += 1
            continue
        if sum(generation.seconds for generation in trial) <= LONGEST_TRIAL_SECONDS:
            trials.append(trial)
        start += size
    return trials


def _evaluate_size(recording: Recording, size: int, medians: Mapping[str, float]) -> TrialSize | None:
    trials = cut_trials(recording.generations, size)
    if len(trials) < FEWEST_TRIALS:
        return None
    cut = [{name: recording.blocks(name, trial) for name in SUBJECTS} for trial in trials]
    equal = [compare_blocks(blocks[MODEL], blocks[AGAIN]) for blocks in cut]
    slowed = [compare_blocks(blocks[MODEL], blocks[SLOWED]) for blocks in cut]
    truth = 1 + recording.header.wait_ms / medians[MODEL]
    seconds = [sum(generation.seconds for generation in trial) for trial in trials]
    intervals = [(median_interval(blocks[name]), medians[name]) for blocks in cut for name in (MODEL, AGAIN)]
    ratios = [(found.interval, 1.0) for found in equal] + [(found.interval, truth) for found in slowed]
    return TrialSize(
        generations=size,
        seconds=(median(seconds), max(seconds)),
        alarms=Share(hits=sum(one.verdict in ("faster", "slower") for one in equal), trials=len(trials)),
        found=Share(hits=sum(one.verdict == "slower" for one in slowed), trials=len(trials)),
        covered_medians=_count_covered(intervals),
        covered_ratios=_count_covered(ratios),
        half_width=median((one.interval[1] - one.interval[0]) / 2 for one in (*equal, *slowed)),
        smallest_detectable=median(one.smallest_detectable for one in equal),
    )


def _count_covered(intervals: Sequence[tuple[tuple[float, float], float]]) -> Share:
    return Share(hits=sum(low <= truth <= high for (low, high), truth in intervals), trials=len(intervals))


def _flat(blocks: Blocks) -> list[float]:
    return [sample for samples in blocks.values() for sample in samples]


def _prepare_header(environment: Environment, threads: int) -> Header:
    """Find how long a clip takes 4 ms, and what a twentieth of that is."""
    frames = FIRST_FRAMES
    for _ in range(2):
        # The quickest: a busy moment must not make the model a small one for good.
        quickest = min(_time_model(frames, threads))
        frames = min(MOST_FRAMES, max(FEWEST_FRAMES, round(frames * AIMED_MS / quickest)))
    taken = median(_time_model(frames, threads))
    return Header(
        created=datetime.now(UTC),
        environment=environment,
        threads=threads,
        frames=frames,
        median_ms=taken,
        wait_ms=SLOWDOWN * taken,
    )


def _time_model(frames: int, threads: int) -> list[float]:
    """Milliseconds of calls in a process of its own."""
    with _workers(frames, threads, names=(MODEL,)) as (workers, _):
        answer = workers[MODEL].ask({"do": "take a turn", "calls": 4 * CALLS}, seconds=ANSWER_SECONDS)
    samples: list[float] = answer["samples_ms"]
    return samples


@contextmanager
def _workers(
    frames: int, threads: int, names: Sequence[str] = tuple(SUBJECTS)
) -> Iterator[tuple[dict[str, Worker], list[int]]]:
    """A process for each subject, ready for its turns, and the numbers of all processes."""
    from epam_bench.calibration_models import specify
    from epam_bench.timing.model_lookup import describe_spec
    from epam_bench.timing.worker import Nursery

    with tempfile.TemporaryDirectory(prefix="epam-bench-") as folder, Nursery() as nursery:
        nursery.wait_until_ready()
        workers = {}
        for name in names:
            order = {
                "model": describe_spec(specify(name, SUBJECTS[name], frames)),
                "backend": "eager",
                "precision": "fp32",
                "batch_size": 1,
                "task": "inference",
                "device": "cpu",
                "threads": threads,
                "l2_cold": False,
                "clips": 1,
                "warmup_calls": WARMUP_CALLS,
            }
            reference = str(Path(folder) / f"{name}.pt")
            workers[name] = nursery.split()
            workers[name].ask(order | {"do": "compute reference", "file": reference}, seconds=ANSWER_SECONDS)
            workers[name].ask(order | {"do": "prepare", "reference": reference}, seconds=ANSWER_SECONDS)
        yield workers, nursery.pids


def _check_same(path: Path, header: Header, environment: Environment, threads: int) -> None:
    """Raise InputError unless a recording may be gone on with here."""
    before, now = header.environment, environment
    differing = {
        "processor": (before.processor, now.processor),
        "number of cores": (before.logical_cores, now.logical_cores),
        "libraries": (before.versions, now.versions),
        "number of threads": (header.threads, threads),
    }
    for what, (old, new) in differing.items():
        if old != new:
            raise InputError(
                f"{path}: was recorded with another {what}; name another folder with --output, or delete it"
            )


def _append(path: Path, line: Header | Generation) -> None:
    """Write one line and put it on the disk; what a killed run left unfinished is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        written = file.read()
        file.truncate(written.rfind(b"\n") + 1)
        file.write(line.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True


@contextmanager
def _environment_variable(name: str, value: str) -> Iterator[None]:
    """Set one for child processes, and have it as it was afterwards."""
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        os.environ.pop(name)
        if before is not None:
            os.environ[name] = before
