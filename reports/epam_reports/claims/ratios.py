"""What "so many times fewer" could mean: two models' counts over the same views, or over unequal ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from epam_reports.claims.counts import complete_counts, counts_by_rule
from epam_reports.claims.parameters import head_parameters
from epam_reports.claims.reading import Burden, Departure, Reading
from epam_reports.conventions import MEGA
from epam_reports.costs import count_views
from epam_reports.measurements import Measured
from epam_reports.published import PublishedNumber, select
from epam_reports.published.published_number import ACCURACIES, Metric


def macs_ratio_readings(
    claim: PublishedNumber,
    large: Measured | None,
    small: Measured | None,
    numbers: Sequence[PublishedNumber],
) -> list[Reading]:
    """How many times fewer MACs ``small`` needs: by each rule that counted both, and by printed operands."""
    views = accuracy_views_of(claim.against, numbers)
    readings: list[Reading] = []
    if large and small:
        readings += _of_counts(large, small, views)
    return [*readings, *_of_printed_macs(claim, numbers, views)]


def parameters_ratio_readings(
    claim: PublishedNumber,
    large: Measured | None,
    small: Measured | None,
    numbers: Sequence[PublishedNumber],
) -> list[Reading]:
    """How many times fewer parameters ``small`` has."""
    if large is None or small is None:
        return []
    many, few = large.card.parameters, small.card.parameters
    words = f"{many / MEGA:.2f} M / {few / MEGA:.3f} M"
    readings = [Reading("our counts, heads included", many / few, words, Departure.NONE, telling=True)]
    large_head, small_head = head_parameters(large.card), head_parameters(small.card)
    if large_head is not None and small_head is not None:
        rest, small_rest = many - large_head, few - small_head
        words = f"{rest / MEGA:.2f} M / {small_rest / MEGA:.3f} M"
        readings.append(
            Reading("our counts, heads left out", rest / small_rest, words, Departure.CONVENTION, Burden.RULE)
        )
    printed = own_number(claim, "parameters", numbers)
    if printed:
        words = f"{many / MEGA:.2f} M / {printed.value} M"
        value = many / MEGA / float(printed.value)
        readings.append(
            Reading(
                "our count over the printed, rounded one", value, words, Departure.CONVENTION, Burden.RULE
            )
        )
    return readings


def own_number(
    claim: PublishedNumber, metric: Metric, numbers: Sequence[PublishedNumber]
) -> PublishedNumber | None:
    """The first number of a kind that was printed of the claim's own model."""
    name, model = claim.catalogue_name, None if claim.catalogue_name else claim.model
    return next(iter(select(numbers, catalogue_name=name, model=model, metrics=(metric,))), None)


def accuracy_views_of(model: str | None, numbers: Sequence[PublishedNumber]) -> frozenset[int]:
    """Views behind the published accuracies of a model as its sources name it."""
    found = select(numbers, model=model, metrics=ACCURACIES) if model else ()
    return frozenset(number.views for number in found if number.views)


def views_departure(
    large_views: int | None, small_views: int | None, accuracy_views: frozenset[int]
) -> Departure:
    """What it means to compare costs over these views.

    Only a total over the views of the compared model's own accuracies is a convention, not a mix-up.
    """
    if large_views == small_views:
        return Departure.NONE
    return Departure.CONVENTION if large_views in accuracy_views else Departure.VIEWS


def _of_counts(large: Measured, small: Measured, accuracy_views: frozenset[int]) -> Iterator[Reading]:
    ours = {rule.words: rule for rule in counts_by_rule(small, None)}
    rules = [rule for rule in counts_by_rule(large, None) if rule.words in ours]
    named = {f"{record.counter}'s count" for record in complete_counts(small)} | {"our count"}
    first: float | None = None
    seen: set[float] = set()
    for rule in rules:
        ratio = rule.total / ours[rule.words].total
        if round(ratio, 9) in seen:
            continue
        seen.add(round(ratio, 9))
        first = ratio if first is None else first
        plain = ratio == first
        words = rule.words.replace("count", "counts", 1)
        yield from _of_rule(
            words,
            (rule.total, ours[rule.words].total),
            (large.card.views, small.card.views),
            accuracy_views,
            plain=plain,
            telling=rule.words in named,
        )


def _of_rule(
    words: str,
    totals: tuple[float, float],
    views: tuple[int, int],
    accuracy_views: frozenset[int],
    *,
    plain: bool,
    telling: bool,
) -> Iterator[Reading]:
    (one, other), (many, few) = totals, views
    ratio, bears = one / other, 0 if plain else Burden.RULE
    first = Departure.NONE if plain else Departure.CONVENTION
    operands = f"{one:.2f} G / {other:.3f} G"
    yield Reading(f"{words}, one view each", ratio, operands, first, bears, tight=not plain, telling=telling)
    if many != few:
        yield Reading(
            f"{words}, {many} views against {few}",
            ratio * many / few,
            f"{one * many:.2f} G / {other * few:.3f} G",
            max(first, views_departure(many, few, accuracy_views)),
            bears + Burden.VIEWS_OF_ACCURACY,
            tight=not plain,
            telling=telling,
        )
    for said, factor, operands in (
        ("FLOPs against MACs", 2.0, f"{2 * one:.2f} G / {other:.3f} G"),
        ("MACs against FLOPs", 0.5, f"{one:.2f} G / {2 * other:.3f} G"),
    ):
        yield Reading(
            f"{words}: {said}",
            factor * ratio,
            operands,
            Departure.MAC_FLOP,
            bears + Burden.MAC_FLOP,
            tight=not plain,
        )


def _of_printed_macs(
    claim: PublishedNumber, numbers: Sequence[PublishedNumber], accuracy_views: frozenset[int]
) -> Iterator[Reading]:
    large = next(iter(select(numbers, model=claim.against, metrics=("macs",))), None)
    small = own_number(claim, "macs", numbers)
    if large is None or small is None:
        return
    ratio = float(large.value) / float(small.value)
    yield Reading(
        "the printed operands as they are",
        ratio,
        f"{large.value} G of {count_views(large.views)} / {small.value} G of {count_views(small.views)}",
        views_departure(large.views, small.views, accuracy_views),
        Burden.VIEWS_OF_ACCURACY if large.views != small.views else 0,
        measured=False,
        telling=True,
    )
    if large.views and small.views and large.views != small.views:
        yield Reading(
            "the printed operands, one view each",
            ratio * small.views / large.views,
            f"({large.value} G / {large.views}) / ({small.value} G / {small.views})",
            Departure.NONE,
            measured=False,
            telling=True,
        )
