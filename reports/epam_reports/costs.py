"""Ties an accuracy to what it cost: MACs over the very views and input that it was reached with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from epam_bench.records import AccuracyRecord, CountRecord, ModelCard
from epam_reports.evidence import Evidence
from epam_reports.measurements import Measured, describe_input
from epam_reports.published import PublishedNumber, select
from epam_reports.published.published_number import ACCURACIES

MOST_WEIGHTS_A_CLASS = 10_000
"""No head here adds as many for one class more (C3D's, the widest, adds 4097)."""


@dataclass(frozen=True)
class Cost:
    """MACs of one video, over all the views of one accuracy.

    Attributes:
        evidence: the count or the published number that it was made from, and how: ``30 × 54.75 G``.
        note: what the source's number must not be read without; mostly empty.
    """

    gmacs_per_video: float
    views: int
    counter: str
    evidence: Evidence
    note: str = ""

    @property
    def gmacs_per_view(self) -> float:
        """MACs of one of the views, all of which cost the same."""
        return self.gmacs_per_video / self.views

    @property
    def origin(self) -> Literal["measured", "quoted"]:
        """Whether it was made from our count or from a published number."""
        return "quoted" if self.evidence.numbers else "measured"

    @property
    def source(self) -> str:
        """The count or the published number, for a reader."""
        return self.evidence.citation

    @property
    def operands(self) -> str:
        """How it was made: ``30 × 54.75 G``."""
        return self.evidence.working


@dataclass(frozen=True)
class NoCost:
    """Why no cost can honestly be put beside an accuracy.

    Attributes:
        mismatch: a cost is known, but not of the accuracy's own views, input and network.
    """

    reason: str
    mismatch: bool = False


def cost_of_accuracy(
    accuracy: PublishedNumber, measured: Sequence[Measured], published: Sequence[PublishedNumber]
) -> Cost | NoCost:
    """What a published accuracy cost a video: our count where we measured that input, else a quoted one.

    Never a cost at other views or at another input than the accuracy's own. What stands in for a
    network that we have not built is counted in its place, and the cost's note says so.
    """
    if accuracy.catalogue_name is None:
        return _cost_of_quoted(accuracy, measured, published)
    name = accuracy.catalogue_name
    known = any(entry.card.name == name and entry.counts for entry in measured) or bool(
        select(published, catalogue_name=name, metrics=("macs",))
    )
    if accuracy.views is None or not accuracy.shapes:
        return NoCost("the views or the input behind its accuracy are not stated", mismatch=known)
    cost = _counted_as(name, accuracy, measured) or _printed_of(name, accuracy, published)
    return cost or NoCost(f"no count at the input of its accuracy ({accuracy.input})", mismatch=known)


def printed_gmacs(number: PublishedNumber) -> float:
    """The multiply-adds of a published cost, whichever of the two was printed."""
    return float(number.value) / (2 if number.convention == "FLOPs" else 1)


def cost_of_evaluation(record: AccuracyRecord, measured: Sequence[Measured]) -> Cost | NoCost:
    """What a measured accuracy cost a video: our count of that very network and input, times its views.

    A count with another number of classes will do where none is of the same: only the head differs,
    and the cost's note says so.
    """
    card = record.model
    counted = [entry for entry in measured if entry.card.name == card.name and entry.preferred_count]
    at_input = [entry for entry in counted if entry.card.inputs == card.inputs]
    alike = [entry for entry in at_input if _is_same_but_for_classes(entry.card, card)]
    for entry in sorted(alike, key=lambda entry: entry.card.num_classes != card.num_classes):
        if count := entry.preferred_count:
            return _counted(count, record.views, note=_other_head(entry.card, card))
    if at_input:
        return NoCost(
            f"counted under this name was {_size(at_input[0].card)}, evaluated {_size(card)}",
            mismatch=True,
        )
    if counted:
        inputs = "; ".join(describe_input(entry.card) for entry in counted)
        return NoCost(f"counted at {inputs}, evaluated at {describe_input(card)}", mismatch=True)
    return NoCost("not counted")


def accuracy_beside(measured: Measured, published: Sequence[PublishedNumber]) -> PublishedNumber | None:
    """One for a row: of this network alone, at the measured input and views if any; else the first."""
    found = select(published, catalogue_name=measured.card.name, metrics=ACCURACIES)
    return min(
        found,
        key=lambda number: (
            number.networks > 1,
            number.shapes != measured.shapes,
            number.views != measured.card.views,
        ),
        default=None,
    )


def count_views(views: int | None) -> str:
    """A number of views in words: ``1 view``, ``10 views``, ``unstated views``."""
    if views is None:
        return "unstated views"
    return f"{views} view{'s' if views != 1 else ''}"


def _is_same_but_for_classes(counted: ModelCard, evaluated: ModelCard) -> bool:
    """Whether the parameters differ by no more than heads for another number of classes do.

    A thinner network may go by the same name; it must not be given the whole one's cost.
    """
    parameters = evaluated.parameters - counted.parameters
    classes = evaluated.num_classes - counted.num_classes
    if classes == 0:
        return parameters == 0
    return parameters % classes == 0 and 0 < parameters // classes < MOST_WEIGHTS_A_CLASS


def _size(card: ModelCard) -> str:
    return f"a network of {card.parameters:,} parameters for {card.num_classes} classes"


def _other_head(counted: ModelCard, evaluated: ModelCard) -> str:
    if counted.num_classes == evaluated.num_classes:
        return ""
    return f"counted with {counted.num_classes} classes, evaluated with {evaluated.num_classes}"


def _counted_as(name: str, accuracy: PublishedNumber, measured: Sequence[Measured]) -> Cost | None:
    for entry in measured:
        count = entry.preferred_count
        if count and accuracy.views and entry.card.name == name and entry.shapes == accuracy.shapes:
            return _counted(count, accuracy.views, networks=accuracy.networks)
    return None


def _printed_of(name: str, accuracy: PublishedNumber, published: Sequence[PublishedNumber]) -> Cost | None:
    for number in select(published, catalogue_name=name, metrics=("macs",), shapes=accuracy.shapes):
        if number.views:
            return _multiplied(number, accuracy)
    return None


def _counted(count: CountRecord, views: int, *, networks: int = 1, note: str = "") -> Cost:
    """Our count of one view, for as many as an accuracy took, and for each network of an ensemble."""
    ensemble = f"{networks} networks × " if networks > 1 else ""
    return Cost(
        gmacs_per_video=count.macs * views * networks / 1e9,
        views=views,
        counter=count.counter,
        evidence=Evidence(records=(count,), working=f"{views} × {ensemble}{count.macs / 1e9:.2f} G"),
        note=note,
    )


def _multiplied(printed: PublishedNumber, accuracy: PublishedNumber) -> Cost:
    """A cost printed for some views and networks, for as many as an accuracy took."""
    views, printed_passes = accuracy.views or 1, (printed.views or 1) * printed.networks
    passes = views * accuracy.networks
    working = f"{printed.value} G FLOPs / 2" if printed.convention == "FLOPs" else f"{printed.value} G"
    if passes != printed_passes:
        ensemble = f"{accuracy.networks} networks × " if accuracy.networks > 1 else ""
        working = f"{views} × {ensemble}{working}"
        working += f" / {printed_passes}" if printed_passes > 1 else ""
    return Cost(
        gmacs_per_video=printed_gmacs(printed) * passes / printed_passes,
        views=views,
        counter=printed.counter or "as printed",
        evidence=Evidence(numbers=(printed,), working=working),
        note=printed.note,
    )


def _cost_of_quoted(
    accuracy: PublishedNumber, measured: Sequence[Measured], published: Sequence[PublishedNumber]
) -> Cost | NoCost:
    """Of a network that we have not built: our count of what stands in for it, else what is printed."""
    printed = select(published, model=accuracy.model, metrics=("macs",))
    stands_in = next((number.stand_in for number in printed if number.stand_in), None)
    if stands_in and accuracy.views:
        cost = _counted_as(stands_in, accuracy, measured)
        if cost:
            return _in_its_place(cost, stands_in)
    missing = _cost_as_printed(accuracy, printed)
    if isinstance(missing, NoCost) and stands_in and accuracy.views and accuracy.shapes:
        cost = _printed_of(stands_in, accuracy, published)
        if cost:
            return _in_its_place(cost, stands_in)
    return missing


def _in_its_place(cost: Cost, name: str) -> Cost:
    return replace(cost, note="; ".join(filter(None, (f"{name} counted in its place", cost.note))))


def _cost_as_printed(accuracy: PublishedNumber, found: Sequence[PublishedNumber]) -> Cost | NoCost:
    if not found:
        return NoCost("no cost printed")
    printed = found[0]
    if printed.views is None or accuracy.views is None:
        return NoCost(
            f"cost printed for {count_views(printed.views)}, accuracy for {count_views(accuracy.views)}",
            mismatch=True,
        )
    if not printed.shapes or printed.shapes != accuracy.shapes:
        return NoCost(
            f"cost printed for {count_views(printed.views)} of {printed.input or 'an unstated input'}, "
            f"accuracy for {count_views(accuracy.views)} of {accuracy.input or 'an unstated input'}",
            mismatch=True,
        )
    return _multiplied(printed, accuracy)
