"""How near a reading must come to a printed number to give it."""

from __future__ import annotations

from collections.abc import Iterable
from math import log

from epam_reports.claims.reading import Reading
from epam_reports.conventions import covered_length
from epam_reports.published import PublishedNumber
from epam_reports.published.published_number import ACCURACIES

RELATIVE_TOLERANCE = 0.01
"""Counters are reported as disagreeing above 1 %; a claim is given no more than that."""

PARAMETERS_TOLERANCE = 0.001
"""Parameters are counted exactly: nobody's rule differs, so more than 0.1 % is another network or part."""

TIGHT_PARAMETERS_TOLERANCE = 0.0003
"""Room for a number that was rounded twice, and no more: heads for seven data sets are near each other."""

TIGHT_TOLERANCE = 0.002
"""For a counter's rule that the source does not name, and for readings that depart more than once: there
are several, and some come near. A rule's count is exact, so nothing but rounding should part them."""

MOST_COVERED = 0.25
"""Above this share of all numbers, readings of which there are several explain nothing by fitting."""


def tolerance_of(claim: PublishedNumber) -> float:
    """Half of the last printed digit or the metric's share of it, whichever is more, in the claim's unit.

    Of an accuracy only the digit: how far chance may have moved it is known of each evaluation.
    """
    if claim.metric in ACCURACIES:
        return claim.half_last_digit
    share = PARAMETERS_TOLERANCE if claim.metric == "parameters" else RELATIVE_TOLERANCE
    return max(claim.half_last_digit, share * float(claim.value))


def tight_tolerance_of(claim: PublishedNumber) -> float:
    """The same for readings of which there are several."""
    share = TIGHT_PARAMETERS_TOLERANCE if claim.metric == "parameters" else TIGHT_TOLERANCE
    return min(tolerance_of(claim), max(claim.half_last_digit, share * float(claim.value)))


def tolerance_for(reading: Reading, claim: PublishedNumber) -> float:
    """How far this reading may be from the printed number, in its unit."""
    if claim.metric in ACCURACIES:
        return claim.half_last_digit + reading.spread
    return tight_tolerance_of(claim) if reading.tight else tolerance_of(claim)


def covered_share(readings: Iterable[Reading], claim: PublishedNumber) -> float:
    """Share of the numbers between half and twice the printed one that some reading would have given.

    On a logarithmic scale, each with its own tolerance: what to expect of a number drawn by chance.
    """
    printed = float(claim.value)
    windows = [
        (log(reading.value * (1 - share)), log(reading.value * (1 + share)))
        for reading in readings
        if reading.value > 0
        for share in (tolerance_for(reading, claim) / printed,)
        if share < 1
    ]
    return covered_length(windows, log(printed / 2), log(printed * 2)) / log(4)
