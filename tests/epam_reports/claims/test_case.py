"""Of the readings that give a number the least burdened comes first, our own before printed ones."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_reports.claims.case import Case
from epam_reports.claims.reading import Burden, Departure, Reading
from epam_reports.conventions import PLAIN, Search
from epam_reports.published import PublishedNumber

Claim = Callable[..., PublishedNumber]


def _reading(words: str, value: float, burden: int = 0, **changes: bool) -> Reading:
    return Reading(words, value, "", Departure.CONVENTION, burden, **changes)


def test_order_is_measured_then_burden_then_distance(claim: Claim) -> None:
    readings = [
        _reading("printed", 10.0, measured=False),
        _reading("far", 10.05, Burden.RULE),
        _reading("burdened", 10.0, Burden.MAC_FLOP),
        _reading("near", 10.01, Burden.RULE),
        _reading("missed", 11.0),
    ]
    case = Case(claim=claim("10.0"), readings=readings, subject="")
    assert [reading.convention for reading in case.matching] == ["near", "far", "burdened", "printed"]
    assert [reading.convention for reading in case.own] == ["far", "burdened", "near", "missed"]


def test_a_combination_matches_only_where_the_search_found_it(claim: Claim) -> None:
    found = _reading(f"{PLAIN.words}, one view", 10.0, Burden.COMBINATION, combination=True)
    other = _reading("something else, one view", 10.0, Burden.COMBINATION, combination=True)
    search = Search(((PLAIN, 10**10),), tried=2, covered=0.1)
    case = Case(claim=claim("10.0"), readings=[found, other], subject="", search=search)
    assert case.matching == [found]
    assert Case(claim=claim("10.0"), readings=[found], subject="").matching == []


def test_deviation_is_of_the_printed_number(claim: Claim) -> None:
    case = Case(claim=claim("10.0"), readings=[], subject="")
    assert case.deviation_percent(_reading("", 9.0)) == pytest.approx(-10.0)
