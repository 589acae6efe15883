"""Timing put to the test: a long recording of equal and of slowed models, cut into many short trials.

The recording is a file of JSON lines, a header and then a line a generation; to read it takes no torch.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from statistics import median
from typing import Annotated, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, NonNegativeInt, PositiveInt, ValidationError

from epam.errors import InputError
from epam.evaluation.intervals import wilson_interval
from epam_bench.paired_timing import (
    Blocks,
    TimingComparison,
    compare_blocks,
    compare_unpaired_blocks,
    median_interval,
)
from epam_bench.records import Environment, Milliseconds, Seconds

SUBJECTS = {
    "model": "build_thin_stream",
    "again": "build_thin_stream",
    "slowed": "build_slowed_stream",
    "empty": "Nothing",
}
"""What takes turns, and what of ``calibration_models`` builds it; ``model`` and ``again`` are the same."""

MODEL, AGAIN, SLOWED, EMPTY = SUBJECTS

SLOWDOWN = 0.05
"""Planted: after a call, ``slowed`` waits for so much of what the call took."""

TRIAL_SIZES = (3, 4, 6, 8, 12, 16, 24)
"""Generations of a trial; the last ones only of a long recording. Promises are judged by the longest."""

EVALUATION_STEPS = 2 * len(TRIAL_SIZES)

JUDGED_SPREAD_SIZE = 6
"""Generations of the spread trials that are judged: what a row of a long table has."""

LONGEST_TRIAL_SECONDS = 180.0
SPREAD_SHARE = 0.9
"""Of that, over which a spread trial's generations are to lie: some take longer than the median one."""

FEWEST_TRIALS = 5
"""Of a size, below which a share of them says nothing."""

MOST_ALARMS, FEWEST_FOUND, COVERED = 0.05, 0.90, (0.90, 0.98)
"""What is promised: of equal models called different, of slowdowns found, of intervals that cover."""

Name = Literal["model", "again", "slowed", "empty"]
RatioInterval = tuple[float, float, float]
"""A ratio, and the lower and upper bound of its interval."""


class _Line(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Header(_Line):
    """What was recorded, and with what.

    Attributes:
        frames: of the clip.
        slowdown: share of what its call took that ``slowed`` waits besides.
    """

    kind: Literal["calibration"] = "calibration"
    created: AwareDatetime
    environment: Environment
    threads: PositiveInt
    frames: PositiveInt
    slowdown: Annotated[float, Field(gt=0)]


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
        seconds: from the beginning of a trial to its end, the median and the longest.
        alarms: trials that called ``again`` faster or slower than ``model``, which it is.
        alarms_between: of two trials, one after the other, compared as runs of different days are: pairs that
            called ``again`` of the later one faster or slower than ``model`` of the earlier one; none of
            spread trials, which take turns.
        found: trials that called ``slowed`` slower.
        covered_medians: intervals of ``model`` that hold its median over the whole recording; those of
            ``again`` met the same moments and would say the same twice.
        covered_ratios: intervals that hold the true ratio: of equal models 1, of the slowed one that of the
            whole recording.
        half_width: of a ratio's interval, the median over trials, and ``median_half_width`` of a median's,
            over the median.
        smallest_detectable: as the trials themselves say, likewise.
        equal: ratio of ``again`` to ``model`` and its interval, of each trial in their order.
        slowed: likewise of ``slowed`` to ``model``.
    """

    generations: int
    seconds: tuple[float, float]
    alarms: Share
    alarms_between: Share | None
    found: Share
    covered_medians: Share
    covered_ratios: Share
    half_width: float
    median_half_width: float
    smallest_detectable: float
    equal: tuple[RatioInterval, ...]
    slowed: tuple[RatioInterval, ...]


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """All that a recording says of timing on its machine.

    Attributes:
        median_ms: of the model, over the whole recording.
        overhead_ms: of timing a call that does nothing.
        others_cpu_fraction: of the machine, taken by other processes, the median and the largest.
        spread: the sizes again, with generations that lie as far apart as three minutes allow.
        too_long: trials that are in none of the sizes, for they took more than three minutes, by their size.
        equal_ratio: of ``again`` to ``model`` over the whole recording: 1, but for the method's own error.
        ratio: of ``slowed`` to ``model``, likewise.
    """

    recording: Recording
    sizes: tuple[TrialSize, ...]
    spread: tuple[TrialSize, ...]
    median_ms: float
    overhead_ms: float
    others_cpu_fraction: tuple[float, float]
    too_long: Mapping[int, int]
    equal_ratio: RatioInterval
    ratio: RatioInterval

    @property
    def judged(self) -> TrialSize:
        """The trials that the promises are judged by: the longest of at most three minutes."""
        return self.sizes[-1]

    @property
    def judged_spread(self) -> TrialSize | None:
        """Fewer generations, spread; none of a recording that is too short for such trials."""
        return next((size for size in self.spread if size.generations == JUDGED_SPREAD_SIZE), None)


@dataclass(frozen=True)
class _Truth:
    """What intervals are to hold: the model's median, and ratios to it, by what was timed."""

    median_ms: float
    ratios: Mapping[str, float]


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
        if _is_of_another_version(finished):
            raise InputError(
                f"{path}: was recorded by another version of epam-bench calibrate, which measured otherwise; "
                "delete it, or name another folder with --output"
            ) from None
        raise InputError(f"{path}: is no recording of epam-bench calibrate; name another folder") from None
    return Recording(header, generations)


def evaluate_calibration(
    recording: Recording, report: Callable[[str], None] = lambda done: None
) -> Calibration:
    """Cut the recording into disjoint trials of each size, and see what each would have said.

    Args:
        recording: the generations and what they are of.
        report: told in words, ``EVALUATION_STEPS`` times, what was judged.

    Raises:
        InputError: too few generations for a single size, or none whose trials are short enough.
    """
    whole = {name: recording.blocks(name) for name in SUBJECTS}
    medians = {name: median(_flat(blocks)) for name, blocks in whole.items()}
    equal, slowed = (compare_blocks(whole[MODEL], whole[name]) for name in (AGAIN, SLOWED))
    # Not what was planted: a call that waits finds its threads asleep, and is slower by a little more.
    truth = _Truth(medians[MODEL], {AGAIN: 1.0, SLOWED: slowed.ratio})
    cut = {size: cut_trials(recording.generations, size) for size in TRIAL_SIZES}
    sizes, spread = [], []
    for size, (trials, _) in cut.items():
        sizes.append(_evaluate_size(recording, trials, [_seconds_of(trial) for trial in trials], truth))
        report(f"trials of {size} generations")
        dealt, seconds = spread_trials(recording.generations, size)
        spread.append(_evaluate_size(recording, dealt, seconds, truth, one_by_one=False))
        report(f"spread trials of {size} generations")
    too_long = {size: left_out for size, (_, left_out) in cut.items() if left_out}
    if not any(sizes):
        needed = TRIAL_SIZES[0] * FEWEST_TRIALS
        slow = too_long.get(TRIAL_SIZES[0])
        raise InputError(
            f"{len(recording.generations)} generations are too few: {needed} are needed"
            + (f", besides those of {slow} trials that took over three minutes" if slow else "")
            + "; record for longer with --minutes"
        )
    others = [generation.others_cpu_fraction for generation in recording.generations]
    return Calibration(
        recording=recording,
        sizes=tuple(size for size in sizes if size is not None),
        spread=tuple(size for size in spread if size is not None),
        median_ms=medians[MODEL],
        overhead_ms=medians[EMPTY],
        others_cpu_fraction=(median(others), max(others)),
        too_long=too_long,
        equal_ratio=(equal.ratio, *equal.interval),
        ratio=(slowed.ratio, *slowed.interval),
    )


def cut_trials(generations: Sequence[Generation], size: int) -> tuple[list[Sequence[Generation]], int]:
    """Disjoint runs of consecutive generations, none across two sessions, none longer than three minutes.

    And how many are left out, for they were longer.
    """
    trials: list[Sequence[Generation]] = []
    start = too_long = 0
    while start + size <= len(generations):
        trial = generations[start : start + size]
        if trial[0].session != trial[-1].session:
            start += 1
            continue
        if _seconds_of(trial) <= LONGEST_TRIAL_SECONDS:
            trials.append(trial)
        else:
            too_long += 1
        start += size
    return trials, too_long


def spread_trials(
    generations: Sequence[Generation], size: int
) -> tuple[list[Sequence[Generation]], list[float]]:
    """Trials whose generations lie apart, and how many seconds each took from its first to its last.

    Runs of consecutive generations of nearly three minutes are dealt out, each to as many trials as it
    is long enough for: what the machine does for a minute meets them all. None where it is for one alone.
    """
    usual = median(generation.seconds for generation in generations)
    apart = int(SPREAD_SHARE * LONGEST_TRIAL_SECONDS / (size * usual))
    if apart < 2:
        return [], []
    runs, _ = cut_trials(generations, size * apart)
    dealt = [(run[first::apart], _seconds_of(run)) for run in runs for first in range(apart)]
    return [trial for trial, _ in dealt], [seconds for _, seconds in dealt]


def _seconds_of(trial: Sequence[Generation]) -> float:
    return sum(generation.seconds for generation in trial)


def _evaluate_size(
    recording: Recording,
    trials: Sequence[Sequence[Generation]],
    seconds: Sequence[float],
    truth: _Truth,
    *,
    one_by_one: bool = True,
) -> TrialSize | None:
    if len(trials) < FEWEST_TRIALS:
        return None
    cut = [{name: recording.blocks(name, trial) for name in SUBJECTS} for trial in trials]
    equal = [compare_blocks(blocks[MODEL], blocks[AGAIN]) for blocks in cut]
    slowed = [compare_blocks(blocks[MODEL], blocks[SLOWED]) for blocks in cut]
    between = [
        compare_unpaired_blocks(earlier[MODEL], later[AGAIN])
        for earlier, later in pairwise(cut if one_by_one else [])
    ]
    intervals = [(median_interval(blocks[MODEL]), truth.median_ms) for blocks in cut]
    ratios = [
        (found.interval, truth.ratios[name])
        for name, all_found in ((AGAIN, equal), (SLOWED, slowed))
        for found in all_found
    ]
    return TrialSize(
        generations=len(trials[0]),
        seconds=(median(seconds), max(seconds)),
        alarms=_count_alarms(equal),
        alarms_between=_count_alarms(between) if one_by_one else None,
        found=Share(hits=sum(one.verdict == "slower" for one in slowed), trials=len(trials)),
        covered_medians=_count_covered(intervals),
        covered_ratios=_count_covered(ratios),
        half_width=median((one.interval[1] - one.interval[0]) / 2 for one in (*equal, *slowed)),
        median_half_width=median((high - low) / (2 * truth.median_ms) for (low, high), _ in intervals),
        smallest_detectable=median(one.smallest_detectable for one in equal),
        equal=tuple((one.ratio, *one.interval) for one in equal),
        slowed=tuple((one.ratio, *one.interval) for one in slowed),
    )


def _count_alarms(compared: Sequence[TimingComparison]) -> Share:
    return Share(hits=sum(one.verdict in ("faster", "slower") for one in compared), trials=len(compared))


def _count_covered(intervals: Sequence[tuple[tuple[float, float], float]]) -> Share:
    return Share(hits=sum(low <= truth <= high for (low, high), truth in intervals), trials=len(intervals))


def _flat(blocks: Blocks) -> list[float]:
    return [sample for samples in blocks.values() for sample in samples]


def _is_of_another_version(lines: Sequence[bytes]) -> bool:
    if not lines or not _is_whole(lines[0]):
        return False
    header = json.loads(lines[0])
    return isinstance(header, dict) and header.get("kind") == "calibration"


def _is_whole(line: bytes) -> bool:
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return False
    return True
