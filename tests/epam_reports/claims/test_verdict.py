"""Verdicts have the names that a reader knows them by, and every departure has one."""

from __future__ import annotations

from epam_reports.claims.reading import Departure
from epam_reports.claims.verdict import VERDICT_OF, Verdict


def test_every_departure_has_a_verdict() -> None:
    assert set(VERDICT_OF) == set(Departure)


def test_names_are_those_of_the_specification() -> None:
    assert [verdict.value for verdict in Verdict] == [
        "holds",
        "holds under another convention",
        "MAC/FLOP mix-up",
        "views mix-up",
        "does not hold",
        "under-specified",
        "needs data",
    ]
