"""Parameters are read whole, without the head, and with a head for another data set."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import CountRecord, ModelCard
from epam_reports.claims.parameters import head_parameters, parameter_readings
from epam_reports.measurements import gather
from epam_reports.published import PublishedNumber

Claim = Callable[..., PublishedNumber]
Count = Callable[..., CountRecord]


def test_heads_of_old_records_are_known_for_two_models(card: Callable[..., ModelCard]) -> None:
    assert head_parameters(card("epam_net")) == 25_980 + 13_020
    assert head_parameters(card("timesformer")) == 400 * 769
    assert head_parameters(card("c3d")) is None


def test_a_card_that_says_its_head_is_believed(card: Callable[..., ModelCard]) -> None:
    assert head_parameters(card("timesformer", head_parameters=7)) == 7


def test_readings_are_worked_out_from_the_head(count: Count, claim: Claim) -> None:
    """1000 parameters, of which 10 × (9 + 1) are the head of 10 classes: 900 without, 1500 for 60."""
    record = count("x3d_m", 1.0, parameters=1000, head_parameters=100, num_classes=10)
    (entry,) = gather([record])
    values = {
        reading.convention: reading.value * 1e6
        for reading in parameter_readings(claim("0.001", "parameters"), entry, [])
    }
    assert values["all parameters"] == pytest.approx(1000)
    assert values["head left out"] == pytest.approx(900)
    assert values["a head for the 60 classes of NTU60"] == pytest.approx(1500)
    assert values["megabytes of float32"] == pytest.approx(4000)


def test_a_head_that_is_no_row_a_class_is_not_stretched(count: Count, claim: Claim) -> None:
    (entry,) = gather([count("x3d_m", 1.0, parameters=1000, head_parameters=99, num_classes=10)])
    said = [reading.convention for reading in parameter_readings(claim("0.001", "parameters"), entry, [])]
    assert "head left out" in said
    assert not any("classes" in words for words in said)


def test_the_same_network_counted_with_other_classes_is_evidence(count: Count, claim: Claim) -> None:
    base, other = gather(
        [count("x3d_m", 1.0, parameters=size, num_classes=classes) for size, classes in ((10, 60), (20, 120))]
    )
    readings = parameter_readings(claim("0.00002", "parameters"), base, [base, other])
    assert [reading.convention for reading in readings if reading.value == pytest.approx(2e-5)] == [
        "a head for 120 classes"
    ]
