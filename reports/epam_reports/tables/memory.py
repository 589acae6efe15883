"""What each timed form takes of memory, told apart in four quantities, and of time before it can run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from epam_bench.records import AnyRecord, LatencyRecord
from epam_reports.evidence import ROW, Evidence, evidence_of
from epam_reports.measurements import Measured, describe_input, gather, setting_of
from epam_reports.setting_columns import SETTING_DTYPES, input_columns, setting_columns, shared_setting
from epam_reports.table import Column, Table, join_notes, typed_frame

MEBI = 1024**2

MEMORY_DTYPES = {
    "preparation_seconds": "Float64",
    "first_call_ms": "Float64",
    "weights_mebibytes": "Float64",
    "peak_activation_mebibytes": "Float64",
    "reserved_mebibytes": "Float64",
    "process_mebibytes": "Float64",
    "peak_memory_mebibytes": "Float64",
    "peak_memory_scope": "string",
}

_DTYPES = {
    "model": "string",
    "title": "string",
    "title_notes": "string",
    "input": "string",
    **SETTING_DTYPES,
    **MEMORY_DTYPES,
}

_COLUMNS = (
    Column(key="weights_mebibytes", header="Weights (MiB)", decimals=1, digits=2),
    Column(key="peak_activation_mebibytes", header="Peak activation (MiB)", decimals=0),
    Column(key="reserved_mebibytes", header="Reserved (MiB)", decimals=0, absent="CUDA only"),
    Column(key="process_mebibytes", header="Process (MiB)", decimals=0),
    Column(key="peak_memory_mebibytes", header="Peak memory (MiB)", decimals=0),
    Column(key="preparation_seconds", header="Prepared in (s)", decimals=1, absent="unknown"),
    Column(key="first_call_ms", header="First call (ms)", decimals=1, digits=2, absent="unknown"),
)

_REMARKS = (
    "Weights: parameters and buffers in the form that is run.",
    "Peak activation: the most that one call adds to the weights while it runs.",
    "Reserved: what the device's allocator held at its highest.",
    "Process: resident memory of the whole process at its highest, libraries and all.",
    "Prepared in: building, optimising and compiling, apart from running.",
)


def memory_table(records: Iterable[AnyRecord]) -> Table:
    """One row a model and setting, in the order of the latency table's settings, by name within each."""
    timed = [(entry, record) for entry in gather(records) for record in entry.latencies]
    timed.sort(key=lambda pair: (setting_of(pair[1]), pair[0].title))
    rows = [_row(entry, record) for entry, record in timed]
    settings = [setting_of(record) for _, record in timed]
    columns = [column for column in _COLUMNS if _is_shown(column.key, rows)]
    scopes = dict.fromkeys(
        record.peak_memory_scope for _, record in timed if record.peak_activation_bytes is None
    )
    return Table(
        name="memory",
        title="Memory and preparation",
        caption=f"What each timed form takes beside its time; a batch at once.{shared_setting(settings)}",
        frame=typed_frame(rows, _DTYPES),
        columns=(
            Column(key="title", header="Model", notes="title_notes"),
            Column(key="backend", header="Backend"),
            *setting_columns(settings),
            *input_columns(rows),
            *columns,
        ),
        remarks=(
            *(
                remark
                for remark in _REMARKS
                if any(column.header.startswith(remark.partition(":")[0]) for column in columns)
            ),
            *(f"Peak memory: {scope}" for scope in scopes),
        ),
        evidence=evidence_of(rows),
    )


def memory_figures(record: LatencyRecord) -> dict[str, object]:
    """What a form takes of memory, and of time before it runs; see `MEMORY_DTYPES`."""
    return {
        "preparation_seconds": record.preparation_seconds,
        "first_call_ms": record.first_call_ms,
        "weights_mebibytes": to_mebibytes(record.weights_bytes),
        "peak_activation_mebibytes": to_mebibytes(record.peak_activation_bytes),
        "reserved_mebibytes": to_mebibytes(record.reserved_bytes),
        "process_mebibytes": to_mebibytes(record.process_bytes),
        "peak_memory_mebibytes": to_mebibytes(record.peak_memory_bytes),
        "peak_memory_scope": record.peak_memory_scope,
    }


def to_mebibytes(count: int | None) -> float | None:
    """Bytes in MiB, where they are known."""
    return None if count is None else count / MEBI


def _is_shown(key: str, rows: Sequence[Mapping[str, object]]) -> bool:
    """Weights always, the one number of before memory was told apart where a row has nothing newer."""
    if key == "peak_memory_mebibytes":
        return not rows or any(row["peak_activation_mebibytes"] is None for row in rows)
    return key == "weights_mebibytes" or any(row[key] is not None for row in rows)


def _row(entry: Measured, record: LatencyRecord) -> dict[str, object]:
    return {
        ROW: Evidence(records=(record,)),
        "model": record.model.name,
        "title": entry.title,
        "title_notes": join_notes(*record.model.notes),
        "input": describe_input(record.model),
        **setting_of(record)._asdict(),
        **memory_figures(record),
    }
