"""Two timings compared: the ratio, how sure it is, and the smallest difference that would have been seen.

The unit of what is resampled is the generation of processes. What a process meets once and for all (where
its memory lies, how its threads were placed) is in all of its samples, so that a million of them say no more
of the next process than a hundred do. Rounds and samples are therefore drawn with their process and not
once more within it: their spread is in that between processes already, and would count twice.

Ratios of neighbours in time are free of what the machine is like at the time, absolute times are not: on a
machine whose speed wanders over minutes, processes of the same minute say the same. Of a median, the error
is therefore also told from stretches of the run's time, and the wider of the two counts.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from statistics import median
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from epam.errors import InputError
from epam_bench.records import LatencyRecord

CONFIDENCE = 0.95
MARGIN = 0.02
"""Ratios this near to 1 are called the same: less than this is rarely worth a change of code."""

POWER = 0.80
"""Share of runs like this one that would have found the smallest detectable difference."""

TRIMMED = 0.25
"""Of the turns' ratios at either end, left out of their mean: a neighbour's burst of work hits one turn."""

WIDENING = 1.1
"""Of every interval. Runs stop when theirs is narrow, by luck more often than not: on drawn machines such
intervals held the truth in 92 to 94 of 100 runs, and hold it in 94 to 96 so widened; those of runs of fixed
length then hold it in 95 to 98."""

STRETCHES = 3
"""Of a run's time. More would each be shorter, and more like the one before: in drawn runs on machines that
wander, intervals from three held the median in 91 to 97 of 100, from four in 87 to 96, from six in 78 to 94;
those from processes alone in 46 to 84. On machines that do not wander, in 99."""

LONG_ENOUGH_SECONDS = 140.0
"""Of a run, for its absolute times: trials this long hold the long-run median (see reports/calibration)."""

RESAMPLES = 1000

MOST_VALUES = 1024
"""Of more samples than this, the median is sought among as many evenly spaced quantiles of each process."""

Blocks = Mapping[tuple[int, int], Sequence[float]]
"""Samples in milliseconds by (process, round); see ``records.SampleBlock``."""

Verdict = Literal["faster", "slower", "same", "cannot tell"]
Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class TimingComparison:
    """How b's time stands to a's.

    Attributes:
        ratio: time of b over time of a; below 1, b is faster.
        interval: of that ratio; (0, inf) from a single process, which cannot tell what another would be.
        verdict: ``same`` where the whole interval is within the margin of 1; otherwise ``faster`` or
            ``slower`` (b than a) where the interval leaves out 1, and ``cannot tell`` where it does not.
        smallest_detectable: relative difference that four of five runs like this one would have found.
        processes: how many each side had, of the side with fewer.
        rounds: turns that were compared, of the side with fewer.
    """

    ratio: float
    interval: tuple[float, float]
    verdict: Verdict
    smallest_detectable: float
    processes: int
    rounds: int


@dataclass(frozen=True)
class _Estimate:
    """A logarithm of a time or ratio, its standard error, and the degrees of freedom of that.

    From a single process there are none, and the error is infinite.
    """

    centre: float
    error: float
    degrees: float

    def interval(self, confidence: float) -> tuple[float, float]:
        """Of the exponential."""
        if self.degrees == 0:
            return 0.0, math.inf
        reach = self.reach(confidence)
        return math.exp(self.centre - reach), math.exp(self.centre + reach)

    def smallest_detectable(self, confidence: float) -> float:
        """Relative difference that is found with the power above."""
        if self.degrees == 0:
            return math.inf
        return math.expm1(self.reach(confidence) + student_quantile(POWER, self.degrees) * self.error)

    def reach(self, confidence: float) -> float:
        """Half of the interval's width, of the logarithm."""
        if self.degrees == 0:
            return math.inf
        return WIDENING * student_quantile((1 + confidence) / 2, self.degrees) * self.error


def compare_blocks(
    a: Blocks, b: Blocks, *, confidence: float = CONFIDENCE, margin: float = MARGIN, seed: int = 0
) -> TimingComparison:
    """Compare two interleaved timings, turn by turn.

    Turns of the same process and round are neighbours in time: the ratio of their medians is free of
    what slowed both. The middle half of all turns' ratios is averaged, in logarithms. What one side
    alone has is left out.

    Raises:
        InputError: no turn that both have, a turn without samples or with one that is no positive
            number, or a confidence or margin outside (0, 1).
    """
    _check_fractions(confidence, margin)
    shared = [key for key in a if key in b]
    if not shared:
        raise InputError("the two timings have no turn in common; compare them as unpaired")
    for key in shared:
        _check_turn(a[key])
        _check_turn(b[key])
    values = np.log([median(b[key]) / median(a[key]) for key in shared])
    owners = _number(key[0] for key in shared)
    order = np.argsort(values)
    weights = _draw_weights(owners, seed)[:, order]
    centre, replicates = (
        _middle_means(values[order], drawn) for drawn in (np.ones((1, len(values))), weights)
    )
    estimate = _estimate(float(centre[0]), replicates, processes=int(owners.max()) + 1)
    return _judge(estimate, int(owners.max()) + 1, len(shared), confidence, margin)


def compare_unpaired_blocks(
    a: Blocks, b: Blocks, *, confidence: float = CONFIDENCE, margin: float = MARGIN, seed: int = 0
) -> TimingComparison:
    """Compare two timings of different runs, which did not meet the same noise, by their medians.

    What changed on the machine between the two runs is in the interval only as far as it changed in them.

    Raises:
        InputError: a side without a turn, and as :func:`compare_blocks`.
    """
    _check_fractions(confidence, margin)
    pairs = product(_estimate_median(a, seed), _estimate_median(b, seed + 1))
    difference = max((_difference(*pair) for pair in pairs), key=lambda one: one.reach(confidence))
    processes = min(len({key[0] for key in side}) for side in (a, b))
    return _judge(difference, processes, min(len(a), len(b)), confidence, margin)


def compare_records(
    a: LatencyRecord,
    b: LatencyRecord,
    *,
    confidence: float = CONFIDENCE,
    margin: float = MARGIN,
    seed: int = 0,
) -> TimingComparison:
    """Compare two records: by turns if one interleaved run took both, otherwise as independent runs.

    Raises:
        InputError: a confidence or margin outside (0, 1).
    """
    compare = compare_blocks if are_interleaved(a, b) else compare_unpaired_blocks
    return compare(blocks_of(a), blocks_of(b), confidence=confidence, margin=margin, seed=seed)


def median_interval(blocks: Blocks, *, confidence: float = CONFIDENCE, seed: int = 0) -> tuple[float, float]:
    """Interval of the median that ever more processes would settle at, in milliseconds.

    It holds for a machine whose speed wanders only if the run went on while it did: for some minutes.

    Raises:
        InputError: no turn, a turn without samples or with one that is no positive number, or a
            confidence outside (0, 1).
    """
    _check_fractions(confidence)
    estimates = _estimate_median(blocks, seed)
    return max(estimates, key=lambda one: one.reach(confidence)).interval(confidence)


def are_interleaved(a: LatencyRecord, b: LatencyRecord) -> bool:
    """Whether one run took both, turn about."""
    return bool(a.run and a.run == b.run and a.samples_by_block.keys() & b.samples_by_block.keys())


def blocks_of(record: LatencyRecord) -> Blocks:
    """A record's samples by turn; one of before there were turns is all one turn."""
    return record.samples_by_block or {(0, 0): record.samples_ms}


@lru_cache
def student_quantile(share: float, degrees: float) -> float:
    """Of Student's t: what ``share`` of its draws stay below; ``degrees`` at least 1, whole or not.

    With t = √degrees · tan φ the density is cos φ to the power of ``degrees`` − 1, which is summed up.
    """
    angles = np.linspace(-np.pi / 2, np.pi / 2, 20_001)
    density = np.maximum(np.cos(angles), 0.0) ** (degrees - 1)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    return math.sqrt(degrees) * math.tan(float(np.interp(share, below / below[-1], angles)))


def _check_turn(samples: Sequence[float]) -> None:
    if not len(samples):
        raise InputError("a turn has no samples; leave it out")
    if not all(0 < sample < math.inf for sample in samples):
        raise InputError("a sample is no positive number of milliseconds")


def _number(names: Iterable[int]) -> NDArray[np.intp]:
    """Processes as 0, 1, 2 … whatever their numbers in the record are."""
    return np.unique(np.fromiter(names, dtype=np.intp), return_inverse=True)[1]


def _draw_weights(owners: NDArray[np.intp], seed: int) -> Array:
    """How often each value is in each redrawn set, (RESAMPLES, values): as often as its process is drawn."""
    processes = int(owners.max()) + 1
    drawn = np.random.default_rng(seed).multinomial(
        processes, np.full(processes, 1 / processes), size=RESAMPLES
    )
    weights: Array = drawn[:, owners].astype(float)
    return weights


def _middle_means(ordered: Array, weights: Array) -> Array:
    """Means of the middle half of a sorted (values,), weighed as each row of (rows, values) says."""
    upto = np.cumsum(weights, axis=1)
    total = upto[:, -1:]
    kept = np.minimum(upto, (1 - TRIMMED) * total) - np.maximum(upto - weights, TRIMMED * total)
    kept = np.maximum(kept, 0.0)
    means: Array = kept @ ordered / kept.sum(axis=1)
    return means


def _estimate_median(blocks: Blocks, seed: int) -> tuple[_Estimate, _Estimate]:
    """By what processes show, and by what stretches of time show; processes are numbered in its order."""
    if not blocks:
        raise InputError("a timing without a single turn has no interval")
    by_process: dict[int, list[float]] = {}
    for (process, _), samples in sorted(blocks.items()):
        _check_turn(samples)
        by_process.setdefault(process, []).extend(samples)
    parts = [np.log(samples) for samples in by_process.values()]
    sizes = np.array([len(part) for part in parts])
    centre = float(np.median(np.concatenate(parts)))
    by_time = _estimate_from_stretches(centre, [float(np.median(part)) for part in parts])
    if sizes.sum() > MOST_VALUES:
        shares = (np.arange(MOST_VALUES // len(parts) + 1) + 0.5) / (MOST_VALUES // len(parts) + 1)
        parts = [np.quantile(part, shares) for part in parts]
    values = np.concatenate(parts)
    owners = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
    order = np.argsort(values)
    worth = (sizes / [len(part) for part in parts])[owners]
    upto = np.cumsum((_draw_weights(owners, seed) * worth)[:, order], axis=1)
    replicates = values[order][np.argmax(upto >= upto[:, -1:] / 2, axis=1)]
    by_processes = _estimate(centre, replicates, processes=len(parts))
    return by_processes, by_time


def _estimate_from_stretches(centre: float, medians: Sequence[float]) -> _Estimate:
    """From processes' medians in the order of time: how far the means of three stretches of them differ."""
    means = [float(part.mean()) for part in np.array_split(np.array(medians), min(STRETCHES, len(medians)))]
    error = float(np.std(means, ddof=1)) / math.sqrt(len(means)) if len(means) > 1 else math.inf
    return _Estimate(centre, error, len(means) - 1)


def _estimate(centre: float, replicates: Array, *, processes: int) -> _Estimate:
    """The bootstrap's spread, widened for that of P processes being √(P / (P − 1)) times too small."""
    if processes < 2:
        return _Estimate(centre, math.inf, 0)
    return _Estimate(centre, float(replicates.std()) * math.sqrt(processes / (processes - 1)), processes - 1)


def _difference(first: _Estimate, second: _Estimate) -> _Estimate:
    return _Estimate(
        centre=second.centre - first.centre,
        error=math.hypot(first.error, second.error),
        degrees=_welch_degrees(first, second),
    )


def _welch_degrees(first: _Estimate, second: _Estimate) -> float:
    """Welch's and Satterthwaite's; 0 if one side has but one process."""
    if not (first.degrees and second.degrees):
        return 0
    parts = first.error**4 / first.degrees + second.error**4 / second.degrees
    if parts == 0:
        return min(first.degrees, second.degrees)
    return (first.error**2 + second.error**2) ** 2 / parts


def _judge(
    estimate: _Estimate, processes: int, rounds: int, confidence: float, margin: float
) -> TimingComparison:
    low, high = estimate.interval(confidence)
    verdict: Verdict = "cannot tell"
    if 1 - margin <= low and high <= 1 + margin:
        verdict = "same"
    elif high < 1:
        verdict = "faster"
    elif low > 1:
        verdict = "slower"
    return TimingComparison(
        ratio=math.exp(estimate.centre),
        interval=(low, high),
        verdict=verdict,
        smallest_detectable=estimate.smallest_detectable(confidence),
        processes=processes,
        rounds=rounds,
    )


def _check_fractions(*fractions: float) -> None:
    for fraction in fractions:
        if not 0 < fraction < 1:
            raise InputError(f"{fraction}: a confidence or margin is a share between 0 and 1")
