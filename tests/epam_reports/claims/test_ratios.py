"""Ratios compare what one rule counted of both models, over the same views or over unequal ones."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from epam_bench.records import CountRecord
from epam_reports.claims import Verdict, judge_claims
from epam_reports.claims.ratios import macs_ratio_readings, views_departure
from epam_reports.claims.reading import Departure
from epam_reports.measurements import gather
from epam_reports.published import load_published, select

Count = Callable[..., CountRecord]
NUMBERS = load_published()


def test_ratio_uses_only_counters_that_counted_both(count: Count) -> None:
    large, small = gather(
        [count("timesformer", 200.0), count("epam_net", 10.0), count("epam_net", 10.1, counter="fvcore")]
    )
    (claim,) = select(NUMBERS, catalogue_name="epam_net", metrics=("macs_ratio",))
    readings = [reading for reading in macs_ratio_readings(claim, large, small, NUMBERS) if reading.measured]
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


def test_ratio_against_an_unnamed_network_lacks_that() -> None:
    found = [claim for claim in judge_claims([]) if claim.source_id in ("EPAM-README-v1", "X3D-PAPER")]
    assert len(found) == 6
    assert {claim.verdict for claim in found} == {Verdict.UNDER_SPECIFIED}
    assert all("which network it is compared with" in claim.reason for claim in found)


def test_ratio_against_any_model_of_the_file_is_judged(count: Count) -> None:
    """C3D at 40 G against X3D-M at 5 G, both of which the catalogue has: no stand-in is needed."""
    (template,) = select(NUMBERS, catalogue_name="epam_net", metrics=("macs_ratio",))
    changes = {"catalogue_name": "x3d_m", "model": "X3D-M", "against": "C3D", "value": Decimal("8.0")}
    claim = template.model_copy(update=changes)
    records = [
        count("x3d_m", 5.0, inputs={"rgb": (3, 16, 256, 256)}, clips=10, crops=3),
        count("c3d", 40.0, title="C3D"),
    ]
    (found,) = judge_claims(records, [*NUMBERS, claim], models=["X3D-M"])[-1:]
    assert (found.verdict, found.measured) == (Verdict.HOLDS, pytest.approx(8.0))
    assert "stands in" not in found.reason
