"""Readings of a count carry their operands, and say how far each departs from the claim's words."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import CountRecord, ModelCard
from epam_reports.conventions import (
    Departure,
    head_parameters,
    macs_ratio_readings,
    macs_readings,
    views_departure,
)
from epam_reports.measurements import gather

Count = Callable[..., CountRecord]


def test_plain_count_of_the_preferred_counter_departs_from_nothing(count: Count) -> None:
    (entry,) = gather([count(gmacs=11.0, counter="thop"), count(gmacs=10.0)])
    plain = [reading for reading in macs_readings(entry, ()) if reading.departure is Departure.NONE]
    assert [(reading.convention, reading.value) for reading in plain] == [("torch's count, one view", 10.0)]


def test_normalisation_is_only_doubled_where_it_was_counted_once(count: Count) -> None:
    split = {"conv": 10, "BatchNorm2d": 2}
    (entry,) = gather([count(gmacs=12.0, counter="thop", macs_by_operation=split)])
    assert not [reading for reading in macs_readings(entry, ()) if "normalisation" in reading.convention]


def test_heads_of_both_streams_count(card: Callable[..., ModelCard]) -> None:
    assert head_parameters(card("epam_net")) == 25_980 + 13_020
    assert head_parameters(card("timesformer")) == 400 * 769
    assert head_parameters(card("c3d")) is None


def test_ratio_uses_only_counters_that_counted_both(count: Count) -> None:
    large, small = gather(
        [count("timesformer", 200.0), count("epam_net", 10.0), count("epam_net", 10.1, counter="fvcore")]
    )
    readings = macs_ratio_readings(large, small, accuracy_views=frozenset())
    assert [reading.value for reading in readings if reading.telling] == pytest.approx([20.0, 60.0])
    assert not [reading for reading in readings if "fvcore" in reading.convention]


@pytest.mark.parametrize(
    ("large", "small", "accuracy_views", "departure"),
    [
        (1, 1, {10}, Departure.NONE),
        (3, 1, {10}, Departure.VIEWS),
        (3, 1, {3, 10}, Departure.CONVENTION),
        (None, 1, {10}, Departure.VIEWS),
    ],
)
def test_unequal_views_are_a_convention_only_if_the_accuracy_used_them(
    large: int | None, small: int, accuracy_views: set[int], departure: Departure
) -> None:
    assert views_departure(large, small, frozenset(accuracy_views)) is departure
