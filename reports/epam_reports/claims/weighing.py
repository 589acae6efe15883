"""From a case to its verdict: the least burdened reading that gives the number names it."""

from __future__ import annotations

from epam_reports.claims.case import Case
from epam_reports.claims.reading import Departure, Reading
from epam_reports.claims.reasons import printed, reason_of
from epam_reports.claims.tolerances import MOST_COVERED, covered_share, tolerance_of
from epam_reports.claims.verdict import VERDICT_OF, ClaimVerdict, Evidence, Verdict

_WITHOUT_READING = (Verdict.DOES_NOT_HOLD, Verdict.NEEDS_DATA)


def weigh(case: Case) -> ClaimVerdict:
    """Find the verdict of a case and say why."""
    claim, matching = case.claim, case.matching
    by_chance = _share_by_chance(case, matching)
    verdict = _verdict(case, matching, by_chance)
    named = bool(matching) and verdict not in _WITHOUT_READING and not by_chance
    own_words = next(iter(case.own), None)
    return ClaimVerdict(
        claim=f"{printed(claim)} {case.subject}",
        model=claim.model,
        catalogue_name=claim.counted_name,
        metric=claim.metric,
        claimed=printed(claim),
        source=claim.citation,
        source_id=claim.source.id,
        verdict=verdict,
        convention=matching[0].convention if named else None,
        measured=own_words.value if own_words else None,
        tolerance=tolerance_of(claim),
        reason=reason_of(case, verdict, by_chance),
        evidence=tuple(_evidence(case, reading) for reading in case.readings),
    )


def _verdict(case: Case, matching: list[Reading], by_chance: float) -> Verdict:
    if not case.own:
        return Verdict.UNDER_SPECIFIED if case.missing and not case.needs else Verdict.NEEDS_DATA
    if not matching:
        return Verdict.UNDER_SPECIFIED if case.unsettled or case.unstated else Verdict.DOES_NOT_HOLD
    if by_chance:
        return Verdict.UNDER_SPECIFIED
    best = matching[0]
    # Printed numbers that fit each other can show how a claim came about, but cannot confirm it.
    if not best.measured and best.departure in (Departure.NONE, Departure.CONVENTION):
        return Verdict.UNDER_SPECIFIED if case.missing else Verdict.DOES_NOT_HOLD
    if case.missing and best.departure is Departure.CONVENTION:
        return Verdict.UNDER_SPECIFIED
    return VERDICT_OF[best.departure]


def _share_by_chance(case: Case, matching: list[Reading]) -> float:
    """Share of other numbers that would have been given too, where it is too large for the match to count.

    Zero where a match counts: because it departs from nothing, or because so few numbers are given.
    """
    if not matching or not matching[0].measured or matching[0].departure is Departure.NONE:
        return 0.0
    best = matching[0]
    if best.combination:
        share = case.search.covered if case.search else 1.0
    else:
        rivals = [
            reading for reading in case.own if reading.burden <= best.burden and not reading.combination
        ]
        share = covered_share(rivals, case.claim)
    return share if share > MOST_COVERED else 0.0


def _evidence(case: Case, reading: Reading) -> Evidence:
    return Evidence(
        convention=reading.convention,
        value=reading.value,
        operands=reading.operands,
        measured=reading.measured,
        deviation_percent=case.deviation_percent(reading),
        matches=case.matches(reading),
    )
