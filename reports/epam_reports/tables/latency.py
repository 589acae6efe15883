"""Every latency that was measured, with its setting, its spread and the load of the machine."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from epam_bench.records import (
    MINIMUM_SAMPLES_FOR_P90,
    MINIMUM_SAMPLES_FOR_P99,
    AnyRecord,
    DeviceState,
    LatencyRecord,
)
from epam_reports.equality import EQUALITY_COLUMNS, EQUALITY_DTYPES, RELATIVE_ERROR, equality_figures
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
from epam_reports.setting_columns import (
    SETTING_DTYPES,
    input_columns,
    setting_columns,
    shared_inputs,
    shared_setting,
)
from epam_reports.speedups import SPEEDUP_COLUMN, SPEEDUP_DTYPES, speedup_figures, speedup_is_known
from epam_reports.table import Column, Table, join_notes, typed_frame
from epam_reports.tables.memory import MEMORY_DTYPES, memory_figures, to_mebibytes

_DTYPES = {
    "model": "string",
    "title": "string",
    "title_notes": "string",
    "input": "string",
    "num_classes": "Int64",
    **SETTING_DTYPES,
    "backend_notes": "string",
    "run": "string",
    "interrupted": "boolean",
    "samples": "Int64",
    "latency_median_ms": "Float64",
    "latency_first_quartile_ms": "Float64",
    "latency_third_quartile_ms": "Float64",
    "latency_p90_ms": "Float64",
    "latency_p99_ms": "Float64",
    "clips_per_second": "Float64",
    **SPEEDUP_DTYPES,
    **EQUALITY_DTYPES,
    **MEMORY_DTYPES,
    "load_average_before": "Float64",
    "load_average_after": "Float64",
    "clock_mhz_before": "Float64",
    "clock_mhz_after": "Float64",
    "temperature_celsius_before": "Float64",
    "temperature_celsius_after": "Float64",
    "latency_origin": "string",
    "latency_source": "string",
    "latency_notes": "string",
}

_COLUMNS = (
    Column(
        key="latency_median_ms",
        header="Latency (ms)",
        decimals=1,
        digits=2,
        interval=("latency_first_quartile_ms", "latency_third_quartile_ms"),
        notes="latency_notes",
    ),
    SPEEDUP_COLUMN,
    *EQUALITY_COLUMNS,
    Column(key="latency_p90_ms", header="p90 (ms)", decimals=1, digits=2, absent="withheld"),
    Column(key="latency_p99_ms", header="p99 (ms)", decimals=1, digits=2, absent="withheld"),
    Column(key="samples", header="Samples"),
    Column(key="clips_per_second", header="Clips/s", decimals=2),
)

_LOAD_COLUMNS = (
    Column(key="load_average_before", header="Load before", decimals=2, absent="unknown"),
    Column(key="load_average_after", header="Load after", decimals=2, absent="unknown"),
)

_PERCENTILES = ("latency_p90_ms", "latency_p99_ms")


_REMARKS = {
    SPEEDUP_COLUMN: "Speed-up: over the network's reference twin or its own eager form; see the speed table.",
    EQUALITY_COLUMNS[0]: RELATIVE_ERROR,
}


def latency_table(records: Iterable[AnyRecord]) -> Table:
    """One row a model and setting, settings together, fastest first within each.

    Of the setting, what all rows share is in the caption; what sets them apart is a column each.
    """
    known = list(records)
    measured = gather(known)
    runs = main_runs(measured)
    latencies = [record for record in known if isinstance(record, LatencyRecord)]
    timed = [(entry, record) for entry in measured for record in entry.latencies]
    timed.sort(key=lambda pair: (setting_of(pair[1]), pair[1].median_ms))
    rows = [_row(entry, record, runs, latencies) for entry, record in timed]
    settings = [setting_of(record) for _, record in timed]
    columns = _columns(settings, rows)
    return Table(
        name="latency",
        title="Latency",
        caption=(
            "Time of one call (a whole batch): median [first, third quartile]; clips are views, not videos. "
            f"A 90th percentile is withheld under {MINIMUM_SAMPLES_FOR_P90} samples, a 99th under "
            f"{MINIMUM_SAMPLES_FOR_P99}.{shared_setting(settings)}"
        ),
        frame=typed_frame(rows, _DTYPES),
        columns=columns,
        remarks=(
            *shared_inputs(rows),
            *(remark for column, remark in _REMARKS.items() if column in columns),
            *_shared_load(rows),
        ),
        evidence=evidence_of(rows),
    )


def latency_figures(record: LatencyRecord, runs: Mapping[Setting, str]) -> dict[str, object]:
    """The figures of one latency that the efficiency table prints too; ``runs`` as of `main_runs`."""
    first, third = record.interquartile_range_ms
    return {
        "latency_median_ms": record.median_ms,
        "latency_first_quartile_ms": first,
        "latency_third_quartile_ms": third,
        "clips_per_second": record.clips_per_second,
        "peak_memory_mebibytes": to_mebibytes(record.peak_memory_bytes),
        **traced("latency", Evidence(records=(record,))),
        "latency_notes": join_notes(*record.backend_notes, *_weaknesses(record, runs)),
    }


def _columns(settings: Sequence[Setting], rows: Sequence[Mapping[str, object]]) -> tuple[Column, ...]:
    return (
        Column(key="title", header="Model", notes="title_notes"),
        Column(key="backend", header="Backend", notes="backend_notes"),
        *setting_columns(settings),
        *(column for column in _COLUMNS if _is_shown(column, rows)),
        *(_LOAD_COLUMNS if len(_loads(rows)) > 1 else ()),
        *input_columns(rows),
    )


def _is_shown(column: Column, rows: Sequence[Mapping[str, object]]) -> bool:
    """Records of before there were backends have neither base nor equality, and few samples no percentile."""
    if column == SPEEDUP_COLUMN:
        return speedup_is_known(rows)
    if column in EQUALITY_COLUMNS or column.key in _PERCENTILES:
        return any(row.get(column.key) is not None for row in rows)
    return True


def _loads(rows: Sequence[Mapping[str, object]]) -> set[tuple[object, ...]]:
    """Load averages before and after, of each run."""
    return {tuple(row[column.key] for column in _LOAD_COLUMNS) for row in rows}


def _shared_load(rows: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """The load in a sentence, where all rows have the same: those of one run do."""
    loads = _loads(rows)
    if len(loads) != 1:
        return ()
    before, after = ("unknown" if load is None else f"{load:.2f}" for load in loads.pop())
    return (f"Load average over a minute: {before} before, {after} after.",)


def _row(
    entry: Measured, record: LatencyRecord, runs: Mapping[Setting, str], latencies: Sequence[LatencyRecord]
) -> dict[str, object]:
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
        "latency_p99_ms": record.p99_ms,
        **speedup_figures(record, latencies),
        **equality_figures(record),
        **memory_figures(record),
        "load_average_before": record.load_average_before,
        "load_average_after": record.load_average_after,
        **_device_state("before", record.device_before),
        **_device_state("after", record.device_after),
        **latency_figures(record, runs),
        # What the backend says stands with its name.
        "backend_notes": join_notes(*record.backend_notes),
        "latency_notes": join_notes(*_weaknesses(record, runs)),
    }


def _weaknesses(record: LatencyRecord, runs: Mapping[Setting, str]) -> tuple[str, ...]:
    return (*((APART,) if is_apart(record, runs) else ()), *record.caveats)


def _device_state(when: str, state: DeviceState | None) -> dict[str, object]:
    if state is None:
        return {}
    return {
        f"clock_mhz_{when}": state.clock_mhz,
        f"temperature_celsius_{when}": state.temperature_celsius,
    }
