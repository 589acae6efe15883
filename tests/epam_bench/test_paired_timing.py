"""Timings compared: what is known by hand."""

from __future__ import annotations

import math

import pytest

from epam.errors import InputError
from epam_bench.paired_timing import (
    compare_blocks,
    compare_unpaired_blocks,
    median_interval,
    student_quantile,
)

STEADY = {
    (process, turn): [4.0 + 0.01 * process + 0.02 * turn + 0.001 * call for call in range(5)]
    for process in range(4)
    for turn in range(3)
}


def scaled(factor: float) -> dict[tuple[int, int], list[float]]:
    return {key: [factor * sample for sample in samples] for key, samples in STEADY.items()}


def test_twice_the_time_in_every_turn_is_a_ratio_of_two() -> None:
    found = compare_blocks(STEADY, scaled(2))
    assert found.ratio == pytest.approx(2)
    assert found.verdict == "slower"
    assert (found.processes, found.rounds) == (4, 12)


def test_a_timing_is_the_same_as_itself_and_half_the_time_is_faster() -> None:
    assert compare_blocks(STEADY, STEADY).verdict == "same"
    assert compare_blocks(STEADY, scaled(0.5)).verdict == "faster"
    assert compare_unpaired_blocks(STEADY, scaled(0.5)).verdict == "faster"


def test_one_process_cannot_tell_what_another_would_be() -> None:
    one = {(0, turn): [4.0] * 5 for turn in range(8)}
    found = compare_blocks(one, {key: [8.0] * 5 for key in one})
    assert found.ratio == pytest.approx(2)
    assert found.interval == (0, math.inf)
    assert found.verdict == "cannot tell"
    assert median_interval(one) == (0, math.inf)


def test_timings_without_a_common_turn_or_with_impossible_samples_are_refused() -> None:
    with pytest.raises(InputError, match="no turn in common"):
        compare_blocks({(0, 0): [1.0]}, {(1, 0): [1.0]})
    with pytest.raises(InputError, match="positive"):
        median_interval({(0, 0): [1.0, 0.0]})
    with pytest.raises(InputError, match="no samples"):
        median_interval({(0, 0): []})
    with pytest.raises(InputError, match="between 0 and 1"):
        compare_blocks(STEADY, STEADY, confidence=95)


@pytest.mark.parametrize(
    ("degrees", "printed"), [(1, 12.706), (2, 4.303), (3, 3.182), (10, 2.228), (100, 1.984)]
)
def test_students_quantiles_are_those_of_printed_tables(degrees: int, printed: float) -> None:
    assert student_quantile(0.975, degrees) == pytest.approx(printed, abs=6e-4)
