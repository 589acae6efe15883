"""Networks beside the first one that a run was asked for: how many times as fast, and how sure that is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from epam_bench.records import LatencyRecord
from epam_reports.evidence import ROW, Evidence, evidence_of
from epam_reports.measurements import describe_input, gather, setting_of
from epam_reports.setting_columns import SETTING_DTYPES, input_columns, setting_columns, shared_setting
from epam_reports.speedups import (
    INTERVAL_COLUMN,
    INTERVAL_DTYPES,
    SPEEDUP_COLUMNS,
    SPEEDUP_DTYPES,
    VERDICTS,
    BestForm,
    base_figures,
    best_forms,
    compared_figures,
    find_form,
    interval_figures,
    short_spans,
)
from epam_reports.table import Column, Table, typed_frame

_DTYPES = {
    "model": "string",
    "title": "string",
    "input": "string",
    **SETTING_DTYPES,
    **INTERVAL_DTYPES,
    **SPEEDUP_DTYPES,
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
    speedup, _, *verdict = SPEEDUP_COLUMNS
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
            INTERVAL_COLUMN,
            replace(speedup, header=f"Times as fast as {title}", absent="not timed"),
            *verdict,
        ),
        remarks=(VERDICTS, *short_spans([form.record for form in forms])),
        evidence=evidence_of(rows),
    )


def _row(form: BestForm, first: BestForm | None) -> dict[str, object]:
    record = form.record
    return {
        ROW: Evidence(records=(record,)),
        "model": record.model.name,
        "title": form.entry.title,
        "input": describe_input(record.model),
        **setting_of(record)._asdict(),
        **interval_figures(record),
        **_beside(form, first),
    }


def _beside(form: BestForm, first: BestForm | None) -> dict[str, object]:
    if first is None:
        missing = "the first network was not timed in these circumstances"
        return {"ratio": Evidence(missing=missing), "speedup_notes": missing}
    if first is form:
        return base_figures(form.record)
    return compared_figures(form.record, first.record, against=first.record.model.name)
