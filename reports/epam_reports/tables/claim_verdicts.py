"""Published claims, each with its verdict and the operands behind it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from epam_reports.claims import RELATIVE_TOLERANCE, ClaimVerdict, Verdict
from epam_reports.claims.tolerances import PARAMETERS_TOLERANCE, TIGHT_TOLERANCE
from epam_reports.published import PublishedNumber
from epam_reports.published.published_number import ACCURACIES
from epam_reports.table import Column, Table, typed_frame

_DTYPES = {
    "claim": "string",
    "model": "string",
    "catalogue_name": "string",
    "metric": "string",
    "claimed": "string",
    "claimed_source": "string",
    "claimed_source_id": "string",
    "verdict": "string",
    "convention": "string",
    "measured": "Float64",
    "tolerance": "Float64",
    "readings_tried": "Int64",
    "reason": "string",
}

_READING_DTYPES = {
    "claim": "string",
    "claimed_source": "string",
    "convention": "string",
    "value": "Float64",
    "operands": "string",
    "measured": "boolean",
    "deviation_percent": "Float64",
    "matches": "boolean",
}


_SOURCE_DTYPES = {
    "source_id": "string",
    "title": "string",
    "kind": "string",
    "costs": "Int64",
    "accuracies": "Int64",
    "url": "string",
}


def claims_table(verdicts: Sequence[ClaimVerdict]) -> Table:
    """One row a claim; ``measured`` and ``tolerance`` are in the claim's own unit.

    The table's ``readings`` detail holds every reading that was tried, one a row.
    """
    readings = [
        {"claim": verdict.claim, "claimed_source": verdict.source, **tried.model_dump()}
        for verdict in verdicts
        for tried in verdict.evidence
    ]
    return Table(
        name="claims",
        title="Published claims, judged",
        caption=(
            "A reading gives a printed number when it is within half its last digit or "
            f"{100 * RELATIVE_TOLERANCE:g} % ({100 * PARAMETERS_TOLERANCE:g} % of parameters), whichever is "
            f"more; one by a rule that is not printed, or that departs twice, {100 * TIGHT_TOLERANCE:g} %."
        ),
        frame=typed_frame([_row(verdict) for verdict in verdicts], _DTYPES),
        columns=(
            Column(key="claim", header="Claim"),
            Column(key="verdict", header="Verdict"),
            Column(key="convention", header="Reading that gives it", absent="none"),
            Column(key="measured", header="Ours, in the claim's unit", decimals=2),
            Column(key="reason", header="Reason", wide=True),
            Column(key="claimed_source", header="Source"),
        ),
        remarks=(count_by_verdict(verdicts),),
        details={"readings": typed_frame(readings, _READING_DTYPES)},
    )


def count_by_verdict(verdicts: Sequence[ClaimVerdict]) -> str:
    """How many claims came to which verdict, in one line; verdicts that none came to are left out."""
    counts = Counter(verdict.verdict for verdict in verdicts)
    sources = len({verdict.source_id for verdict in verdicts})
    said = ", ".join(f"{counts[verdict]} {verdict.value}" for verdict in Verdict if counts[verdict])
    claims, of = "claim" if len(verdicts) == 1 else "claims", "source" if sources == 1 else "sources"
    return f"{len(verdicts)} {claims} of {sources} {of}: {said or 'none'}."


def sources_table(claims: Sequence[PublishedNumber]) -> Table:
    """Every source that these claims are of, with how many of each kind it has."""
    rows = []
    for source in dict.fromkeys(claim.source for claim in claims):
        own = [claim for claim in claims if claim.source == source]
        accuracies = sum(claim.metric in ACCURACIES for claim in own)
        rows.append(
            {
                "source_id": source.id,
                "title": source.title,
                "kind": source.kind,
                "costs": len(own) - accuracies,
                "accuracies": accuracies,
                "url": source.url,
            }
        )
    return Table(
        name="sources",
        title="Sources of published claims",
        caption="Costs are multiply-adds, parameters and ratios of them.",
        frame=typed_frame(rows, _SOURCE_DTYPES),
        columns=(
            Column(key="source_id", header="Source"),
            Column(key="title", header="Title"),
            Column(key="kind", header="Kind"),
            Column(key="costs", header="Costs", decimals=0),
            Column(key="accuracies", header="Accuracies", decimals=0),
            Column(key="url", header="Place", absent="–"),
        ),
    )


def _row(verdict: ClaimVerdict) -> dict[str, object]:
    return {
        "claim": verdict.claim,
        "model": verdict.model,
        "catalogue_name": verdict.catalogue_name,
        "metric": verdict.metric,
        "claimed": verdict.claimed,
        "claimed_source": verdict.source,
        "claimed_source_id": verdict.source_id,
        "verdict": verdict.verdict.value,
        "convention": verdict.convention,
        "measured": verdict.measured,
        "tolerance": verdict.tolerance,
        "readings_tried": len(verdict.evidence),
        "reason": verdict.reason,
    }
