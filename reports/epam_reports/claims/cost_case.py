"""Cases of published costs: a model's multiply-adds or parameters, at the claim's own input."""

from __future__ import annotations

from collections.abc import Sequence

from epam_reports.claims.basis import Basis
from epam_reports.claims.case import Case
from epam_reports.claims.counts import counts_by_rule
from epam_reports.claims.macs import macs_readings, search_combinations
from epam_reports.claims.parameters import CLASSES, parameter_readings
from epam_reports.claims.ratios import accuracy_views_of
from epam_reports.claims.reasons import between, left_out
from epam_reports.measurements import Measured
from epam_reports.published import PublishedNumber, select
from epam_reports.published.published_number import ACCURACIES


def macs_case(claim: PublishedNumber, ours: Basis) -> Case:
    """Multiply-adds of one model at the input that the source prints, or that we infer."""
    subject = f"multiply-adds of {claim.model}"
    base = ours.at(claim.counted_name, claim.stated_input or claim.input, _classes(claim))
    if base is None or not base.complete_counts:
        return _uncounted(claim, subject)
    others = [entry for entry in ours.of(claim.counted_name) if entry.card.inputs != base.card.inputs]
    rules = [(_who(rule.words), rule.total) for rule in counts_by_rule(base, claim.counter)]
    missed = [(record.counter, record.macs, base.title) for record in base.incomplete_counts]
    return Case(
        claim=claim,
        readings=macs_readings(claim, base, others, _views_of_accuracies(claim, ours.numbers)),
        subject=subject,
        unstated=_unstated(claim),
        unsettled=between(claim, rules) if (claim.stated_views or 1) * claim.networks == 1 else "",
        search=search_combinations(claim, base),
        caveats=(left_out(missed), *_inferences(claim, base)),
    )


def parameters_case(claim: PublishedNumber, ours: Basis) -> Case:
    """Parameters of one model, which seldom depend on its input."""
    subject = f"parameters of {claim.model}"
    classes = _classes(claim)
    base = ours.at(claim.counted_name, claim.input, classes) or ours.at(claim.counted_name, "", classes)
    if base is None:
        return _uncounted(claim, subject)
    return Case(
        claim=claim,
        readings=parameter_readings(claim, base, ours.of(claim.counted_name)),
        subject=subject,
        caveats=_stand_in(claim, base),
    )


def _uncounted(claim: PublishedNumber, subject: str) -> Case:
    """A cost without any count of ours: what it needs, or why not even a count could settle it."""
    unstated = ", ".join(_unstated(claim))
    if claim.counted_name is not None:
        at = f" at {claim.stated_input or claim.input}".replace("x", "×") if claim.input else ""
        needs = (
            f"not counted here: {claim.counted_name}{at}; run: epam-bench claims "
            f"--model {claim.counted_name}, which counts it if the catalogue has it"
        )
        return Case(claim=claim, readings=[], subject=subject, needs=needs)
    quoted = f"no network here is {claim.model}, so that it stays quoted"
    if claim.metric == "macs" and unstated:
        missing = f"{quoted}, and no count could settle it; missing: {unstated}"
        return Case(claim=claim, readings=[], subject=subject, missing=missing)
    return Case(claim=claim, readings=[], subject=subject, needs=quoted)


def _unstated(claim: PublishedNumber) -> tuple[str, ...]:
    """What a count must be printed with and is not; the counter alone only matters among our counts."""
    found = []
    if not claim.stated_input:
        found.append("the input")
    if claim.stated_views is None:
        found.append("the views")
    if found and claim.counter is None:
        found.append("the counter")
    return tuple(found)


def _inferences(claim: PublishedNumber, base: Measured) -> tuple[str, ...]:
    """What of a claim is our inference, so that a match is to be read with it."""
    found = list(_stand_in(claim, base))
    if claim.input and not claim.stated_input:
        found.append(f"the source prints no input: {claim.input.replace('x', '×')} is our inference")
    return (*found, claim.note, *base.card.notes)


def _stand_in(claim: PublishedNumber, base: Measured) -> tuple[str, ...]:
    if claim.catalogue_name or claim.networks > 1:
        return ()
    return (f"{base.title} ({base.card.name}) stands in for {claim.model}",)


def _who(words: str) -> str:
    return words.removesuffix("'s count").removeprefix("our count by ").partition(" (")[0]


def _classes(claim: PublishedNumber) -> int | None:
    """Classes of the claim's data set, where it names one."""
    named = {name: classes for classes, names in CLASSES.items() for name in names.split(" or ")}
    return named.get(claim.dataset or "")


def _views_of_accuracies(claim: PublishedNumber, numbers: Sequence[PublishedNumber]) -> frozenset[int]:
    """Views behind the accuracies of the claim's own model, from any source."""
    views = accuracy_views_of(claim.model, numbers)
    if claim.catalogue_name is None:
        return views
    found = select(numbers, catalogue_name=claim.catalogue_name, metrics=ACCURACIES)
    return views | {number.views for number in found if number.views}
