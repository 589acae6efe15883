"""Every latency that was measured, with its setting, its spread and the load of the machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from epam_bench.records import MINIMUM_SAMPLES_FOR_P90, AnyRecord, LatencyRecord
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import (
    APART,
    Measured,
    Setting,
    describe_input,
    gather,
    is_apart,
    main_runs,
    setting_of,
)
from epam_reports.table import Column, Table, join_notes, typed_frame

MEBI = 1024**2

_DTYPES = {
    "model": "string",
    "title": "string",
    "title_notes": "string",
    "input": "string",
    "num_classes": "Int64",
    "device": "string",
    "precision": "string",
    "batch_size": "Int64",
    "backend": "string",
    "threads": "Int64",
    "machine": "string",
    "run": "string",
    "interrupted": "boolean",
    "samples": "Int64",
    "latency_median_ms": "Float64",
    "latency_first_quartile_ms": "Float64",
    "latency_third_quartile_ms": "Float64",
    "latency_p90_ms": "Float64",
    "clips_per_second": "Float64",
    "weights_mebibytes": "Float64",
    "peak_memory_mebibytes": "Float64",
    "peak_memory_scope": "string",
    "load_average_before": "Float64",
    "load_average_after": "Float64",
    "latency_origin": "string",
    "latency_source": "string",
    "latency_notes": "string",
}


def latency_table(records: Iterable[AnyRecord]) -> Table:
    """One row a model and setting, settings together, fastest first within each.

    The machine is a column when there are several, and in the caption when there is one.
    """
    measured = gather(records)
    runs = main_runs(measured)
    timed = [(entry, record) for entry in measured for record in entry.latencies]
    timed.sort(key=lambda pair: (setting_of(pair[1]), pair[1].median_ms))
    rows = [_row(entry, record, runs) for entry, record in timed]
    scopes = dict.fromkeys(record.peak_memory_scope for _, record in timed)
    machines = list(dict.fromkeys(setting_of(record).machine for _, record in timed))
    return Table(
        name="latency",
        title="Latency",
        caption=(
            "Time of one call (a whole batch): median [first, third quartile]; clips are views, not videos. "
            f"A 90th percentile is withheld under {MINIMUM_SAMPLES_FOR_P90} samples.{_on(machines)}"
        ),
        frame=typed_frame(rows, _DTYPES),
        columns=(
            Column(key="title", header="Model", notes="title_notes"),
            Column(key="input", header="Input"),
            *((Column(key="machine", header="Machine"),) if len(machines) > 1 else ()),
            Column(key="device", header="Device"),
            Column(key="precision", header="Precision"),
            Column(key="batch_size", header="Batch"),
            Column(key="threads", header="Threads"),
            Column(key="backend", header="Backend"),
            Column(
                key="latency_median_ms",
                header="Latency (ms)",
                decimals=1,
                interval=("latency_first_quartile_ms", "latency_third_quartile_ms"),
                notes="latency_notes",
            ),
            Column(key="latency_p90_ms", header="p90 (ms)", decimals=1, absent="withheld"),
            Column(key="samples", header="Samples"),
            Column(key="clips_per_second", header="Clips/s", decimals=2),
            Column(key="weights_mebibytes", header="Weights (MiB)", decimals=1),
            Column(key="peak_memory_mebibytes", header="Peak memory (MiB)", decimals=0),
            Column(key="load_average_before", header="Load before", decimals=2, absent="unknown"),
            Column(key="load_average_after", header="Load after", decimals=2, absent="unknown"),
        ),
        remarks=tuple(f"Peak memory: {scope}" for scope in scopes),
        evidence=evidence_of(rows),
    )


def latency_figures(record: LatencyRecord, runs: Mapping[Setting, str]) -> dict[str, object]:
    """The figures of one latency that the efficiency table prints too; ``runs`` as of `main_runs`."""
    first, third = record.interquartile_range_ms
    peak = record.peak_memory_bytes
    return {
        "latency_median_ms": record.median_ms,
        "latency_first_quartile_ms": first,
        "latency_third_quartile_ms": third,
        "clips_per_second": record.clips_per_second,
        "peak_memory_mebibytes": peak / MEBI if peak is not None else None,
        **traced("latency", Evidence(records=(record,))),
        "latency_notes": join_notes(APART if is_apart(record, runs) else None, *record.caveats),
    }


def _on(machines: list[str]) -> str:
    if not machines:
        return ""
    if len(machines) == 1:
        return f" Machine: {machines[0]}."
    return f" Taken on {len(machines)} machines, not to be compared with each other."


def _row(entry: Measured, record: LatencyRecord, runs: Mapping[Setting, str]) -> dict[str, object]:
    return {
        ROW: Evidence(records=(record,)),
        "model": record.model.name,
        "title": entry.title,
        "title_notes": join_notes(*record.model.notes),
        "input": describe_input(record.model),
        "num_classes": record.model.num_classes,
        **setting_of(record)._asdict(),
        "run": record.run or None,
        "interrupted": record.interrupted,
        "samples": len(record.samples_ms),
        "latency_p90_ms": record.p90_ms,
        "weights_mebibytes": record.weights_bytes / MEBI,
        "peak_memory_scope": record.peak_memory_scope,
        "load_average_before": record.load_average_before,
        "load_average_after": record.load_average_after,
        **latency_figures(record, runs),
    }
