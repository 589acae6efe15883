"""What a published count of multiply-adds could mean: our counts re-read in each way that misled users."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from epam_reports.claims.counts import OURS, Counted, complete_counts, counts_by_rule
from epam_reports.claims.reading import Burden, Departure, Reading
from epam_reports.claims.requests import is_test_crop
from epam_reports.claims.tolerances import tight_tolerance_of
from epam_reports.conventions import GIBI, GIGA, Search, combinations, search
from epam_reports.measurements import Measured, describe_input
from epam_reports.published import PublishedNumber, parse_input

MULTIPLE_VIEWS = (3, 4, 5, 6, 10, 12, 15, 30)
"""Views that published tests sum over: 3 crops, 4, 5 or 10 clips, 2 × 3, 4 × 3, 5 × 3 and 10 × 3."""

BATCHES = (8, 16, 32, 64)
"""Batches that somebody may have counted; one of two cannot be told from two FLOPs a multiply-add."""

TEST_CROP_AREA = (256 / 224) ** 2
"""Test crops of 256² where the model is trained on 224²; convolutions grow with the area."""

NORM_COUNTER = "fvcore"
"""Of the counters without a ledger, one that tells what it adds for norms."""


@dataclass(frozen=True)
class Way:
    """A way to come from the count of one clip to a printed number.

    Attributes:
        words: what follows the rule's in a reading.
        times: passes and operations that the number is of.
        divisor: what its unit is divided by besides.
        tight: one of many of its kind.
    """

    words: str
    times: float
    departure: Departure = Departure.NONE
    burden: int = 0
    divisor: float = 1.0
    tight: bool = False

    def read(self, rule: Counted) -> Reading:
        """What the printed number should be, if it came this way from a count by this rule."""
        departure = max(self.departure, Departure.CONVENTION if rule.departs else Departure.NONE)
        plain = departure is Departure.NONE or (self.departure is Departure.NONE and rule.is_of_another)
        divided = "" if self.divisor == 1 else f" / {self.divisor:.4f}"
        return Reading(
            f"{rule.words}{self.words}",
            self.times * rule.total / self.divisor,
            _product(self.times, rule.total) + divided,
            departure,
            rule.burden + self.burden,
            tight=self.tight or rule.departs,
            telling=plain,
        )


def macs_readings(
    claim: PublishedNumber, base: Measured, others: Sequence[Measured], accuracy_views: frozenset[int]
) -> list[Reading]:
    """Every reading of one model's multiply-adds, in G, the plainest first.

    Args:
        claim: the printed number, with its own input, views and counter.
        base: the model on the claim's input.
        others: the same model on other inputs.
        accuracy_views: views behind the model's published accuracies.
    """
    own, *misreadings = _ways(claim, accuracy_views, accuracy_views | {base.card.views})
    rules = counts_by_rule(base, claim.counter)
    readings: list[Reading] = []
    for rule in rules:
        readings.append(own.read(rule))
        readings += [way.read(rule) for way in misreadings if rule.is_misread]
        readings += _rounded(claim, own, rule)
    readings += _by_operation(base)
    readings += [reading for other in others for reading in _at(claim, own, base, other)]
    if not any(is_test_crop(base.card.inputs, other.card.inputs) for other in others):
        readings += _scaled(own, base, rules)
    readings += _combined(own, base)
    return _distinct(readings)


def search_combinations(claim: PublishedNumber, base: Measured) -> Search | None:
    """Which combinations of what counters may add give the number; none without a ledger of ours.

    First to the printed digits; where these are so many that none comes as near, to 0.2 %.
    """
    ours = base.counts.get(OURS)
    if ours is None or not ours.ledger:
        return None
    one = GIGA / _own_way(claim).times
    for tolerance in (claim.half_last_digit, tight_tolerance_of(claim)):
        result = search(ours.ledger, float(claim.value) * one, tolerance * one)
        if result.found:
            break
    return result


def _ways(claim: PublishedNumber, meant: frozenset[int], protocol: frozenset[int]) -> list[Way]:
    """The claim's own way first, then each in which its number may have come about instead.

    Args:
        claim: the printed number.
        meant: views that a source which prints none may mean.
        protocol: those, and the views of the catalogue's protocol.
    """
    own, flops = _own_way(claim), _flops_way(claim)
    binary = replace(flops, words=f"{flops.words}, G as 1024³", divisor=GIBI / GIGA, tight=True)
    ways = [
        own,
        flops,
        Way(": G as 1024³", own.times, Departure.CONVENTION, Burden.RULE, divisor=GIBI / GIGA),
        replace(binary, burden=flops.burden + Burden.RULE),
        *_views(claim, meant, protocol),
    ]
    if claim.networks > 1:
        one = f": one of {claim.networks} networks"
        ways.append(Way(one, own.times / claim.networks, Departure.CONVENTION, Burden.TEST_CROP))
    ways += [
        Way(f": a batch of {size}", size * own.times, Departure.CONVENTION, Burden.BATCH, tight=True)
        for size in BATCHES
    ]
    return ways


def _own_way(claim: PublishedNumber) -> Way:
    """By the claim's own words: so many views, of so many networks."""
    views = claim.stated_views or 1
    words = f", {'one view' if views == 1 else f'{views} views'}"
    if claim.networks > 1:
        words += f" of each of {claim.networks} networks"
    return Way(words, views * claim.networks * _operations(claim))


def _flops_way(claim: PublishedNumber) -> Way:
    """Two operations where the claim's words mean one, or one where they mean two."""
    said, factor = ("one FLOP", 0.5) if claim.convention == "FLOPs" else ("two FLOPs", 2)
    times = factor * _own_way(claim).times
    return Way(f": {said} a multiply-add", times, Departure.MAC_FLOP, Burden.MAC_FLOP)


def _operations(claim: PublishedNumber) -> int:
    """Operations a multiply-add, by the claim's own words."""
    return 2 if claim.convention == "FLOPs" else 1


def _views(claim: PublishedNumber, meant: frozenset[int], protocol: frozenset[int]) -> Iterator[Way]:
    """Other views than the claim's own."""
    own = claim.stated_views
    for views in sorted({1, *protocol, *MULTIPLE_VIEWS} - {own or 1}):
        # A source that prints no views may mean those of its own accuracy; one that prints others errs.
        is_meant = own is None and views in meant
        words = f": {views} view{'s' if views > 1 else ''}{', those of its own accuracy' if is_meant else ''}"
        times = views * claim.networks * _operations(claim)
        departure = Departure.CONVENTION if is_meant else Departure.VIEWS
        burden = Burden.VIEWS_OF_ACCURACY if views in protocol else Burden.OTHER_VIEWS
        yield Way(words, times, departure, burden)
        if views in protocol and views > 1 and claim.convention != "FLOPs":
            words = f": {views} views and two FLOPs a multiply-add"
            yield Way(words, 2 * times, Departure.VIEWS, burden + Burden.MAC_FLOP, tight=True)


def _rounded(claim: PublishedNumber, own: Way, rule: Counted) -> Iterator[Reading]:
    """A sum over networks alike, each rounded to the printed digits before."""
    if claim.networks == 1 or not rule.is_misread:
        return
    one = round(rule.total * own.times / claim.networks, claim.decimals)
    yield Reading(
        f"{rule.words}{own.words}, each rounded before they were summed",
        claim.networks * one,
        f"{claim.networks} × {one:g} G",
        Departure.CONVENTION,
        rule.burden + Burden.TEST_CROP,
        tight=True,
    )


def _at(claim: PublishedNumber, own: Way, base: Measured, other: Measured) -> Iterator[Reading]:
    """The count at another input: of tests rather than of training, or whatever else was counted."""
    cropped = is_test_crop(base.card.inputs, other.card.inputs)
    known = bool(claim.input) and parse_input(claim.input) == other.card.inputs
    weight = Burden.KNOWN_INPUT if known else Burden.TEST_CROP if cropped else Burden.OTHER_INPUT
    why = ", where its tests crop" if cropped and known else ", a test crop" if cropped else ""
    flops = replace(_flops_way(claim), tight=True)
    for rule in counts_by_rule(other, claim.counter):
        for way in (own, flops) if rule.is_misread and (cropped or known) else (own,):
            yield replace(
                way,
                words=f" at {describe_input(other.card)}{way.words}{why}",
                departure=max(way.departure, Departure.CONVENTION),
                burden=way.burden + weight,
                tight=way.tight or not (cropped or known),
            ).read(rule)


def _scaled(own: Way, base: Measured, rules: Iterable[Counted]) -> Iterator[Reading]:
    """A test crop that nobody counted, by the area; for networks whose input has a crop of 224²."""
    if not any(shape[-2:] == (224, 224) for shape in base.card.inputs.values()):
        return
    for rule in rules:
        yield Reading(
            f"{rule.words}: crop of 256² for 224² (scaled by area)",
            own.times * rule.total * TEST_CROP_AREA,
            f"{_product(own.times, rule.total)} × 1.306",
            Departure.CONVENTION,
            rule.burden + Burden.TEST_CROP,
            tight=rule.departs,
        )


def _by_operation(base: Measured) -> Iterator[Reading]:
    """Without a ledger: norms left out of fvcore's count, and doubled in it."""
    record = base.counts.get(NORM_COUNTER)
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


def _combined(own: Way, base: Measured) -> Iterator[Reading]:
    """Every combination of what counters may add; which of them match, the search says."""
    ours = base.counts.get(OURS)
    for convention in combinations() if ours is not None and ours.ledger else ():
        total = convention.count(ours.ledger if ours else ()) / GIGA
        yield replace(own.read(Counted(convention.words, total, Burden.COMBINATION)), combination=True)


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
