"""How far an accuracy could be off by the luck of which samples were drawn."""

from __future__ import annotations

from math import sqrt
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

from epam.errors import InputError

CONFIDENCE = 0.95
RESAMPLES = 2000


def wilson_interval(hits: int, samples: int, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Wilson's score interval of a share, 0 to 1; it keeps its promise near 0 and 1 too.

    Source: E. B. Wilson, Journal of the American Statistical Association 22 (1927), without
    continuity correction.

    Raises:
        InputError: no samples, hits that are not among them, or a confidence outside (0, 1).
    """
    _check_confidence(confidence)
    if samples < 1 or not 0 <= hits <= samples:
        raise InputError(
            f"{hits} hits of {samples} samples have no interval; give 0 to samples, at least one"
        )
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    share, spread = hits / samples, z * z / samples
    centre = (share + spread / 2) / (1 + spread)
    reach = z / (1 + spread) * sqrt(share * (1 - share) / samples + spread / (4 * samples))
    # Exactly 0 and 1 at the ends, where rounding would miss them by a hair.
    low = 0.0 if hits == 0 else max(0.0, centre - reach)
    high = 1.0 if hits == samples else min(1.0, centre + reach)
    return low, high


def bootstrap_mean_class_interval(
    correct: ArrayLike,
    labels: ArrayLike,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
    confidence: float = CONFIDENCE,
) -> tuple[float, float]:
    """Percentile bootstrap interval of the mean class accuracy over the classes that occur in ``labels``.

    Samples are drawn again within their class, so that every class keeps its size and none is lost:
    the hits of a class with n samples, h of them right, are then binomial(n, h / n). A class that is
    all right or all wrong adds no width: with few samples a class the interval is too narrow.

    Args:
        correct: (N,) whether each sample was predicted right.
        labels: (N,) its class.
        resamples: how often the split is drawn again.
        seed: the same seed, the same interval, on every machine.
        confidence: share of the resamples inside.

    Raises:
        InputError: no samples, lengths that differ, no resamples, or a confidence outside (0, 1).
    """
    _check_confidence(confidence)
    hits, target = np.asarray(correct, dtype=bool), np.asarray(labels)
    if hits.ndim != 1 or hits.shape != target.shape or not len(hits):
        raise InputError(f"correct {hits.shape} and labels {target.shape}: give one of each a sample, (N,)")
    if resamples < 1:
        raise InputError(f"{resamples} resamples: at least 1 is needed")
    _, places = np.unique(target, return_inverse=True)
    samples = np.bincount(places)
    right = np.bincount(places, weights=hits)
    drawn = np.random.default_rng(seed).binomial(samples, right / samples, size=(resamples, len(samples)))
    means = (drawn / samples).mean(axis=1)
    low, high = np.quantile(means, [(1 - confidence) / 2, (1 + confidence) / 2])
    return float(low), float(high)


def _check_confidence(confidence: float) -> None:
    if not 0 < confidence < 1:
        raise InputError(f"confidence {confidence}: give a share between 0 and 1, such as 0.95")
