"""How near is near enough depends on the printed digits, on the metric, and on how many rival readings."""

from __future__ import annotations

from collections.abc import Callable
from math import log

import pytest

from epam_reports.claims.reading import Departure, Reading
from epam_reports.claims.tolerances import covered_share, tight_tolerance_of, tolerance_for, tolerance_of
from epam_reports.published import PublishedNumber

Claim = Callable[..., PublishedNumber]


def _reading(value: float, *, tight: bool = False, spread: float = 0.0) -> Reading:
    return Reading("", value, "", Departure.CONVENTION, tight=tight, spread=spread)


@pytest.mark.parametrize(
    ("printed", "metric", "loose", "tight"),
    [
        ("8.1", "macs", 0.081, 0.05),
        ("64", "macs", 0.64, 0.5),
        ("40.697", "macs", 0.40697, 0.081394),
        ("2.5", "parameters", 0.05, 0.05),
        ("33.371472", "parameters", 0.033371472, 0.0100114416),
        ("96.1", "top1", 0.05, 0.05),
    ],
)
def test_tolerances(claim: Claim, printed: str, metric: str, loose: float, tight: float) -> None:
    fields = {"dataset": "NTU60", "split": "X-Sub"} if metric == "top1" else {}
    number = claim(printed, metric, **fields)
    assert tolerance_of(number) == pytest.approx(loose)
    assert tight_tolerance_of(number) == pytest.approx(tight)


def test_an_evaluation_brings_its_own_uncertainty(claim: Claim) -> None:
    number = claim("96.1", "top1", dataset="NTU60", split="X-Sub")
    assert tolerance_for(_reading(95.0, spread=1.5), number) == pytest.approx(1.55)


def test_share_covered_is_that_of_the_union_of_windows_on_a_logarithmic_scale(claim: Claim) -> None:
    """±1 % at 10 is 0.02 of the 1.386 between half and twice; the same window twice adds nothing."""
    number = claim("10.000")
    once = covered_share([_reading(10.0)], number)
    assert once == pytest.approx(log(1.01 / 0.99) / log(4))
    assert covered_share([_reading(10.0), _reading(10.0)], number) == once
    assert covered_share([_reading(10.0), _reading(15.0)], number) == pytest.approx(2 * once)
    assert covered_share([_reading(100.0)], number) == 0.0
    assert covered_share([_reading(10.0, tight=True)], number) == pytest.approx(once / 5, rel=0.01)
