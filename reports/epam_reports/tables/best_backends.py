"""Networks beside each other, each in its own best backend: what fewer multiply-adds are worth in time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from epam_bench.records import AnyRecord
from epam_reports.equality import EQUALITY_DTYPES, equality_figures
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import describe_input, gather, setting_of
from epam_reports.setting_columns import SETTING_DTYPES, input_columns, setting_columns, shared_setting
from epam_reports.speedups import (
    INTERVAL_COLUMN,
    INTERVAL_DTYPES,
    REALISED_DTYPES,
    YARDSTICK,
    BestForm,
    best_forms,
    compare_latencies,
    find_form,
    interval_figures,
    is_timed,
    realised_figures,
    short_spans,
)
from epam_reports.table import Column, Table, typed_frame

OURS = "epam_net"

_DTYPES = {
    "model": "string",
    "title": "string",
    "input": "string",
    **SETTING_DTYPES,
    "backends_timed": "Int64",
    **INTERVAL_DTYPES,
    **EQUALITY_DTYPES,
    "gmacs_per_clip": "Float64",
    "counter": "string",
    "gmacs_per_second": "Float64",
    "rate_origin": "string",
    "rate_source": "string",
    **REALISED_DTYPES,
    "ours_ahead": "Float64",
    "ours_ahead_low": "Float64",
    "ours_ahead_high": "Float64",
    "ours_verdict": "string",
    "ours_notes": "string",
    "ours_origin": "string",
    "ours_source": "string",
}

_ALONE = (
    INTERVAL_COLUMN,
    Column(key="backends_timed", header="of"),
    Column(
        key="gmacs_per_clip",
        header="GMACs/clip",
        decimals=2,
        never_zero=True,
        absent="not counted",
        evidence="rate",
    ),
    Column(key="gmacs_per_second", header="GMAC/s", decimals=1, absent="not counted", evidence="rate"),
)

_BESIDE_C3D = (
    Column(
        key="speedup_over_c3d",
        header="Faster than C3D (×)",
        decimals=2,
        interval=("speedup_over_c3d_low", "speedup_over_c3d_high"),
        notes="realised_notes",
        absent="C3D not timed",
        evidence="realised",
    ),
    Column(
        key="fewer_macs_than_c3d",
        header="MACs fewer than C3D (×)",
        decimals=2,
        absent="",
        evidence="realised",
    ),
    Column(key="realised_percent", header="Realised (%)", decimals=0, absent="", evidence="realised"),
)

_BESIDE_OURS = (
    Column(
        key="ours_ahead",
        header="EPAM-Net's speed over it (×)",
        decimals=2,
        interval=("ours_ahead_low", "ours_ahead_high"),
        notes="ours_notes",
        absent="not timed",
        evidence="ours",
    ),
    Column(key="ours_verdict", header="EPAM-Net is", absent="", evidence="ours"),
)


def best_backends_table(records: Iterable[AnyRecord]) -> Table:
    """One row a network and circumstances, its fastest backend alone; the fastest network first."""
    measured = gather(records)
    forms = best_forms(measured)
    rows = [_row(form, forms) for form in forms]
    settings = [setting_of(form.record) for form in forms]
    return Table(
        name="best_backends",
        title="Each network in its own best backend",
        caption=(
            "The fastest of the backends timed: median [95 % interval] of one call (a whole batch). "
            "Realised: how many times faster than C3D, over how many times fewer multiply-adds, each in its "
            f"own best backend.{shared_setting(settings)}"
        ),
        frame=typed_frame(rows, _DTYPES),
        columns=(
            Column(key="title", header="Model"),
            Column(key="backend", header="Backend"),
            *setting_columns(settings),
            *input_columns(rows),
            *_ALONE,
            *(_BESIDE_C3D if is_timed(YARDSTICK, forms) else ()),
            *(_BESIDE_OURS if is_timed(OURS, forms) else ()),
        ),
        remarks=short_spans([form.record for form in forms]),
        evidence=evidence_of(rows),
    )


def _row(form: BestForm, forms: Sequence[BestForm]) -> dict[str, object]:
    record = form.record
    return {
        ROW: Evidence(records=(record,)),
        "model": record.model.name,
        "title": form.entry.title,
        "input": describe_input(record.model),
        **setting_of(record)._asdict(),
        "backends_timed": form.rivals + 1,
        **interval_figures(record),
        **equality_figures(record),
        **_rate(form),
        **realised_figures(form, forms),
        **_ours(form, forms),
    }


def _rate(form: BestForm) -> dict[str, object]:
    """Multiply-adds of a clip, and how many the network does in a second."""
    count, record = form.entry.preferred_count, form.record
    if count is None:
        name = record.model.name
        return {"rate": Evidence(missing=f"no counter's record of {name}: epam-bench flops {name}")}
    working = f"{count.macs / 1e9:.2f} G × {record.batch_size} clips / {record.median_ms:.1f} ms"
    return {
        **traced("rate", Evidence(records=(count, record), working=working)),
        "gmacs_per_clip": count.macs / 1e9,
        "counter": count.counter,
        "gmacs_per_second": count.macs * record.clips_per_second / 1e9,
    }


def _ours(form: BestForm, forms: Sequence[BestForm]) -> dict[str, object]:
    """How EPAM-Net stands to the row's network, in the same circumstances."""
    ours = find_form(forms, OURS, form)
    if ours is None:
        return {"ours": Evidence(missing=f"no latency of {OURS} in these circumstances: epam-bench latency")}
    if ours is form:
        return {"ours": Evidence(records=(form.record,)), "ours_ahead": 1.0}
    found = compare_latencies(ours.record, form.record)
    low, high = found.interval or (None, None)
    return {
        **traced("ours", found.evidence),
        "ours_ahead": found.factor,
        "ours_ahead_low": low,
        "ours_ahead_high": high,
        "ours_verdict": found.verdict,
        "ours_notes": found.note or None,
    }
