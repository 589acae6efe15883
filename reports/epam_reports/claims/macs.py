"""What a published count of multiply-adds could mean: our counts re-read under each convention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from epam_bench.records import CountRecord
from epam_reports.claims.reading import Burden, Departure, Reading
from epam_reports.claims.requests import is_test_crop
from epam_reports.claims.tolerances import tight_tolerance_of
from epam_reports.conventions import GIBI, GIGA, NAMED, PLAIN, RULE_OF, Search, combinations, search
from epam_reports.measurements import Measured, describe_input
from epam_reports.published import PublishedNumber, parse_input

OURS = "consensus"
"""The counter whose ledger the conventions are worked out on."""

MULTIPLE_VIEWS = (3, 5, 10, 12, 15, 30)
"""Views that published tests sum over: 3 crops, 5 or 10 clips, 4 × 3, 5 × 3 and 10 × 3."""

BATCHES = (4, 8, 16, 32, 64)
"""Batches that somebody may have counted; two of a clip cannot be told from two FLOPs a multiply-add."""

TEST_CROP_AREA = (256 / 224) ** 2
"""Test crops of 256² where the model is trained on 224²; convolutions grow with the area."""

ONE_PER_NORM_ELEMENT = "fvcore"
"""Of the counters without a ledger, the one that adds an operation for each element of a batch norm."""


@dataclass(frozen=True)
class Counted:
    """One model's count of one clip under one rule.

    Attributes:
        words: whose count, or by which rule.
        total: in G.
        burden: of the rule; nothing when it is the one that the claim names, or ours where it names none.
    """

    words: str
    total: float
    burden: int


def macs_readings(
    claim: PublishedNumber, base: Measured, others: Iterable[Measured], accuracy_views: frozenset[int]
) -> list[Reading]:
    """Every reading of one model's multiply-adds, in G, the plainest first.

    Args:
        claim: the printed number, with its own input, views and counter.
        base: the model on the claim's input.
        others: the same model on other inputs.
        accuracy_views: views behind the model's published accuracies.
    """
    rules = counts_by_rule(base, claim.counter)
    readings = [
        reading
        for rule in rules
        for reading in _read(claim, base, rule, accuracy_views, nothing_else=rule.burden == 0)
    ]
    readings += _by_operation(base)
    readings += [reading for other in others for reading in _at(claim, base, other)]
    if not any(is_test_crop(base.card.inputs, other.card.inputs) for other in others):
        readings += _scaled(base, rules)
    readings += _combined(claim, base)
    return _distinct(readings)


def counts_by_rule(entry: Measured, counter: str | None) -> list[Counted]:
    """One clip's multiply-adds by every rule that the records can answer, the plainest first.

    Args:
        entry: a model on an input.
        counter: the one that a source names, whose rule then departs from nothing.
    """
    found: list[Counted] = []
    ours = entry.counts.get(OURS)
    if ours is not None and ours.macs > 0:
        own = RULE_OF.get(counter or "", PLAIN)
        for rule in (own, *(rule for rule in NAMED if rule is not own)):
            words = "our count" if rule is PLAIN else f"our count by {rule.words}"
            total = rule.count(ours.ledger) if ours.ledger else ours.macs
            if rule in (own, PLAIN) or ours.ledger:
                found.append(Counted(words, total / GIGA, 0 if rule is own else Burden.RULE))
    for record in complete_counts(entry):
        # Torch's count says no more where it is equal to ours.
        if record.counter != OURS and record.macs / GIGA not in {rule.total for rule in found}:
            plain = record.counter == counter or not found
            found.append(
                Counted(f"{record.counter}'s count", record.macs / GIGA, 0 if plain else Burden.RULE)
            )
    return found


def complete_counts(entry: Measured) -> list[CountRecord]:
    """Counts that a claim may be judged by, ours first: those that missed operations are no evidence."""
    return sorted(entry.complete_counts, key=lambda record: record.counter != OURS)


def search_combinations(claim: PublishedNumber, base: Measured) -> Search | None:
    """Which combinations of what counters may add give the number; none without a ledger of ours.

    First to the printed digits; where these are so many that none comes as near, to 0.2 %.
    """
    ours = base.counts.get(OURS)
    if ours is None or not ours.ledger:
        return None
    views = (claim.stated_views or 1) * claim.networks
    value = float(claim.value) * GIGA / views
    for tolerance in (claim.half_last_digit, tight_tolerance_of(claim)):
        result = search(ours.ledger, value, tolerance * GIGA / views)
        if result.found:
            break
    return result


def _combined(claim: PublishedNumber, base: Measured) -> Iterator[Reading]:
    ours = base.counts.get(OURS)
    if ours is None or not ours.ledger:
        return
    times, words = _own_views(claim)
    for convention in combinations():
        total = convention.count(ours.ledger) / GIGA
        yield Reading(
            f"{convention.words}{words}",
            times * total,
            _product(times, total),
            Departure.CONVENTION,
            Burden.COMBINATION,
            tight=True,
            combination=True,
        )


def _own_views(claim: PublishedNumber) -> tuple[int, str]:
    """Passes that the claim's number is of by its own words, and how a reading says so."""
    views = claim.stated_views or 1
    words = f", {'one view' if views == 1 else f'{views} views'}"
    if claim.networks > 1:
        words += f" of each of {claim.networks} networks"
    return views * claim.networks * (2 if claim.convention == "FLOPs" else 1), words


def _read(
    claim: PublishedNumber,
    base: Measured,
    rule: Counted,
    accuracy_views: frozenset[int],
    *,
    nothing_else: bool,
) -> Iterator[Reading]:
    """One rule's count by the claim's own words, and under each way to misread it."""
    times, words = _own_views(claim)
    total, bears, first = rule.total, rule.burden, Departure.CONVENTION if rule.burden else Departure.NONE
    once = "" if rule.burden == 0 else ", as well"
    yield Reading(
        f"{rule.words}{words}",
        times * total,
        _product(times, total),
        first,
        bears,
        telling=rule.burden == 0 or rule.words.endswith("'s count"),
    )
    also_tight = bool(bears)
    factor, said = (0.5, "one FLOP") if claim.convention == "FLOPs" else (2, "two FLOPs")
    flops = factor * times
    yield Reading(
        f"{rule.words}: {said} a multiply-add{once}",
        flops * total,
        _product(flops, total),
        Departure.MAC_FLOP,
        bears + Burden.MAC_FLOP,
        tight=also_tight,
    )
    binary = GIGA / GIBI
    yield Reading(
        f"{rule.words}: G as 1024³{once}",
        times * total * binary,
        f"{_product(times, total)} / 1.0737",
        Departure.CONVENTION,
        bears + Burden.RULE,
        tight=also_tight,
    )
    yield from _views(claim, base, rule, accuracy_views)
    if claim.networks > 1:
        yield Reading(
            f"{rule.words}: one of {claim.networks} networks",
            times * total / claim.networks,
            _product(times // claim.networks, total),
            Departure.CONVENTION,
            bears + Burden.TEST_CROP,
            tight=also_tight,
        )
    if nothing_else:
        for batch in BATCHES:
            yield Reading(
                f"{rule.words}: a batch of {batch}",
                batch * times * total,
                _product(batch * times, total),
                Departure.CONVENTION,
                bears + Burden.BATCH,
                tight=True,
            )
        yield Reading(
            f"{rule.words}: two FLOPs a multiply-add, G as 1024³",
            flops * total * binary,
            f"{_product(flops, total)} / 1.0737",
            Departure.MAC_FLOP,
            bears + Burden.MAC_FLOP + Burden.RULE,
            tight=True,
        )


def _views(
    claim: PublishedNumber, base: Measured, rule: Counted, accuracy_views: frozenset[int]
) -> Iterator[Reading]:
    """The count over other views than the claim's own."""
    own = claim.stated_views
    per_view = rule.total * claim.networks * (2 if claim.convention == "FLOPs" else 1)
    protocol = accuracy_views | {base.card.views}
    for views in sorted({1, *protocol, *MULTIPLE_VIEWS} - {own or 1}):
        # A source that prints no views may mean those of its own accuracy; one that prints others errs.
        meant = own is None and views in accuracy_views
        whose = ", those of its own accuracy" if meant else ""
        weight = Burden.VIEWS_OF_ACCURACY if views in protocol else Burden.OTHER_VIEWS
        yield Reading(
            f"{rule.words}: {views} view{'s' if views > 1 else ''}{whose}",
            views * per_view,
            _product(views * claim.networks, rule.total),
            Departure.CONVENTION if meant else Departure.VIEWS,
            rule.burden + weight,
            tight=bool(rule.burden),
        )
        if views in protocol and views > 1 and rule.burden == 0 and claim.convention != "FLOPs":
            yield Reading(
                f"{rule.words}: {views} views and two FLOPs a multiply-add",
                2 * views * per_view,
                _product(2 * views * claim.networks, rule.total),
                Departure.VIEWS,
                rule.burden + weight + Burden.MAC_FLOP,
                tight=True,
            )


def _at(claim: PublishedNumber, base: Measured, other: Measured) -> Iterator[Reading]:
    """The count at another input: of tests rather than of training, or whatever else was counted."""
    times, words = _own_views(claim)
    cropped = is_test_crop(base.card.inputs, other.card.inputs)
    known = bool(claim.input) and parse_input(claim.input) == other.card.inputs
    weight = Burden.KNOWN_INPUT if known else Burden.TEST_CROP if cropped else Burden.OTHER_INPUT
    where = f"at {describe_input(other.card)}{words}"
    why = ", where its tests crop" if cropped and known else ", a test crop" if cropped else ""
    for rule in counts_by_rule(other, claim.counter):
        tight = bool(rule.burden) or not (cropped or known)
        yield Reading(
            f"{rule.words} {where}{why}",
            times * rule.total,
            _product(times, rule.total),
            Departure.CONVENTION,
            weight + rule.burden,
            tight=tight,
        )
        if rule.burden == 0 and (cropped or known) and claim.convention != "FLOPs":
            yield Reading(
                f"{rule.words} {where}{why}: two FLOPs a multiply-add",
                2 * times * rule.total,
                _product(2 * times, rule.total),
                Departure.MAC_FLOP,
                weight + rule.burden + Burden.MAC_FLOP,
                tight=True,
            )


def _scaled(base: Measured, rules: Sequence[Counted]) -> Iterator[Reading]:
    """A test crop that nobody counted, by the area; for networks whose input has a crop of 224²."""
    if not any(shape[-2:] == (224, 224) for shape in base.card.inputs.values()):
        return
    for rule in rules:
        yield Reading(
            f"{rule.words}: crop of 256² for 224² (scaled by area)",
            rule.total * TEST_CROP_AREA,
            f"{rule.total:.3f} G × 1.306",
            Departure.CONVENTION,
            rule.burden + Burden.TEST_CROP,
            tight=bool(rule.burden),
        )


def _by_operation(base: Measured) -> Iterator[Reading]:
    """Without a ledger: norms left out of fvcore's count, and doubled in it."""
    record = base.counts.get(ONE_PER_NORM_ELEMENT)
    if record is None or OURS in base.counts or record not in complete_counts(base):
        return
    norm = sum(macs for name, macs in record.macs_by_operation.items() if "norm" in name.lower()) / GIGA
    if norm <= 0:
        return
    total = record.macs / GIGA
    for words, sign, factor in (("without normalisation", "−", -1), ("with normalisation twice", "+", 1)):
        yield Reading(
            f"{record.counter} {words}",
            total + factor * norm,
            f"{total:.3f} G {sign} {norm:.3f} G",
            Departure.CONVENTION,
            Burden.RULE,
        )


def _product(times: float, total: float) -> str:
    return f"{total:.3f} G" if times == 1 else f"{times:g} × {total:.3f} G"


def _distinct(readings: Iterable[Reading]) -> list[Reading]:
    """Of readings that come to the same number, the least burdened: rules that add nothing are no others."""
    kept: dict[float, Reading] = {}
    for reading in readings:
        known = kept.get(round(reading.value, 9))
        if known is None or reading.burden < known.burden:
            kept[round(reading.value, 9)] = reading
    return list(kept.values())
