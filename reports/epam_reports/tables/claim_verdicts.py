"""The paper's claims of efficiency, each with its verdict and the operands behind it."""

from __future__ import annotations

from collections.abc import Sequence

from epam_reports.claims import RELATIVE_TOLERANCE, ClaimVerdict
from epam_reports.table import Column, Table, typed_frame

_DTYPES = {
    "claim": "string",
    "claimed": "string",
    "claimed_source": "string",
    "verdict": "string",
    "convention": "string",
    "measured": "Float64",
    "tolerance": "Float64",
    "readings_tried": "Int64",
    "reason": "string",
}

_READING_DTYPES = {
    "claim": "string",
    "convention": "string",
    "value": "Float64",
    "operands": "string",
    "measured": "boolean",
    "deviation_percent": "Float64",
    "matches": "boolean",
}


def claims_table(verdicts: Sequence[ClaimVerdict]) -> Table:
    """One row a claim; ``measured`` and ``tolerance`` are in the claim's own unit.

    The table's ``readings`` detail holds every reading that was tried, one a row.
    """
    readings = [
        {"claim": verdict.claim, **tried.model_dump()} for verdict in verdicts for tried in verdict.evidence
    ]
    return Table(
        name="claims",
        title="The paper's claims, judged",
        caption=(
            "A reading gives a printed number when it is within half its last digit or "
            f"{100 * RELATIVE_TOLERANCE:g} %, whichever is more."
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
        details={"readings": typed_frame(readings, _READING_DTYPES)},
    )


def _row(verdict: ClaimVerdict) -> dict[str, object]:
    return {
        "claim": verdict.claim,
        "claimed": verdict.claimed,
        "claimed_source": verdict.source,
        "verdict": verdict.verdict.value,
        "convention": verdict.convention,
        "measured": verdict.measured,
        "tolerance": verdict.tolerance,
        "readings_tried": len(verdict.evidence),
        "reason": verdict.reason,
    }
