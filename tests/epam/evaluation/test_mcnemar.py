from __future__ import annotations

from fractions import Fraction
from math import comb

import numpy as np
import pytest

from epam.errors import InputError
from epam.evaluation.mcnemar import McNemar, compare_runs


def test_each_sample_is_counted_by_who_was_right() -> None:
    right, wrong = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    scores_a = {"a": right, "b": right, "c": wrong, "d": right, "e": wrong}
    scores_b = {"e": wrong, "d": wrong, "c": right, "b": right, "a": wrong}
    found = compare_runs(scores_a, scores_b, dict.fromkeys("abcde", 0))
    assert found == McNemar(only_a=2, only_b=1, both=1, neither=1)
    assert found.samples == 5


@pytest.mark.parametrize(("only_a", "only_b"), [(5, 0), (0, 5), (1, 8), (10, 12), (3, 60)])
def test_p_value_is_twice_the_tail_of_fair_coins(only_a: int, only_b: int) -> None:
    flips = only_a + only_b
    tail = sum(comb(flips, heads) for heads in range(min(only_a, only_b) + 1))
    found = McNemar(only_a=only_a, only_b=only_b, both=7, neither=9)
    assert found.p_value == float(min(Fraction(1), Fraction(2 * tail, 2**flips)))


def test_five_against_none_is_one_in_sixteen() -> None:
    assert McNemar(only_a=5, only_b=0, both=0, neither=0).p_value == 1 / 16


def test_networks_that_never_differ_or_differ_evenly_are_not_told_apart() -> None:
    assert McNemar(only_a=0, only_b=0, both=10, neither=3).p_value == 1.0
    assert McNemar(only_a=4, only_b=4, both=10, neither=3).p_value == 1.0


def test_thousands_of_differences_are_exact_too() -> None:
    assert 0.0 < McNemar(only_a=2400, only_b=2600, both=0, neither=0).p_value < 0.01
    assert McNemar(only_a=0, only_b=5000, both=0, neither=0).p_value == 0.0


def test_samples_that_one_run_lacks_are_an_error() -> None:
    row = np.array([1.0, 0.0])
    with pytest.raises(InputError, match="1 samples are in the first run alone, for example 'b'"):
        compare_runs({"a": row, "b": row}, {"a": row}, {"a": 0, "b": 0})
    with pytest.raises(InputError, match="2 samples are in the second run alone, for example 'b'"):
        compare_runs({"a": row}, {"a": row, "b": row, "c": row}, {"a": 0})
