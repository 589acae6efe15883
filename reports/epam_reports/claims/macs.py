"""What a published count of multiply-adds could mean: our counts re-read under each convention."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from epam_bench.records import CountRecord
from epam_reports.claims.reading import Burden, Departure, Reading
from epam_reports.claims.requests import is_test_crop
from epam_reports.claims.tolerances import tight_tolerance_of
from epam_reports.conventions import FVCORE, GIBI, GIGA, NAMED, RULE_OF, Search, combinations, search
from epam_reports.measurements import Measured, describe_input
from epam_reports.published import PublishedNumber, parse_input

OURS = "consensus"
"""The counter whose ledger the conventions are worked out on."""

MULTIPLE_VIEWS = (3, 4, 5, 6, 10, 12, 15, 30)
"""Views that published tests sum over: 3 crops, 4, 5 or 10 clips, 2 × 3, 4 × 3, 5 × 3 and 10 × 3."""

BATCHES = (8, 16, 32, 64)
"""Batches that somebody may have counted; one of two cannot be told from two FLOPs a multiply-add."""

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
        burden: of the rule; next to nothing when it is the one that the claim names.
    """

    words: str
    total: float
    burden: int

    @property
    def departs(self) -> bool:
        """Whether the claim's words do not mean it."""
        return self.burden >= Burden.RULE

    @property
    def is_misread(self) -> bool:
        """Whether misreadings of it are tried: of every rule, they would come near any number."""
        return not self.departs or self.words == f"our count by {FVCORE.words}" or "'s count" in self.words


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
    readings = [reading for rule in rules for reading in _read(claim, base, rule, accuracy_views)]
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
        found.append(Counted("our count", ours.macs / GIGA, Burden.NONE))
        own = RULE_OF.get(counter or "")
        for rule in sorted(NAMED[1:], key=lambda named: named is not own) if ours.ledger else ():
            # A source that names its counter means its rule; which of its versions is seldom known.
            bears, total = Burden.OWN_RULE if rule is own else Burden.RULE, rule.count(ours.ledger) / GIGA
            if total not in {known.total for known in found}:
                found.append(Counted(f"our count by {rule.words}", total, bears))
    for record in complete_counts(entry):
        # Torch's count says no more where it is equal to ours.
        if record.counter != OURS and record.macs / GIGA not in {rule.total for rule in found}:
            bears = Burden.RULE if found else Burden.NONE
            if record.counter == counter:
                bears = min(bears, Burden.OWN_RULE)
            found.append(Counted(f"{record.counter}'s count", record.macs / GIGA, bears))
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
    claim: PublishedNumber, base: Measured, rule: Counted, accuracy_views: frozenset[int]
) -> Iterator[Reading]:
    """One rule's count by the claim's own words, and under each way to misread it."""
    times, words = _own_views(claim)
    total, bears = rule.total, rule.burden
    yield Reading(
        f"{rule.words}{words}",
        times * total,
        _product(times, total),
        Departure.CONVENTION if rule.departs else Departure.NONE,
        bears,
        tight=rule.departs,
        telling=not rule.departs or rule.words.endswith("'s count"),
    )
    if not rule.is_misread:
        return
    factor, said = (0.5, "one FLOP") if claim.convention == "FLOPs" else (2, "two FLOPs")
    flops, binary = factor * times, GIGA / GIBI
    yield Reading(
        f"{rule.words}: {said} a multiply-add",
        flops * total,
        _product(flops, total),
        Departure.MAC_FLOP,
        bears + Burden.MAC_FLOP,
        tight=rule.departs,
    )
    yield Reading(
        f"{rule.words}: G as 1024³",
        times * total * binary,
        f"{_product(times, total)} / 1.0737",
        Departure.CONVENTION,
        bears + Burden.RULE,
        tight=rule.departs,
    )
    yield from _views(claim, base, rule, accuracy_views)
    if claim.networks > 1:
        yield from _networks(claim, rule)
    if bears == 0:
        for batch in BATCHES:
            yield Reading(
                f"{rule.words}: a batch of {batch}",
                batch * times * total,
                _product(batch * times, total),
                Departure.CONVENTION,
                Burden.BATCH,
                tight=True,
            )
        yield Reading(
            f"{rule.words}: {said} a multiply-add, G as 1024³",
            flops * total * binary,
            f"{_product(flops, total)} / 1.0737",
            Departure.MAC_FLOP,
            Burden.MAC_FLOP + Burden.RULE,
            tight=True,
        )


def _networks(claim: PublishedNumber, rule: Counted) -> Iterator[Reading]:
    """Of a sum over networks alike: one of them, or each rounded to the printed digits before the sum."""
    times, words = _own_views(claim)
    one = rule.total * times / claim.networks
    yield Reading(
        f"{rule.words}: one of {claim.networks} networks",
        one,
        _product(times // claim.networks, rule.total),
        Departure.CONVENTION,
        rule.burden + Burden.TEST_CROP,
        tight=rule.departs,
    )
    rounded = round(one, claim.decimals)
    yield Reading(
        f"{rule.words}{words}, each rounded before they were summed",
        claim.networks * rounded,
        f"{claim.networks} × {rounded:g} G",
        Departure.CONVENTION,
        rule.burden + Burden.TEST_CROP,
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
            tight=rule.departs,
        )
        if views in protocol and views > 1 and not rule.departs and claim.convention != "FLOPs":
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
        tight = rule.departs or not (cropped or known)
        yield Reading(
            f"{rule.words} {where}{why}",
            times * rule.total,
            _product(times, rule.total),
            Departure.CONVENTION,
            weight + rule.burden,
            tight=tight,
        )
        if rule.is_misread and (cropped or known) and claim.convention != "FLOPs":
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
            tight=rule.departs,
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


def _distinct(readings: Sequence[Reading]) -> list[Reading]:
    """Without those that come to the number of a less burdened one: rules that add nothing are no others.

    Of equally burdened ones both stay, for neither is the better explanation; of combinations, one.
    """
    least: dict[float, Reading] = {}
    for reading in readings:
        known = least.get(round(reading.value, 9))
        if known is None or reading.burden < known.burden:
            least[round(reading.value, 9)] = reading
    kept = [least[round(reading.value, 9)] for reading in readings]
    return [
        reading
        for reading, best in zip(readings, kept, strict=True)
        if reading is best or (reading.burden == best.burden and not reading.combination)
    ]
