"""Judges EPAM-Net's claims of efficiency: each is re-derived from our counts under every known convention.

A verdict is found, never written down: the readings of `conventions` are compared with the printed
number, and the least departure from its words that gives the number names the verdict.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum

from pydantic import BaseModel, ConfigDict

from epam_bench.records import AnyRecord, CountRecord
from epam_reports.conventions import (
    GIGA,
    MEGA,
    Departure,
    Reading,
    head_parameters,
    macs_ratio_readings,
    macs_readings,
    parameter_readings,
    views_departure,
)
from epam_reports.costs import count_views
from epam_reports.measurements import Measured, gather
from epam_reports.published import PublishedNumber, load_published, select
from epam_reports.published.published_number import ACCURACIES

CLAIMANT = "epam_net"
COMPETITOR = "pi-ViT"
STAND_IN = "timesformer"
"""What we can count in the competitor's place: the backbone that it runs at test time."""

RELATIVE_TOLERANCE = 0.01
"""Counters are reported as disagreeing above 1 %; a claim is given no more than that."""


class Verdict(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    OTHER_CONVENTION = "holds under another convention"
    MAC_FLOP_MIX_UP = "MAC/FLOP mix-up"
    VIEWS_MIX_UP = "views mix-up"
    DOES_NOT_HOLD = "does not hold"
    UNDER_SPECIFIED = "under-specified"
    NEEDS_DATA = "needs data"


_VERDICT_OF = {
    Departure.NONE: Verdict.HOLDS,
    Departure.CONVENTION: Verdict.OTHER_CONVENTION,
    Departure.MAC_FLOP: Verdict.MAC_FLOP_MIX_UP,
    Departure.VIEWS: Verdict.VIEWS_MIX_UP,
}


class Evidence(BaseModel):
    """One reading that was tried: what it gives, and how far that is from the claim."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    convention: str
    value: float
    operands: str
    measured: bool
    deviation_percent: float
    matches: bool


class ClaimVerdict(BaseModel):
    """A claim, what we make of it, and everything that was tried.

    Attributes:
        claimed: as printed, unit included.
        convention: the reading that gives the printed number; none when no reading does.
        measured: our value under the claim's own words, in the claim's unit; none without records.
        tolerance: how far a reading may be from the printed number, in its unit.
        reason: one or two sentences with all operands.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    claim: str
    claimed: str
    source: str
    verdict: Verdict
    convention: str | None
    measured: float | None
    tolerance: float
    reason: str
    evidence: tuple[Evidence, ...]


def judge_claims(
    records: Iterable[AnyRecord], published: Sequence[PublishedNumber] | None = None
) -> tuple[ClaimVerdict, ...]:
    """Judge each of EPAM-Net's claims that the published numbers hold, in their order.

    Args:
        records: what was measured here; only counts matter.
        published: the claims and their operands; by default those that the package brings.
    """
    numbers = load_published() if published is None else published
    measured = gather(record for record in records if isinstance(record, CountRecord))
    claims = select(
        numbers,
        catalogue_name=CLAIMANT,
        metrics=("macs", "parameters", "macs_ratio", "parameters_ratio"),
    )
    return tuple(_judge(claim, measured, numbers) for claim in claims)


def tolerance_of(claim: PublishedNumber) -> float:
    """Half of the last printed digit or 1 %, whichever is more, in the claim's unit."""
    return max(claim.half_last_digit, RELATIVE_TOLERANCE * float(claim.value))


def _judge(
    claim: PublishedNumber, measured: tuple[Measured, ...], numbers: Sequence[PublishedNumber]
) -> ClaimVerdict:
    ours = _on_published_input(CLAIMANT, measured, numbers)
    theirs = _on_published_input(STAND_IN, measured, numbers)
    if claim.metric == "macs":
        others = [entry for entry in measured if entry.card.name == CLAIMANT and entry is not ours]
        readings = macs_readings(ours, others) if ours else []
        untried = "no counter here lists activations, so a count that adds those could not be tried"
        caveats = (_left_out((ours,)), untried) if ours else ()
        return _weigh(
            claim,
            readings,
            "multiply-adds of EPAM-Net",
            needs=(CLAIMANT,),
            caveats=caveats,
            unsettled=_between_counters(claim, ours) if ours else "",
        )
    if claim.metric == "parameters":
        return _weigh(
            claim, parameter_readings(ours) if ours else [], "parameters of EPAM-Net", needs=(CLAIMANT,)
        )
    both, needs = (theirs, ours), (CLAIMANT, STAND_IN)
    if claim.metric == "macs_ratio":
        readings = _macs_ratio(both, numbers)
        about = (_left_out(both), _note_on_competitor(numbers), _views_of_competitor(numbers))
        return _weigh(claim, readings, f"fewer multiply-adds than {COMPETITOR}", needs=needs, caveats=about)
    readings = _parameters_ratio(both, numbers)
    missing = _missing_operand(claim, numbers)
    return _weigh(claim, readings, f"fewer parameters than {COMPETITOR}", needs=needs, missing=missing)


def _weigh(
    claim: PublishedNumber,
    readings: list[Reading],
    subject: str,
    *,
    needs: tuple[str, ...],
    caveats: tuple[str, ...] = (),
    missing: str = "",
    unsettled: str = "",
) -> ClaimVerdict:
    """Weigh one claim.

    Args:
        claim: the printed number.
        readings: what it should be under each convention.
        subject: what the number is of, in words.
        needs: models whose counts it takes.
        caveats: sentences that follow the reason.
        missing: what the source leaves out, so that a match is no more than consistent with it.
        unsettled: why readings that all miss refute nothing; empty when they do.
    """
    matching = sorted(
        (reading for reading in readings if _matches(reading, claim)),
        key=lambda reading: (not reading.measured, reading.departure, _distance(reading, claim)),
    )
    verdict = _verdict(readings, matching, missing, unsettled)
    chosen = matching[0] if matching and verdict not in (Verdict.DOES_NOT_HOLD, Verdict.NEEDS_DATA) else None
    own_words = next((reading for reading in readings if reading.measured), None)
    return ClaimVerdict(
        claim=f"{_printed(claim)} {subject}",
        claimed=_printed(claim),
        source=claim.citation,
        verdict=verdict,
        convention=chosen.convention if chosen else None,
        measured=own_words.value if own_words else None,
        tolerance=tolerance_of(claim),
        reason=_reason(claim, readings, matching, verdict, needs, caveats, missing, unsettled),
        evidence=tuple(_evidence(reading, claim) for reading in readings),
    )


def _verdict(readings: list[Reading], matching: list[Reading], missing: str, unsettled: str) -> Verdict:
    if not any(reading.measured for reading in readings):
        return Verdict.NEEDS_DATA
    if not matching:
        return Verdict.UNDER_SPECIFIED if unsettled else Verdict.DOES_NOT_HOLD
    best = matching[0]
    # Printed numbers that fit each other can show how a claim came about, but cannot confirm it.
    if not best.measured and best.departure in (Departure.NONE, Departure.CONVENTION):
        return Verdict.UNDER_SPECIFIED if missing else Verdict.DOES_NOT_HOLD
    if missing and best.departure is Departure.CONVENTION:
        return Verdict.UNDER_SPECIFIED
    return _VERDICT_OF[best.departure]


def _reason(
    claim: PublishedNumber,
    readings: list[Reading],
    matching: list[Reading],
    verdict: Verdict,
    needs: tuple[str, ...],
    caveats: tuple[str, ...],
    missing: str,
    unsettled: str,
) -> str:
    own = [reading for reading in readings if reading.measured]
    said: list[Reading] = []
    if verdict is Verdict.NEEDS_DATA:
        lead = f"run: epam-bench flops {' '.join(needs)}"
    elif verdict is Verdict.DOES_NOT_HOLD or not matching:
        nearest = min(own, key=lambda reading: _distance(reading, claim))
        lead = (
            f"none of {len(own)} readings of our counts is within {_tolerance_words(claim)} "
            f"of {_printed(claim)}; nearest: {_say(nearest, claim)}"
        )
    else:
        alike = [reading for reading in matching if reading.departure == matching[0].departure]
        lead = f"{_printed(claim)} is " + "; or ".join(_say(reading, claim) for reading in alike)
        said = matching
    telling = [reading for reading in readings if reading.telling and reading not in said]
    parts = [lead, unsettled if not matching else "", "; ".join(_say(reading, claim) for reading in telling)]
    if len(needs) > 1 and own:
        parts.append(f"TimeSformer ({STAND_IN}) stands in for {COMPETITOR}, whose backbone it is")
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in (*parts, missing, *caveats) if part)


def _between_counters(claim: PublishedNumber, ours: Measured) -> str:
    """Why a claim within the span of our counters is not refuted; empty outside it or of a named counter."""
    counts = ours.complete_counts
    spread = [record.macs / GIGA for record in counts]
    if claim.counter or not spread or not min(spread) <= float(claim.value) <= max(spread):
        return ""
    said = ", ".join(
        f"{record.counter} {_signed(100.0 * (record.macs / GIGA / float(claim.value) - 1.0))}"
        for record in counts
    )
    return (
        f"yet it lies among our complete counts ({said}), so it is not refuted either; "
        "missing: which counter it is by, and which operations that counts"
    )


def _macs_ratio(
    both: tuple[Measured | None, Measured | None], numbers: Sequence[PublishedNumber]
) -> list[Reading]:
    accuracy_views = frozenset(
        number.views for number in select(numbers, model=COMPETITOR, metrics=ACCURACIES) if number.views
    )
    theirs, ours = both
    readings = macs_ratio_readings(theirs, ours, accuracy_views=accuracy_views) if theirs and ours else []
    large = next(iter(select(numbers, model=COMPETITOR, metrics=("macs",))), None)
    small = next(iter(select(numbers, catalogue_name=CLAIMANT, metrics=("macs",))), None)
    if large is None or small is None:
        return readings
    ratio = float(large.value) / float(small.value)
    operands = (
        f"{large.value} G of {count_views(large.views)} / {small.value} G of {count_views(small.views)}"
    )
    departure = views_departure(large.views, small.views, accuracy_views)
    readings.append(
        Reading("the printed operands as they are", ratio, operands, departure, measured=False, telling=True)
    )
    if large.views and small.views and large.views != small.views:
        each = ratio * small.views / large.views
        operands = f"({large.value} G / {large.views}) / ({small.value} G / {small.views})"
        readings.append(
            Reading(
                "the printed operands, one view each",
                each,
                operands,
                Departure.NONE,
                measured=False,
                telling=True,
            )
        )
    return readings


def _parameters_ratio(
    both: tuple[Measured | None, Measured | None], numbers: Sequence[PublishedNumber]
) -> list[Reading]:
    theirs, ours = both
    if theirs is None or ours is None:
        return []
    large, small = theirs.card.parameters, ours.card.parameters
    words = f"{large / MEGA:.2f} M / {small / MEGA:.3f} M"
    readings = [Reading("our counts, heads included", large / small, words, Departure.NONE, telling=True)]
    large_head, small_head = head_parameters(theirs.card), head_parameters(ours.card)
    if large_head is not None and small_head is not None:
        rest, small_rest = large - large_head, small - small_head
        words = f"{rest / MEGA:.2f} M / {small_rest / MEGA:.3f} M"
        readings.append(Reading("our counts, heads left out", rest / small_rest, words, Departure.CONVENTION))
    printed = next(iter(select(numbers, catalogue_name=CLAIMANT, metrics=("parameters",))), None)
    if printed:
        words = f"{large / MEGA:.2f} M / {printed.value} M"
        value = large / MEGA / float(printed.value)
        readings.append(
            Reading("our count over the printed, rounded one", value, words, Departure.CONVENTION)
        )
    return readings


def _missing_operand(claim: PublishedNumber, numbers: Sequence[PublishedNumber]) -> str:
    """What a parameter ratio lacks when the competitor's count was never printed; empty when it was."""
    if select(numbers, model=COMPETITOR, metrics=("parameters",)):
        return ""
    lacking = f"missing: {COMPETITOR}'s parameter count and whether heads count"
    printed = next(iter(select(numbers, catalogue_name=CLAIMANT, metrics=("parameters",))), None)
    if printed is None:
        return lacking
    low, high = (float(claim.value) + sign * claim.half_last_digit for sign in (-1, 1))
    small = float(printed.value)
    return (
        f"{lacking}; {low * small:.1f} to {high * small:.1f} M is what the claim implies "
        f"with the printed {small} M (our inference), so the most to be said is: consistent with"
    )


def _left_out(both: tuple[Measured | None, ...]) -> str:
    """Counts that were not tried because they missed operations; empty when there are none."""
    missed = [
        f"{record.counter}'s {record.macs / GIGA:.1f} G for {entry.title}"
        for entry in both
        if entry is not None
        for record in entry.incomplete_counts
    ]
    if not missed:
        return ""
    return f"left out because operations are missing from them: {' and '.join(missed)}"


def _note_on_competitor(numbers: Sequence[PublishedNumber]) -> str:
    """What of the competitor's printed operand is our inference."""
    printed = next(iter(select(numbers, model=COMPETITOR, metrics=("macs",))), None)
    return f"of {COMPETITOR}'s {_printed(printed)}: {printed.note}" if printed and printed.note else ""


def _views_of_competitor(numbers: Sequence[PublishedNumber]) -> str:
    """Views behind the competitor's own accuracies, and what one such video costs where that is known."""
    accuracies = [number for number in select(numbers, model=COMPETITOR, metrics=ACCURACIES) if number.views]
    if not accuracies:
        return ""
    views = " or ".join(
        str(count) for count in sorted({number.views for number in accuracies if number.views})
    )
    cost = _cost_of_own_test(accuracies[0], numbers)
    return f"{COMPETITOR}'s own published accuracies use {views} views{cost}"


def _cost_of_own_test(accuracy: PublishedNumber, numbers: Sequence[PublishedNumber]) -> str:
    ours = next(iter(select(numbers, catalogue_name=CLAIMANT, metrics=("macs",))), None)
    known = select(numbers, catalogue_name=STAND_IN, metrics=("macs",), shapes=accuracy.shapes)
    one_view = next((number for number in known if number.views == 1), None)
    if ours is None or one_view is None or accuracy.views is None:
        return ""
    total = accuracy.views * float(one_view.value)
    return (
        f"; on {accuracy.dataset} that is {accuracy.views} × {one_view.value} G ({one_view.source.kind}) "
        f"a video, {total / float(ours.value):.0f} times {ours.value} G"
    )


def _on_published_input(
    name: str, measured: tuple[Measured, ...], numbers: Sequence[PublishedNumber]
) -> Measured | None:
    """What was counted at the input of the model's first published cost, with the fewest classes.

    The paper does not print its class count; its smallest data set's is the least head.
    """
    printed = next(iter(select(numbers, catalogue_name=name, metrics=("macs",))), None)
    found = [entry for entry in measured if entry.card.name == name and entry.counts]
    if printed is not None and printed.shapes:
        found = [entry for entry in found if entry.shapes == printed.shapes]
    return min(found, key=lambda entry: entry.card.num_classes, default=None)


def _matches(reading: Reading, claim: PublishedNumber) -> bool:
    return _distance(reading, claim) <= tolerance_of(claim)


def _distance(reading: Reading, claim: PublishedNumber) -> float:
    return abs(reading.value - float(claim.value))


def _deviation_percent(reading: Reading, claim: PublishedNumber) -> float:
    return 100.0 * (reading.value / float(claim.value) - 1.0)


def _evidence(reading: Reading, claim: PublishedNumber) -> Evidence:
    return Evidence(
        convention=reading.convention,
        value=reading.value,
        operands=reading.operands,
        measured=reading.measured,
        deviation_percent=_deviation_percent(reading, claim),
        matches=_matches(reading, claim),
    )


def _say(reading: Reading, claim: PublishedNumber) -> str:
    digits = 1 if claim.unit == "x" else 3
    return (
        f"{reading.convention}: {reading.value:.{digits}f} = {reading.operands} "
        f"({_signed(_deviation_percent(reading, claim))})"
    )


def _signed(percent: float) -> str:
    return f"{percent:+.1f} %".replace("-", "−")


def _printed(claim: PublishedNumber) -> str:
    return f"{claim.value}×" if claim.unit == "x" else f"{claim.value} {claim.unit}"


def _tolerance_words(claim: PublishedNumber) -> str:
    return f"±{tolerance_of(claim):.2g}"
