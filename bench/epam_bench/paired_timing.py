"""Two timings compared: the ratio, how sure it is, and the smallest difference that would have been seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist
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

RESAMPLES = 2000

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


@dataclass(frozen=True, eq=False)
class _Estimate:
    """A logarithm of a time or ratio, with its error and the shape of that error.

    Attributes:
        error: standard error by the spread between processes.
        degrees: of freedom of that error; 0 from a single process.
        deviations: (RESAMPLES,) of the bootstrap, in standard deviations.
    """

    centre: float
    error: float
    degrees: float
    deviations: Array

    def interval(self, confidence: float) -> tuple[float, float]:
        """Of the exponential."""
        if not self.degrees:
            return 0.0, math.inf
        tails = ((1 - confidence) / 2, (1 + confidence) / 2)
        widening = student_quantile(tails[1], self.degrees) / NormalDist().inv_cdf(tails[1])
        low, high = np.quantile(self.deviations, tails) * self.error * widening
        return math.exp(self.centre + min(low, 0.0)), math.exp(self.centre + max(high, 0.0))


def compare_blocks(
    a: Blocks,
    b: Blocks,
    *,
    confidence: float = CONFIDENCE,
    margin: float = MARGIN,
    seed: int = 0,
) -> TimingComparison:
    """Compare two interleaved timings, turn by turn.

    Turns of the same process and round are neighbours in time: the logarithm of the ratio of their
    medians is free of what slowed both. It is averaged over the rounds of a generation of processes,
    and those over generations. The interval's width comes from how generations differ, widened as
    Student's t does for so few of them; its shape from a bootstrap over processes, then rounds, then
    samples. What one side alone has is left out.

    Raises:
        InputError: no turn that both have, a turn without samples or with one that is no positive
            number, or a confidence or margin outside (0, 1).
    """
    _check_fractions(confidence, margin)
    shared = [key for key in a if key in b]
    if not shared:
        raise InputError("the two timings have no turn in common; compare them as unpaired")
    generator = np.random.default_rng(seed)
    (median_a, redrawn_a), (median_b, redrawn_b) = (
        _medians([side[key] for key in shared], generator) for side in (a, b)
    )
    estimate = _estimate([key[0] for key in shared], median_b - median_a, redrawn_b - redrawn_a, generator)
    return _judge(estimate, len({key[0] for key in shared}), len(shared), confidence, margin)


def compare_unpaired_blocks(
    a: Blocks,
    b: Blocks,
    *,
    confidence: float = CONFIDENCE,
    margin: float = MARGIN,
    seed: int = 0,
) -> TimingComparison:
    """Compare two timings of different runs, which did not meet the same noise.

    As :func:`compare_blocks`, with each side's error by itself. What changed on the machine between
    the two runs is in neither, and so not in the interval.

    Raises:
        InputError: as :func:`compare_blocks`.
    """
    _check_fractions(confidence, margin)
    generator = np.random.default_rng(seed)
    first, second = (_estimate_side(side, generator) for side in (a, b))
    error = math.hypot(first.error, second.error)
    spread = second.deviations * second.error - first.deviations * first.error
    scale = float(spread.std())
    difference = _Estimate(
        centre=second.centre - first.centre,
        error=error,
        degrees=_welch_degrees(first, second),
        deviations=spread / scale if scale > 0 else spread,
    )
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
    paired = bool(a.run and a.run == b.run and a.samples_by_block.keys() & b.samples_by_block.keys())
    compare = compare_blocks if paired else compare_unpaired_blocks
    return compare(blocks_of(a), blocks_of(b), confidence=confidence, margin=margin, seed=seed)


def median_interval(blocks: Blocks, *, confidence: float = CONFIDENCE, seed: int = 0) -> tuple[float, float]:
    """Interval of the median that ever more processes would settle at, in milliseconds.

    Raises:
        InputError: no turn, a turn without samples or with one that is no positive number, or a
            confidence outside (0, 1).
    """
    _check_fractions(confidence)
    return _estimate_side(blocks, np.random.default_rng(seed)).interval(confidence)


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


def _medians(turns: Sequence[Sequence[float]], generator: np.random.Generator) -> tuple[Array, Array]:
    """Logarithms of the turns' medians, (turns,), and of those of redrawn samples, (RESAMPLES, turns).

    The median of n samples redrawn from n is their order statistic at a place that is n times a
    Beta((n + 1) / 2, (n + 1) / 2): drawn so, nothing need be sorted again.
    """
    counts = np.array([len(turn) for turn in turns])
    if not counts.all():
        raise InputError("a turn has no samples; leave it out")
    ordered = np.full((len(turns), int(counts.max())), np.nan)
    for row, turn in enumerate(turns):
        ordered[row, : len(turn)] = np.sort(np.asarray(turn, dtype=float))
    known = ordered[~np.isnan(ordered)]
    if len(known) < counts.sum() or not (np.isfinite(known).all() and (known > 0).all()):
        raise InputError("a sample is no positive number of milliseconds")
    middle = (counts + 1) / 2
    places = np.floor(generator.beta(middle, middle, size=(RESAMPLES, len(turns))) * counts).astype(int)
    rows = np.arange(len(turns))
    return np.log(np.nanmedian(ordered, axis=1)), np.log(ordered[rows, np.minimum(places, counts - 1)])


def _estimate_side(blocks: Blocks, generator: np.random.Generator) -> _Estimate:
    if not blocks:
        raise InputError("a timing without a single turn has no interval")
    medians, redrawn = _medians(list(blocks.values()), generator)
    return _estimate([key[0] for key in blocks], medians, redrawn, generator)


def _estimate(
    process_of: Sequence[int], values: Array, redrawn: Array, generator: np.random.Generator
) -> _Estimate:
    """Mean over processes of the mean over rounds; ``values`` (turns,), ``redrawn`` (RESAMPLES, turns).

    The error is by the spread between processes, which holds that between rounds and samples already;
    it is never taken for less than those alone make it, as chance would have it now and then.
    """
    owners = np.asarray(process_of)
    processes = list(dict.fromkeys(process_of))
    means = np.array([values[owners == process].mean() for process in processes])
    within = np.stack([_redraw_rounds(redrawn[:, owners == one], generator) for one in processes], axis=1)
    count = len(processes)
    if count < 2:
        return _Estimate(float(means[0]), math.inf, 0, within[:, 0])
    drawn = generator.integers(count, size=(RESAMPLES, count))
    replicates = np.take_along_axis(within, drawn, axis=1).mean(axis=1)
    variance = max(means.var(ddof=1), within.var(axis=0).mean()) / count
    scale = float(replicates.std())
    deviations = replicates - means.mean()
    return _Estimate(
        float(means.mean()), math.sqrt(variance), count - 1, deviations / scale if scale > 0 else deviations
    )


def _redraw_rounds(redrawn: Array, generator: np.random.Generator) -> Array:
    """(RESAMPLES, rounds) of one process → (RESAMPLES,) means over rounds drawn with replacement."""
    drawn = generator.integers(redrawn.shape[1], size=redrawn.shape)
    means: Array = np.take_along_axis(redrawn, drawn, axis=1).mean(axis=1)
    return means


def _welch_degrees(first: _Estimate, second: _Estimate) -> float:
    """Welch and Satterthwaite's; 0 if one side has but one process."""
    if not (first.degrees and second.degrees):
        return 0.0
    parts = (first.error**4 / first.degrees, second.error**4 / second.degrees)
    if sum(parts) == 0:
        return min(first.degrees, second.degrees)
    return float((first.error**2 + second.error**2) ** 2 / sum(parts))


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
        smallest_detectable=_smallest_detectable(estimate, confidence),
        processes=processes,
        rounds=rounds,
    )


def _smallest_detectable(estimate: _Estimate, confidence: float) -> float:
    if not estimate.degrees:
        return math.inf
    reach = student_quantile((1 + confidence) / 2, estimate.degrees)
    reach += student_quantile(POWER, estimate.degrees)
    return math.expm1(reach * estimate.error)


def _check_fractions(*fractions: float) -> None:
    for fraction in fractions:
        if not 0 < fraction < 1:
            raise InputError(f"{fraction}: a confidence or margin is a share between 0 and 1")
