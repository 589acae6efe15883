"""Ties an accuracy to what it cost: MACs over the very views and input that it was reached with."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from epam_reports.measurements import Measured, cite
from epam_reports.published import PublishedNumber, select
from epam_reports.published.published_number import ACCURACIES


@dataclass(frozen=True)
class Cost:
    """MACs of one video, over all the views of one published accuracy.

    Attributes:
        operands: how it was made: ``30 × 54.75 G``.
        note: what the source's number must not be read without; mostly empty.
    """

    gmacs_per_video: float
    views: int
    counter: str
    origin: Literal["measured", "quoted"]
    source: str
    operands: str
    note: str = ""


@dataclass(frozen=True)
class NoCost:
    """Why no cost can honestly be put beside an accuracy."""

    reason: str


def cost_of_accuracy(
    accuracy: PublishedNumber, measured: Iterable[Measured], published: Sequence[PublishedNumber]
) -> Cost | NoCost:
    """What a published accuracy cost a video: our count where we measured that input, else a quoted one.

    Never a cost at other views or at another input than the accuracy's own.
    """
    if accuracy.catalogue_name is None:
        return _cost_of_quoted(accuracy, published)
    if accuracy.views is None or not accuracy.shapes:
        return NoCost("the views or the input behind its accuracy are not stated")
    for entry in measured:
        count = entry.preferred_count
        if entry.card.name == accuracy.catalogue_name and entry.shapes == accuracy.shapes and count:
            operands = f"{accuracy.views} × {count.macs / 1e9:.2f} G"
            total = count.macs * accuracy.views / 1e9
            return Cost(total, accuracy.views, count.counter, "measured", cite(count), operands)
    quoted = select(
        published, catalogue_name=accuracy.catalogue_name, metrics=("macs",), shapes=accuracy.shapes
    )
    for number in quoted:
        if number.views:
            return _multiplied(number, number.views, accuracy.views)
    return NoCost(f"no count at the input of its accuracy ({accuracy.input})")


def accuracy_beside(measured: Measured, published: Sequence[PublishedNumber]) -> PublishedNumber | None:
    """The accuracy for a model's row: one at the measured input and views if any, else the first."""
    found = select(published, catalogue_name=measured.card.name, metrics=ACCURACIES)
    return min(
        found,
        key=lambda number: (number.shapes != measured.shapes, number.views != measured.card.views),
        default=None,
    )


def count_views(views: int | None) -> str:
    """A number of views in words: ``1 view``, ``10 views``, ``unstated views``."""
    if views is None:
        return "unstated views"
    return f"{views} view{'s' if views != 1 else ''}"


def _multiplied(printed: PublishedNumber, printed_views: int, views: int) -> Cost:
    """A cost printed for some views, for as many as an accuracy took."""
    operands = f"{views} × {printed.value} G" + (f" / {printed_views}" if printed_views != 1 else "")
    return Cost(
        gmacs_per_video=float(printed.value) * views / printed_views,
        views=views,
        counter=printed.counter or "as printed",
        origin="quoted",
        source=printed.citation,
        operands=f"{printed.value} G" if views == printed_views else operands,
        note=printed.note,
    )


def _cost_of_quoted(accuracy: PublishedNumber, published: Sequence[PublishedNumber]) -> Cost | NoCost:
    printed = next(iter(select(published, model=accuracy.model, metrics=("macs",))), None)
    if printed is None:
        return NoCost("no cost printed")
    if printed.views is None or accuracy.views is None:
        return NoCost(
            f"cost printed for {count_views(printed.views)}, accuracy for {count_views(accuracy.views)}"
        )
    if printed.views != accuracy.views or printed.shapes != accuracy.shapes:
        return NoCost(
            f"cost printed for {count_views(printed.views)} of {printed.input or 'an unstated input'}, "
            f"accuracy for {count_views(accuracy.views)} of {accuracy.input or 'an unstated input'}"
        )
    return _multiplied(printed, printed.views, printed.views)
