"""How near a timed form's logits are to its reference's, as tables print it beside the form's time."""

from __future__ import annotations

from epam_bench.records import LatencyRecord
from epam_reports.table import Column

EQUALITY_DTYPES = {
    "equality_reference": "string",
    "equality_clips": "Int64",
    "relative_error": "Float64",
    "relative_error_bound": "Float64",
    "top1_agreement_percent": "Float64",
}

EQUALITY_COLUMNS = (
    Column(key="relative_error", header="Relative error", decimals=1, scientific=True, absent="–"),
    Column(key="top1_agreement_percent", header="Top-1 agreement (%)", decimals=0, absent="–"),
)

RELATIVE_ERROR = (
    "Relative error: largest difference of a logit from the reference's on the same inputs, over the "
    "reference's largest logit; a form beyond its precision's bound is not timed."
)


def equality_figures(record: LatencyRecord) -> dict[str, object]:
    """The fields of a row that say so, see `EQUALITY_DTYPES`; none where it was not checked."""
    found = record.equality
    if found is None:
        return {}
    return {
        "equality_reference": found.reference,
        "equality_clips": found.clips,
        "relative_error": found.relative_error,
        "relative_error_bound": found.bound,
        "top1_agreement_percent": 100 * found.top1_agreement,
    }
