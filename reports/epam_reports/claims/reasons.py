"""The sentences beside a verdict: which reading gives the number, by how much, or what would be needed."""

from __future__ import annotations

from epam_reports.claims.case import Case
from epam_reports.claims.reading import Reading
from epam_reports.claims.tolerances import tolerance_of
from epam_reports.claims.verdict import Verdict
from epam_reports.conventions import GIGA
from epam_reports.published import PublishedNumber

MOST_SAID = 3
"""So many readings that give a number equally well are said; all are in the evidence."""


def reason_of(case: Case, verdict: Verdict, by_chance: float) -> str:
    """A few sentences with all operands.

    Args:
        case: the claim and its readings.
        verdict: what came of it.
        by_chance: share of other numbers that would have been given too; zero unless that is too large.
    """
    matching = case.matching
    if verdict is Verdict.NEEDS_DATA or not case.own:
        parts = [case.needs, case.missing, *case.caveats]
        return _sentences(parts)
    said: list[Reading] = []
    if verdict is Verdict.DOES_NOT_HOLD or not matching:
        said = [min(case.own, key=case.distance)]
        lead = _miss(case, said[0])
    elif by_chance:
        lead = _chance(case, matching[0], by_chance)
    else:
        said = _equally_good(matching)
        lead = f"{printed(case.claim)} is {'; or '.join(_say(case, reading) for reading in said[:MOST_SAID])}"
    telling = [reading for reading in case.readings if reading.telling and reading not in said]
    parts = [lead]
    if not matching:
        parts += [case.unsettled, _unstated(case)]
    elif by_chance:
        parts.append(case.unsettled)
    else:
        parts.append(_more_exactly(case, said))
    parts += [_tried(case, said if matching else []), "; ".join(_say(case, reading) for reading in telling)]
    return _sentences([*parts, case.missing, *case.caveats])


def printed(claim: PublishedNumber) -> str:
    """The number as it is printed, with its unit."""
    return f"{claim.value}×" if claim.unit == "x" else f"{claim.value} {claim.unit}"


def signed(percent: float) -> str:
    """A deviation in per cent, with its sign.

    >>> signed(-0.52)
    '−0.5 %'
    """
    return f"{percent:+.1f} %".replace("-", "−")


def _sentences(parts: list[str]) -> str:
    """Parts as sentences, each once; a note that is one already keeps its full stop."""
    return " ".join(
        f"{part[0].upper()}{part[1:].removesuffix('.')}." for part in dict.fromkeys(parts) if part
    )


def _miss(case: Case, nearest: Reading) -> str:
    return (
        f"none of {len(case.own)} readings of our records is within ±{tolerance_of(case.claim):.2g} "
        f"of {printed(case.claim)}; nearest: {_say(case, nearest)}"
    )


def _chance(case: Case, best: Reading, share: float) -> str:
    """Why readings that give the number explain nothing: too many others would have been given, too."""
    if best.combination and case.search is not None:
        giving = [reading for reading in case.matching if reading.combination]
        said = " and by ".join(_say(case, reading) for reading in giving[:MOST_SAID])
        return (
            f"{printed(case.claim)} is given by {said}, but the {case.search.tried} combinations of what "
            f"counters add that were tried would give {100 * share:.0f} % of all numbers between their least "
            "and their largest, so that this alone explains nothing"
            f"{'' if case.unsettled else '; missing: which operations count'}"
        )
    return (
        f"{printed(case.claim)} is given by {_say(case, best)}, but readings that depart no more from its "
        f"words would give {100 * share:.0f} % of all numbers between half and twice it, so that this alone "
        f"explains nothing; missing: {', '.join(case.unstated) or 'more digits, or how it was counted'}"
    )


def _equally_good(matching: list[Reading]) -> list[Reading]:
    best = matching[0]
    return [
        reading
        for reading in matching
        if (reading.burden, reading.departure, reading.measured)
        == (best.burden, best.departure, best.measured)
        or (not reading.measured and reading.departure == best.departure)
    ]


def _more_exactly(case: Case, said: list[Reading]) -> str:
    """Where the verdict's own reading is near but not to the digit: the reading that is."""
    if not said or case.distance(said[0]) <= case.claim.half_last_digit:
        return ""
    exact = [
        reading
        for reading in case.own
        if reading not in said
        and case.distance(reading) <= case.claim.half_last_digit
        and case.matches(reading)
        and reading.departure <= said[0].departure + 1
        and not reading.combination
    ]
    return f"to the printed digits: {_say(case, exact[0])}" if exact else ""


def _tried(case: Case, said: list[Reading]) -> str:
    """How many readings were tried, where that bears on what a match is worth."""
    if said and said[0].departure == 0:
        return ""
    counted = f"{len(case.own)} readings of our records were tried"
    if case.search is None:
        return counted if said and said[0].measured else ""
    if said:
        return counted
    if not case.search.found and case.search.tried > 1:
        return f"of {case.search.tried} combinations of what counters add, none gives it"
    return ""


def _unstated(case: Case) -> str:
    return f"missing: {', '.join(case.unstated)}" if case.unstated and not case.unsettled else ""


def _say(case: Case, reading: Reading) -> str:
    digits = 1 if case.claim.unit in ("x", "%") else 3
    value = f"{reading.value:.{digits}f}"
    # A single operand is the value itself: "7.618 G", not "7.618 = 7.618 G".
    worked_out = reading.operands if reading.operands == f"{value} G" else f"{value} = {reading.operands}"
    return f"{reading.convention}: {worked_out} ({signed(case.deviation_percent(reading))})"


def between(claim: PublishedNumber, counts: list[tuple[str, float]]) -> str:
    """Why a claim within the span of our counts is not refuted; empty outside it or of a named counter.

    Args:
        claim: the printed number.
        counts: who counts, and what in the claim's unit.
    """
    values = [value for _, value in counts]
    if claim.counter or not values or not min(values) <= float(claim.value) <= max(values):
        return ""
    said = ", ".join(f"{who} {signed(100.0 * (value / float(claim.value) - 1.0))}" for who, value in counts)
    return (
        f"yet it lies among our complete counts ({said}), so it is not refuted either; "
        "missing: which counter it is by, and which operations that counts"
    )


def left_out(missed: list[tuple[str, int, str]]) -> str:
    """Counts that were not tried because they missed operations; empty when there are none.

    Args:
        missed: counter, MACs and title of the model of each.
    """
    said = " and ".join(f"{counter}'s {macs / GIGA:.1f} G for {title}" for counter, macs, title in missed)
    return f"left out because operations are missing from them: {said}" if said else ""
