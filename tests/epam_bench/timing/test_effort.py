from __future__ import annotations

import pytest

from epam.errors import InputError
from epam_bench.timing.effort import (
    BUDGET_SECONDS_A_SUBJECT,
    LEAST_BUDGET_SECONDS,
    MOST_CALLS,
    Effort,
    Limits,
)


def test_turn_is_half_a_second_of_calls_and_at_least_one() -> None:
    effort = Effort()
    assert effort.calls_a_turn(100.0) == 5
    assert effort.calls_a_turn(2000.0) == 1
    assert effort.calls_a_turn(0.001) == MOST_CALLS


def test_samples_are_shared_by_the_processes() -> None:
    assert Effort(samples=64, processes=3).samples_a_process == 22


def test_budget_grows_with_the_subjects_unless_it_is_given() -> None:
    assert Effort().budget_for(1) == LEAST_BUDGET_SECONDS
    assert Effort().budget_for(30) == 30 * BUDGET_SECONDS_A_SUBJECT
    assert Effort(budget_seconds=0).budget_for(3) == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"target": 0}, "target ±0 %: give one between 0 and 100 %"),
        ({"target": float("nan")}, "target ±nan %"),
        ({"budget_seconds": -1.0}, "at least 0"),
        ({"budget_seconds": float("nan")}, "at least 0"),
        ({"processes": 0}, "0 processes: at least 1"),
        ({"warmup_calls": 0}, "0 warmup calls"),
    ],
)
def test_nonsense_is_refused(options: dict[str, float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        Effort(**options)  # type: ignore[arg-type]


def test_slow_models_get_longer_turns() -> None:
    limits = Limits(turn_seconds=60, turn_factor=20)
    assert limits.turn(5, 10.0) == 60
    assert limits.turn(1, 5000.0) == 200
