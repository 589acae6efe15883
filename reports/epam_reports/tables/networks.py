"""Networks beside the first one that a run was asked for: how many times as fast, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence

from epam_bench.records import LatencyRecord
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import describe_input, gather, setting_of
from epam_reports.setting_columns import SETTING_DTYPES, input_columns, setting_columns, shared_setting
from epam_reports.speedups import (
    ITSELF,
    VERDICTS,
    BestForm,
    best_forms,
    compare_latencies,
    find_form,
    latency_interval,
    short_spans,
)
from epam_reports.table import Column, Table, typed_frame

_DTYPES = {
    "model": "string",
    "title": "string",
    "input": "string",
    **SETTING_DTYPES,
    "latency_median_ms": "Float64",
    "latency_low_ms": "Float64",
    "latency_high_ms": "Float64",
    "against": "string",
    "speed": "Float64",
    "speed_low": "Float64",
    "speed_high": "Float64",
    "verdict": "string",
    "smallest_detectable_percent": "Float64",
    "speed_notes": "string",
    "ratio_origin": "string",
    "ratio_source": "string",
}


def networks_table(latencies: Sequence[LatencyRecord]) -> Table:
    """One row a network and circumstances, in its fastest form; the fastest network first.

    Args:
        latencies: in the order in which the run was asked for them; the first one's network is what the
            others are compared with.
    """
    forms = best_forms(gather(latencies))
    first = latencies[0].model.name if latencies else ""
    title = next((form.entry.title for form in forms if form.entry.card.name == first), first)
    rows = [_row(form, find_form(forms, first, form)) for form in forms]
    settings = [setting_of(form.record) for form in forms]
    return Table(
        name="networks",
        title=f"Networks beside {title}",
        caption=(
            "Each in the fastest of its forms that were timed: median [95 % interval] of one call (a whole "
            f"batch). Times as fast: {title}'s time over the row's.{shared_setting(settings)}"
        ),
        frame=typed_frame(rows, _DTYPES),
        columns=(
            Column(key="title", header="Model"),
            Column(key="backend", header="Backend"),
            *setting_columns(settings),
            *input_columns(rows),
            Column(
                key="latency_median_ms",
                header="Latency (ms)",
                decimals=1,
                digits=2,
                interval=("latency_low_ms", "latency_high_ms"),
            ),
            Column(
                key="speed",
                header=f"Times as fast as {title}",
                decimals=2,
                interval=("speed_low", "speed_high"),
                notes="speed_notes",
                absent="not timed",
                evidence="ratio",
            ),
            Column(key="verdict", header="Verdict", absent="", evidence="ratio"),
            Column(
                key="smallest_detectable_percent",
                header="Could see (%)",
                decimals=1,
                absent="",
                evidence="ratio",
            ),
        ),
        remarks=(VERDICTS, *short_spans([form.record for form in forms])),
        evidence=evidence_of(rows),
    )


def _row(form: BestForm, first: BestForm | None) -> dict[str, object]:
    record = form.record
    low, high = latency_interval(record) or (None, None)
    return {
        ROW: Evidence(records=(record,)),
        "model": record.model.name,
        "title": form.entry.title,
        "input": describe_input(record.model),
        **setting_of(record)._asdict(),
        "latency_median_ms": record.median_ms,
        "latency_low_ms": low,
        "latency_high_ms": high,
        **_beside(form, first),
    }


def _beside(form: BestForm, first: BestForm | None) -> dict[str, object]:
    if first is None:
        missing = "the first network was not timed in these circumstances"
        return {"ratio": Evidence(missing=missing), "speed_notes": missing}
    if first is form:
        itself = Evidence(records=(form.record,), working="it is what the others are compared with")
        return {**traced("ratio", itself), "against": ITSELF, "speed": 1.0, "verdict": "base"}
    found = compare_latencies(form.record, first.record)
    low, high = found.interval or (None, None)
    least = found.smallest_detectable
    return {
        **traced("ratio", found.evidence),
        "against": first.record.model.name,
        "speed": found.factor,
        "speed_low": low,
        "speed_high": high,
        "verdict": found.verdict,
        "smallest_detectable_percent": None if least is None else 100 * least,
        "speed_notes": found.note or None,
    }
