"""Every operation of a forward pass by kind: what it multiplies, what it makes, and what it moves."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from epam_bench.records import CountRecord, LedgerEntry, OperationKind
from epam_reports.evidence import ROW, Evidence, evidence_of
from epam_reports.table import Column, Table, typed_frame

_FIGURES = {
    "calls": "Int64",
    "gmacs": "Float64",
    "macs_percent": "Float64",
    "elements_millions": "Float64",
    "read_megabytes": "Float64",
    "written_megabytes": "Float64",
    "weights_megabytes": "Float64",
    "macs_per_byte": "Float64",
}


def ledger_table(records: Iterable[CountRecord]) -> Table:
    """One row a model and kind of operation, the kinds in one order; operation by operation for machines.

    Counts without a ledger are passed over.
    """
    kept = [record for record in records if record.ledger]
    rows = [row for record in kept for row in _rows(record)]
    operations = [_operation(record, entry) for record in kept for entry in record.ledger]
    return Table(
        name="ledger",
        title="Operations by kind",
        caption=(
            "One view. Only convolutions, matrix products and attention multiply and add; elements are those "
            "of the results: what conventions that count norms or activations multiply. MB = 10⁶ bytes, each "
            "operand as often as an operation reads it; MACs a byte are over all that is read and written."
        ),
        frame=typed_frame(rows, {"model": "string", "kind": "string", **_FIGURES}),
        columns=(
            Column(key="model", header="Model"),
            Column(key="kind", header="Kind"),
            Column(key="calls", header="Calls"),
            Column(key="gmacs", header="GMACs", decimals=4, never_zero=True, absent="–"),
            Column(key="macs_percent", header="of MACs (%)", decimals=1, absent="–"),
            Column(key="elements_millions", header="Elements (M)", decimals=3, never_zero=True),
            Column(key="read_megabytes", header="Read (MB)", decimals=2, never_zero=True),
            Column(key="written_megabytes", header="Written (MB)", decimals=2, never_zero=True),
            Column(key="weights_megabytes", header="Weights (MB)", decimals=2, never_zero=True),
            Column(key="macs_per_byte", header="MACs a byte", decimals=1, absent="–"),
        ),
        remarks=() if kept else ("No counter that was asked keeps a ledger: ask consensus.",),
        details={
            "operations": typed_frame(
                operations, {"model": "string", "kind": "string", "operation": "string", **_FIGURES}
            )
        },
        evidence=evidence_of(rows),
    )


def _rows(record: CountRecord) -> Iterable[dict[str, object]]:
    for kind in OperationKind:
        entries = [entry for entry in record.ledger if entry.kind is kind]
        if entries:
            figures = _figures(record, entries)
            yield {
                "model": record.model.name,
                "kind": kind.value,
                ROW: Evidence(records=(record,)),
                **figures,
            }


def _operation(record: CountRecord, entry: LedgerEntry) -> dict[str, object]:
    figures = _figures(record, [entry])
    return {
        "model": record.model.name,
        "kind": entry.kind.value,
        "operation": entry.operation,
        **figures,
    }


def _figures(record: CountRecord, entries: Sequence[LedgerEntry]) -> dict[str, object]:
    macs = sum(entry.macs for entry in entries)
    moved = sum(entry.bytes_read + entry.bytes_written + entry.weight_bytes for entry in entries)
    return {
        "calls": sum(entry.calls for entry in entries),
        "gmacs": macs / 1e9 if macs else None,
        "macs_percent": 100 * macs / record.macs if macs and record.macs else None,
        "elements_millions": sum(entry.elements for entry in entries) / 1e6,
        "read_megabytes": sum(entry.bytes_read for entry in entries) / 1e6,
        "written_megabytes": sum(entry.bytes_written for entry in entries) / 1e6,
        "weights_megabytes": sum(entry.weight_bytes for entry in entries) / 1e6,
        "macs_per_byte": macs / moved if macs and moved else None,
    }
