from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

from epam.errors import InputError
from epam.evaluation.intervals import bootstrap_mean_class_interval, wilson_interval


def test_wilson_interval_solves_its_equation() -> None:
    # Its ends are the shares p at which |hits/samples - p| is z standard deviations of p.
    for hits, samples in ((1, 10), (50, 100), (961, 1000)):
        for end in wilson_interval(hits, samples):
            deviation = np.sqrt(end * (1 - end) / samples)
            assert abs(hits / samples - end) / deviation == pytest.approx(1.959964, abs=1e-5)


def test_wilson_interval_never_leaves_the_possible() -> None:
    low, high = wilson_interval(0, 4)
    assert low == 0.0
    assert 0.4 < high < 0.6
    assert wilson_interval(4, 4) == (pytest.approx(1 - high), 1.0)


def test_more_samples_or_less_confidence_narrow_the_interval() -> None:
    def width(interval: tuple[float, float]) -> float:
        return interval[1] - interval[0]

    assert width(wilson_interval(50, 100)) < width(wilson_interval(5, 10))
    assert width(wilson_interval(5, 10, 0.5)) < width(wilson_interval(5, 10))


def test_wilson_interval_holds_the_truth_about_as_often_as_it_says() -> None:
    drawn = np.random.default_rng(0).binomial(40, 0.9, size=2000)
    held = [low <= 0.9 <= high for low, high in (wilson_interval(int(hits), 40) for hits in drawn)]
    assert 0.92 < np.mean(held) < 0.98


@pytest.mark.parametrize(("hits", "samples"), [(0, 0), (3, 2), (-1, 2)])
def test_hits_that_cannot_be_have_no_interval(hits: int, samples: int) -> None:
    with pytest.raises(InputError, match=f"{hits} hits of {samples} samples"):
        wilson_interval(hits, samples)


def test_bootstrap_interval_is_around_the_mean_over_classes() -> None:
    # Class 0: 90 of 100; class 1: 5 of 10: the mean is 0.7, and class 1 gives it its width.
    correct = np.r_[np.ones(90), np.zeros(10), np.ones(5), np.zeros(5)]
    labels = np.r_[np.zeros(100), np.ones(10)]
    low, high = bootstrap_mean_class_interval(correct, labels)
    assert low < 0.7 < high
    # Two independent shares: deviation sqrt(.9 × .1 / 100 + .5 × .5 / 10) / 2.
    assert (high - low) / 2 == pytest.approx(1.96 * np.sqrt(0.0009 + 0.025) / 2, rel=0.1)


def test_bootstrap_interval_depends_on_the_seed_and_not_on_the_order() -> None:
    draw = np.random.default_rng(3)
    correct, labels = draw.random(200) < 0.6, draw.integers(5, size=200)
    found = bootstrap_mean_class_interval(correct, labels, resamples=50, seed=1)
    assert found == bootstrap_mean_class_interval(correct[::-1], labels[::-1], resamples=50, seed=1)
    assert found != bootstrap_mean_class_interval(correct, labels, resamples=50, seed=2)


def test_classes_all_right_or_all_wrong_give_no_width() -> None:
    assert bootstrap_mean_class_interval([True, True, False], [0, 0, 7]) == (0.5, 0.5)


@pytest.mark.parametrize(
    ("correct", "labels", "options", "told"),
    [
        ([], [], {}, r"correct \(0,\)"),
        ([True], [0, 1], {}, r"labels \(2,\)"),
        ([[True]], [[0]], {}, r"correct \(1, 1\)"),
        ([True], [0], {"resamples": 0}, "0 resamples"),
        ([True], [0], {"confidence": 95}, "confidence 95"),
    ],
)
def test_what_cannot_be_drawn_again_is_refused(correct, labels, options, told: str) -> None:
    with pytest.raises(InputError, match=told):
        bootstrap_mean_class_interval(correct, labels, **options)


def test_confidence_is_a_share() -> None:
    with pytest.raises(InputError, match=r"confidence 1\.0:"):
        wilson_interval(1, 2, 1.0)


def test_intervals_need_no_pytorch() -> None:
    code = "import sys, epam.evaluation.intervals; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"
