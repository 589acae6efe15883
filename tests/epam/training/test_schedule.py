from __future__ import annotations

import pytest

from epam.errors import InputError
from epam.training.schedule import Schedule


def schedule(**changes: float) -> Schedule:
    facts = {"steps_per_epoch": 6, "epochs": 2, "accumulation": 1, "learning_rate": 1.0}
    return Schedule(**facts | changes)  # type: ignore[arg-type]


def test_learning_rate_follows_a_cosine_over_the_whole_run() -> None:
    rates = [schedule().learning_rate_at(step) for step in (0, 4, 6, 8)]
    assert rates == pytest.approx([1.0, 0.75, 0.5, 0.25])


def test_the_last_step_is_one_before_the_rate_would_be_0() -> None:
    one_epoch = schedule(steps_per_epoch=3, epochs=1)
    assert one_epoch.learning_rate_at(2) == pytest.approx(0.25)
    assert one_epoch.learning_rate_at(3) == 0


def test_warm_up_rises_in_a_straight_line_to_where_the_cosine_starts() -> None:
    warm = schedule(warmup_updates=4)
    rates = [warm.learning_rate_at(step) for step in (0, 1, 2, 3, 4, 8)]
    assert rates == pytest.approx([0.25, 0.5, 0.75, 1.0, 1.0, 0.5])


def test_a_warm_up_as_long_as_the_run_is_refused() -> None:
    with pytest.raises(InputError, match=r"schedule\.warmup_steps is 12, and the whole run has 12 updates"):
        schedule(warmup_updates=12)


def test_updates_come_after_each_group_of_steps_and_at_an_epochs_end() -> None:
    grouped = schedule(steps_per_epoch=5, accumulation=2)
    assert [step for step in range(10) if grouped.ends_update(step)] == [1, 3, 4, 6, 8, 9]
    assert (grouped.updates_per_epoch, grouped.updates, grouped.steps) == (3, 6, 10)


def test_steps_of_one_update_share_its_learning_rate() -> None:
    grouped = schedule(steps_per_epoch=5, accumulation=2)
    rates = [grouped.learning_rate_at(step) for step in range(10)]
    assert rates[0] == rates[1] == 1.0
    assert rates[5] == rates[6] == pytest.approx(0.5)
    assert len(set(rates)) == 6


@pytest.mark.parametrize(
    ("step", "epoch", "ends"), [(0, 0, False), (5, 0, True), (6, 1, False), (11, 1, True)]
)
def test_epochs_are_told_from_the_steps_number(step: int, epoch: int, ends: bool) -> None:
    assert (schedule().epoch_of(step), schedule().ends_epoch(step)) == (epoch, ends)
