"""Cases of "so many times fewer": two models at the inputs of their published counts."""

from __future__ import annotations

from collections.abc import Sequence

from epam_reports.claims.basis import Basis
from epam_reports.claims.case import Case
from epam_reports.claims.ratios import (
    accuracy_views_of,
    macs_ratio_readings,
    own_number,
    parameters_ratio_readings,
)
from epam_reports.claims.reasons import left_out, printed
from epam_reports.measurements import Measured
from epam_reports.published import PublishedNumber, select
from epam_reports.published.published_number import ACCURACIES


def ratio_case(claim: PublishedNumber, ours: Basis) -> Case:
    """How many times fewer multiply-adds or parameters than another model."""
    what = "multiply-adds" if claim.metric == "macs_ratio" else "parameters"
    if claim.against is None:
        missing = "missing: which network it is compared with" + (f"; {claim.note}" if claim.note else "")
        return Case(claim=claim, readings=[], subject=f"fewer {what} by {claim.model}", missing=missing)
    stand_in = _counted_name_of(claim.against, ours.numbers)
    small = _operand(claim.counted_name, own_number(claim, "macs", ours.numbers), ours)
    large = _operand(stand_in, _cost_of(claim.against, ours.numbers), ours)
    names = " ".join(name for name in (claim.counted_name, stand_in) if name)
    subject, needs = f"fewer {what} than {claim.against}", f"run: epam-bench flops {names}"
    about = _stands_in_for(claim.against, large)
    if claim.metric == "parameters_ratio":
        return Case(
            claim=claim,
            subject=subject,
            needs=needs,
            readings=parameters_ratio_readings(claim, large, small, ours.numbers),
            missing=_missing_operand(claim, ours.numbers),
            caveats=(about,),
        )
    missed = [
        (record.counter, record.macs, entry.title)
        for entry in (large, small)
        if entry is not None
        for record in entry.incomplete_counts
    ]
    note = _note_on_competitor(claim.against, ours.numbers)
    views = _views_of_competitor(claim, stand_in, ours.numbers)
    return Case(
        claim=claim,
        subject=subject,
        needs=needs,
        readings=macs_ratio_readings(claim, large, small, ours.numbers),
        caveats=(about, left_out(missed), note, views),
    )


def _cost_of(model: str, numbers: Sequence[PublishedNumber]) -> PublishedNumber | None:
    """The first published count of a model as its sources name it."""
    return next(iter(select(numbers, model=model, metrics=("macs",))), None)


def _counted_name_of(model: str, numbers: Sequence[PublishedNumber]) -> str | None:
    return next((number.counted_name for number in select(numbers, model=model) if number.counted_name), None)


def _operand(name: str | None, cost: PublishedNumber | None, ours: Basis) -> Measured | None:
    """One side of a ratio: the model at the input of its first published count."""
    return ours.at(name, cost.input if cost else "")


def _stands_in_for(model: str, entry: Measured | None) -> str:
    if entry is None or entry.card.title == model:
        return ""
    return f"{entry.title} ({entry.card.name}) stands in for {model}, whose backbone it is"


def _missing_operand(claim: PublishedNumber, numbers: Sequence[PublishedNumber]) -> str:
    """What a parameter ratio lacks when the competitor's count was never printed; empty when it was."""
    if select(numbers, model=claim.against, metrics=("parameters",)):
        return ""
    lacking = f"missing: {claim.against}'s parameter count and whether heads count"
    own = own_number(claim, "parameters", numbers)
    if own is None:
        return lacking
    low, high = (float(claim.value) + sign * claim.half_last_digit for sign in (-1, 1))
    small = float(own.value)
    return (
        f"{lacking}; {low * small:.1f} to {high * small:.1f} M is what the claim implies "
        f"with the printed {small} M (our inference), so the most to be said is: consistent with"
    )


def _note_on_competitor(model: str, numbers: Sequence[PublishedNumber]) -> str:
    """What of the competitor's printed operand is our inference."""
    cost = _cost_of(model, numbers)
    return f"of {model}'s {printed(cost)}: {cost.note}" if cost and cost.note else ""


def _views_of_competitor(
    claim: PublishedNumber, stand_in: str | None, numbers: Sequence[PublishedNumber]
) -> str:
    """Views behind the competitor's own accuracies, and what one such video costs where that is known."""
    views = accuracy_views_of(claim.against, numbers)
    if not views or claim.against is None:
        return ""
    said = " or ".join(map(str, sorted(views)))
    cost = _cost_of_own_test(claim, stand_in, numbers)
    return f"{claim.against}'s own published accuracies use {said} views{cost}"


def _cost_of_own_test(
    claim: PublishedNumber, stand_in: str | None, numbers: Sequence[PublishedNumber]
) -> str:
    accuracy = next(
        number for number in select(numbers, model=claim.against, metrics=ACCURACIES) if number.views
    )
    ours = own_number(claim, "macs", numbers)
    known = (
        select(numbers, catalogue_name=stand_in, metrics=("macs",), shapes=accuracy.shapes)
        if stand_in
        else ()
    )
    one_view = next((number for number in known if number.views == 1), None)
    if ours is None or one_view is None or accuracy.views is None:
        return ""
    total = accuracy.views * float(one_view.value)
    return (
        f"; on {accuracy.dataset} that is {accuracy.views} × {one_view.value} G ({one_view.source.kind}) "
        f"a video, {total / float(ours.value):.0f} times {ours.value} G"
    )
