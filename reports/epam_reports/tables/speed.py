"""Each network in each backend: how fast, how much faster than its plain form, and whether it is itself."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from epam_bench.records import AnyRecord, LatencyRecord
from epam_reports.equality import EQUALITY_COLUMNS, EQUALITY_DTYPES, RELATIVE_ERROR, equality_figures
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import Measured, describe_input, gather, setting_of
from epam_reports.setting_columns import SETTING_DTYPES, input_columns, setting_columns, shared_setting
from epam_reports.speedups import (
    INTERVAL_COLUMN,
    INTERVAL_DTYPES,
    ONE_PROCESS,
    REALISED_DTYPES,
    SPEEDUP_COLUMNS,
    SPEEDUP_DTYPES,
    VERDICTS,
    YARDSTICK,
    BestForm,
    best_forms,
    circumstances_of,
    interval_figures,
    is_timed,
    realised_figures,
    short_spans,
    speedup_figures,
)
from epam_reports.table import Column, Table, join_notes, typed_frame

_DTYPES = {
    "name": "string",
    "model": "string",
    "title": "string",
    "input": "string",
    **SETTING_DTYPES,
    "backend_notes": "string",
    **INTERVAL_DTYPES,
    "samples": "Int64",
    "processes": "Int64",
    "turns": "Int64",
    **SPEEDUP_DTYPES,
    "relative_error": "Float64",
    **EQUALITY_DTYPES,
    "best": "string",
    **REALISED_DTYPES,
    "latency_origin": "string",
    "latency_source": "string",
    "latency_notes": "string",
}


def speed_table(records: Iterable[AnyRecord]) -> Table:
    """Networks × backends, one row a latency: those of one network together, fastest first.

    The fastest backend of a network in each precision is marked; its row says what share of C3D's
    multiply-adds over its own is realised, both networks in their own best backend.
    """
    known = list(records)
    measured = gather(known)
    latencies = [record for record in known if isinstance(record, LatencyRecord)]
    forms = best_forms(measured)
    timed = _in_order(measured)
    rows = [_row(entry, record, forms, latencies) for entry, record in timed]
    settings = [setting_of(record) for _, record in timed]
    beside_c3d = is_timed(YARDSTICK, forms)
    return Table(
        name="speed",
        title="Speed of each backend",
        caption=(
            "Time of one call (a whole batch): median [95 % interval over processes and stretches of time]. "
            "Speed-up: the time of the network's 3-D reference twin, run eagerly in fp32, over the row's; of "
            "a network without a twin, or whose twin was not timed, that of its own eager form."
            f"{shared_setting(settings)}"
        ),
        frame=typed_frame(rows, _DTYPES),
        columns=(
            Column(key="title", header="Model"),
            Column(key="backend", header="Backend", notes="backend_notes"),
            *setting_columns(settings),
            *input_columns(rows),
            replace(INTERVAL_COLUMN, notes="latency_notes", evidence="latency"),
            Column(key="best", header="Best", absent=""),
            *SPEEDUP_COLUMNS,
            *EQUALITY_COLUMNS,
            *((_REALISED,) if beside_c3d else ()),
        ),
        remarks=(
            VERDICTS,
            RELATIVE_ERROR,
            *short_spans([record for _, record in timed]),
            *((_REALISED_MEANS,) if beside_c3d else ()),
        ),
        evidence=evidence_of(rows),
    )


_REALISED = Column(
    key="realised_percent",
    header="MAC ratio realised (%)",
    decimals=0,
    notes="realised_notes",
    absent="",
    evidence="realised",
)

_REALISED_MEANS = (
    "MAC ratio realised: C3D's time over the row's, divided by C3D's multiply-adds over the row's, each "
    "network in its own best backend of those timed in the row's precision, batch and device."
)


def _in_order(measured: Iterable[Measured]) -> list[tuple[Measured, LatencyRecord]]:
    """Circumstances together, in them networks by their fastest row, and each one's rows fastest first."""
    timed = [(entry, record) for entry in measured for record in entry.latencies]
    fastest: dict[tuple[object, ...], float] = {}
    for entry, record in timed:
        place = (_circumstances(record), entry.title, describe_input(entry.card))
        fastest[place] = min(fastest.get(place, record.median_ms), record.median_ms)

    def order(pair: tuple[Measured, LatencyRecord]) -> tuple[object, ...]:
        entry, record = pair
        where, *network = _circumstances(record), entry.title, describe_input(entry.card)
        return (where, fastest[where, *network], *network, record.median_ms)

    return sorted(timed, key=order)


def _circumstances(record: LatencyRecord) -> tuple[object, ...]:
    """Precisions of one network stand together."""
    return circumstances_of(setting_of(record))._replace(precision="")


def _row(
    entry: Measured, record: LatencyRecord, forms: Sequence[BestForm], latencies: Sequence[LatencyRecord]
) -> dict[str, object]:
    form = next((form for form in forms if form.record is record), None)
    return {
        ROW: Evidence(records=(record,)),
        "name": f"{entry.name} {record.backend} {record.precision} batch {record.batch_size}",
        "model": record.model.name,
        "title": entry.title,
        "input": describe_input(record.model),
        **setting_of(record)._asdict(),
        "backend_notes": join_notes(*record.backend_notes),
        **interval_figures(record),
        "samples": len(record.samples_ms),
        "processes": len({block.process for block in record.blocks}) or 1,
        "turns": len(record.blocks) or 1,
        **speedup_figures(record, latencies),
        **equality_figures(record),
        "best": "best" if form and form.rivals else None,
        **(realised_figures(form, forms) if form else {}),
        **traced("latency", Evidence(records=(record,))),
        "latency_notes": join_notes(
            # Newer records say it themselves, in their caveats.
            None if record.blocks else ONE_PROCESS,
            *record.caveats,
        ),
    }
