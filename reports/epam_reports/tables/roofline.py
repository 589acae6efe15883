"""Where each network's time goes, operation by operation, beside what the machine could do."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from statistics import median

from epam_bench.records import AnyRecord, Bound, MachinePeaks, OperationTime, RooflineRecord
from epam_reports.evidence import ROW, Evidence, evidence_of
from epam_reports.measurements import describe_input, describe_machine, newest
from epam_reports.table import Column, Table, join_notes, typed_frame

REPORT_ROWS = 12
"""Operations of a network that a report prints; the rest are one row."""

_FIGURES = {
    "calls": "Int64",
    "gmacs": "Float64",
    "megabytes": "Float64",
    "time_ms": "Float64",
    "time_percent": "Float64",
    "macs_percent": "Float64",
    "gflops_per_second": "Float64",
    "gigabytes_per_second": "Float64",
    "bound": "string",
    "bound_ms": "Float64",
}

_NAMES = {
    "model": "string",
    "title": "string",
    "title_notes": "string",
    "input": "string",
    "form": "string",
    "operation": "string",
    "shape": "string",
}


def roofline_table(records: Iterable[AnyRecord], *, rows: int = REPORT_ROWS) -> Table:
    """The longest operations of each network and form, the rest as one row, their sum, and the whole.

    Of several records of one network in one setting the newest counts.
    """
    known = newest(records, RooflineRecord)
    lines = [line for record in known for line in _rows(record, rows)]
    return Table(
        name="roofline",
        title="Where the time goes",
        caption=(
            "One call (a whole batch), its operations by shape, the longest first; the whole is timed apart, "
            "in turns with passes that are taken apart. GFLOP/s are two for each multiply-add; MB = 10⁶ "
            "bytes read and written, each operand once a call. Bound: what sets the least time that this "
            f"machine's peaks allow, and that time.{_on(known)}"
        ),
        frame=typed_frame(lines, {**_NAMES, **_FIGURES}),
        columns=(
            Column(key="title", header="Model", notes="title_notes"),
            Column(key="form", header="Form"),
            Column(key="operation", header="Operation"),
            Column(key="shape", header="Shape", absent=""),
            Column(key="calls", header="Calls", absent=""),
            Column(key="gmacs", header="GMACs", decimals=3, never_zero=True, absent="–"),
            Column(key="megabytes", header="MB", decimals=1, never_zero=True, absent="–"),
            Column(key="time_ms", header="Time (ms)", decimals=2, never_zero=True),
            Column(key="time_percent", header="of the time (%)", decimals=1, absent=""),
            Column(key="gflops_per_second", header="GFLOP/s", decimals=0, never_zero=True, absent="–"),
            Column(key="gigabytes_per_second", header="GB/s", decimals=0, never_zero=True, absent="–"),
            Column(key="bound", header="Bound", absent="–"),
            Column(key="bound_ms", header="at the peaks (ms)", decimals=2, never_zero=True, absent="–"),
        ),
        remarks=tuple(sentence for record in known for sentence in summarise(record)),
        details={"operations": typed_frame([_line(*pair) for pair in _all(known)], {**_NAMES, **_FIGURES})},
        evidence=evidence_of(lines),
    )


def describe_form(record: RooflineRecord) -> str:
    """What ran the network: ``fused``, and precision and batch where they are not the usual ones."""
    unusual = (
        (record.precision, record.precision != "fp32"),
        (f"batch {record.batch_size}", record.batch_size != 1),
        (record.device, record.device != "cpu"),
    )
    return ", ".join((record.backend, *(text for text, told in unusual if told)))


def describe_peaks(peaks: MachinePeaks) -> str:
    """The peaks in one line."""
    return (
        f"{peaks.gflops_per_second:.0f} GFLOP/s, {peaks.memory_gigabytes_per_second:.1f} GB/s in memory, "
        f"{peaks.cache_gigabytes_per_second:.0f} GB/s in the cache, {peaks.launch_microseconds:.2g} µs a "
        "launch"
    )


def describe_milliseconds(ms: float) -> str:
    """``12.3 ms``, or two digits of less than one: ``0.14 ms``."""
    return f"{ms:.1f} ms" if ms >= 1 else f"{ms:.2g} ms"


def summarise(record: RooflineRecord) -> tuple[str, ...]:
    """What a roofline comes to, in sentences: coverage, what would be possible, and the causes."""
    name = f"{record.model.title}, {describe_form(record)}"
    whole_ms = median(record.whole_ms)
    at_peaks = sum(operation.bound_ms for operation in record.operations)
    alone = (
        2 * sum(operation.macs for operation in record.operations) / (1e6 * record.peaks.gflops_per_second)
    )
    threads = f"{record.threads} thread{'s' if record.threads != 1 else ''}"
    return (
        f"{name}: the parts sum to {record.covered:.0%} of the whole, {describe_milliseconds(whole_ms)} "
        f"(median of {len(record.whole_ms)}, {threads}); at the peaks this form would take "
        f"{describe_milliseconds(at_peaks)}; a perfect fusion — compute alone — "
        f"{describe_milliseconds(alone)}. Peaks: {describe_peaks(record.peaks)}.",
        *(f"{name}, cause {place}: {cause}." for place, cause in enumerate(record.causes, start=1)),
    )


def _on(records: Sequence[RooflineRecord]) -> str:
    machines = list(dict.fromkeys(describe_machine(record.environment) for record in records))
    return f" Machine: {'; '.join(machines)}." if machines else ""


def _rows(record: RooflineRecord, rows: int) -> Iterable[dict[str, object]]:
    """The longest, the rest summed, the sum of all, and the whole."""
    longest = sorted(record.operations, key=lambda operation: -operation.time_ms)
    # A row for the rest of one would be longer than that one.
    shown = longest if len(longest) <= rows + 1 else longest[:rows]
    rest = longest[len(shown) :]
    for operation in shown:
        yield _line(record, operation)
    if rest:
        yield {**_line(record, _sum(rest)), "operation": f"{len(rest)} further operations", "shape": None}
    yield {**_line(record, _sum(longest)), "operation": "all parts", "shape": None}
    yield {**_named(record), "operation": "whole", "shape": None, "time_ms": median(record.whole_ms)}


def _all(records: Iterable[RooflineRecord]) -> Iterable[tuple[RooflineRecord, OperationTime]]:
    return ((record, operation) for record in records for operation in record.operations)


def _sum(operations: Sequence[OperationTime]) -> OperationTime:
    """Several as one, bound by what most of their least time is bound by."""
    by_bound: dict[Bound, float] = {}
    for operation in operations:
        by_bound[operation.bound] = by_bound.get(operation.bound, 0.0) + operation.bound_ms
    return OperationTime(
        operation="sum",
        kind=operations[0].kind,
        shape="",
        calls=sum(operation.calls for operation in operations),
        macs=sum(operation.macs for operation in operations),
        bytes=sum(operation.bytes for operation in operations),
        time_ms=sum(operation.time_ms for operation in operations),
        bound=max(by_bound, key=lambda bound: by_bound[bound]),
        bound_ms=sum(by_bound.values()),
    )


def _named(record: RooflineRecord) -> dict[str, object]:
    return {
        ROW: Evidence(records=(record,)),
        "model": record.model.name,
        "title": record.model.title,
        "title_notes": join_notes(*record.caveats),
        "input": describe_input(record.model),
        "form": describe_form(record),
    }


def _line(record: RooflineRecord, operation: OperationTime) -> dict[str, object]:
    whole_ms = sum(each.time_ms for each in record.operations)
    macs = sum(each.macs for each in record.operations)
    seconds = operation.time_ms / 1e3
    return {
        **_named(record),
        "operation": operation.operation,
        "shape": operation.shape or None,
        "calls": operation.calls,
        "gmacs": operation.macs / 1e9 if operation.macs else None,
        "megabytes": operation.bytes / 1e6 if operation.bytes else None,
        "time_ms": operation.time_ms,
        "time_percent": 100 * operation.time_ms / whole_ms if whole_ms else None,
        "macs_percent": 100 * operation.macs / macs if operation.macs else None,
        "gflops_per_second": 2e-9 * operation.macs / seconds if operation.macs and seconds else None,
        "gigabytes_per_second": 1e-9 * operation.bytes / seconds if operation.bytes and seconds else None,
        "bound": operation.bound,
        "bound_ms": operation.bound_ms,
    }
