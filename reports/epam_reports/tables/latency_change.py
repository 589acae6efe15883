"""Two record files' latencies side by side: what got slower or faster, and what cannot be told."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from epam_bench.paired_timing import TimingComparison, are_interleaved, compare_records
from epam_bench.records import LatencyRecord
from epam_reports.evidence import Evidence, evidence_of, traced
from epam_reports.measurements import describe_form, describe_input, describe_machine
from epam_reports.setting_columns import input_columns
from epam_reports.table import Column, Table, join_notes, typed_frame

MOST_NAMED = 5
"""Latencies of one file alone that are named; the others are counted."""

_DTYPES = {
    "model": "string",
    "form": "string",
    "setting": "string",
    "input": "string",
    "old_ms": "Float64",
    "new_ms": "Float64",
    "ratio": "Float64",
    "ratio_low": "Float64",
    "ratio_high": "Float64",
    "verdict": "string",
    "smallest_detectable_percent": "Float64",
    "processes": "Int64",
    "notes": "string",
    "comparison_origin": "string",
    "comparison_source": "string",
}


@dataclass(frozen=True, kw_only=True)
class LatencyChange:
    """One model in one setting, of both files."""

    old: LatencyRecord
    new: LatencyRecord
    comparison: TimingComparison

    def is_slower_by(self, fraction: float) -> bool:
        """Whether the whole interval is above 1 + ``fraction``."""
        return self.comparison.interval[0] > 1 + fraction


@dataclass(frozen=True)
class LatencyChanges:
    """What two files have in common, and what only one of them has."""

    changes: tuple[LatencyChange, ...]
    only_old: tuple[LatencyRecord, ...]
    only_new: tuple[LatencyRecord, ...]


def pair_latencies(old: Iterable[LatencyRecord], new: Iterable[LatencyRecord]) -> LatencyChanges:
    """Compare latencies of the same model, input and setting; of several in a file, the newest finished one.

    The machine may be another: :func:`describe_machines` says so.
    """
    before, after = _newest_by_setting(old), _newest_by_setting(new)
    return LatencyChanges(
        tuple(
            LatencyChange(old=record, new=after[key], comparison=compare_records(record, after[key]))
            for key, record in before.items()
            if key in after
        ),
        tuple(record for key, record in before.items() if key not in after),
        tuple(record for key, record in after.items() if key not in before),
    )


def latency_change_table(changes: LatencyChanges) -> Table:
    """One row a model and setting that both files have; below it, what else must be known."""
    rows = [_row(change) for change in changes.changes]
    return Table(
        name="latency_change",
        title="Latency, new against old",
        caption=(
            "Medians of one call. Ratio: new over old time with its 95 % interval, above 1 the new one is "
            "slower; same: the whole interval is within 2 % of 1. Smallest difference: what four of five "
            "such comparisons would have found."
        ),
        frame=typed_frame(rows, _DTYPES),
        columns=(
            Column(key="model", header="Model"),
            Column(key="form", header="Form"),
            Column(key="setting", header="Setting"),
            *input_columns(rows, model="model"),
            Column(key="old_ms", header="Old (ms)", decimals=2, never_zero=True),
            Column(key="new_ms", header="New (ms)", decimals=2, never_zero=True),
            Column(
                key="ratio",
                header="New / old",
                decimals=3,
                interval=("ratio_low", "ratio_high"),
                notes="notes",
                evidence="comparison",
            ),
            Column(key="verdict", header="New is", evidence="comparison"),
            Column(
                key="smallest_detectable_percent",
                header="Smallest difference (%)",
                decimals=1,
                absent="unknown",
                evidence="comparison",
            ),
        ),
        remarks=(
            *describe_machines(changes.changes),
            *describe_versions(changes.changes),
            *_describe_alone("the old file", changes.only_old),
            *_describe_alone("the new file", changes.only_new),
        ),
        evidence=evidence_of(rows),
    )


def describe_machines(changes: Sequence[LatencyChange]) -> tuple[str, ...]:
    """A sentence for each change of machine: that alone may be all that got slower or faster."""
    pairs = [
        (describe_machine(change.old.environment), describe_machine(change.new.environment))
        for change in changes
    ]
    return tuple(f"Another machine: {old}, then {new}." for old, new in dict.fromkeys(pairs) if old != new)


def describe_versions(changes: Sequence[LatencyChange]) -> tuple[str, ...]:
    """A sentence for each library of another version."""
    sentences: dict[str, None] = {}
    for change in changes:
        old, new = change.old.environment.versions, change.new.environment.versions
        for name in sorted(old.keys() | new.keys()):
            versions = old.get(name, "none"), new.get(name, "none")
            if versions[0] != versions[1]:
                sentences[f"Another {name}: {versions[0]}, then {versions[1]}."] = None
    return tuple(sentences)


def _row(change: LatencyChange) -> dict[str, object]:
    found, old, new = change.comparison, change.old, change.new
    low, high = found.interval if math.isfinite(found.interval[1]) else (None, None)
    least = found.smallest_detectable
    card = new.model
    together = "turn by turn" if are_interleaved(old, new) else "of the medians, as independent runs"
    evidence = Evidence(records=(old, new), working=f"new time / old time, {together}")
    return {
        **traced("comparison", evidence),
        "model": card.title,
        "form": describe_form(new),
        "setting": _describe_setting(new),
        "input": describe_input(card),
        "old_ms": old.median_ms,
        "new_ms": new.median_ms,
        "ratio": found.ratio,
        "ratio_low": low,
        "ratio_high": high,
        "verdict": found.verdict,
        "smallest_detectable_percent": 100 * least if math.isfinite(least) else None,
        "processes": found.processes,
        "notes": join_notes(
            None if found.processes > 1 else "no interval from one process; measure both anew",
            None if old is not new and old != new else "the same record in both files",
            *(f"old: {caveat}" for caveat in old.caveats),
            *(f"new: {caveat}" for caveat in new.caveats),
        ),
    }


def _describe_setting(record: LatencyRecord) -> str:
    threads = f"{record.threads} thread{'s' if record.threads != 1 else ''}"
    caches = "caches emptied" if record.l2_cold else ""
    told = (record.device, record.precision, f"batch {record.batch_size}", threads, caches)
    return ", ".join(filter(None, told))


def _describe_alone(where: str, records: Sequence[LatencyRecord]) -> tuple[str, ...]:
    if not records:
        return ()
    named = [f"{describe_form(record)} ({_describe_setting(record)})" for record in records[:MOST_NAMED]]
    more = len(records) - len(named)
    return (f"Only in {where}: {'; '.join(named)}" + (f"; and {more} more." if more else "."),)


def _newest_by_setting(records: Iterable[LatencyRecord]) -> dict[tuple[object, ...], LatencyRecord]:
    newest: dict[tuple[object, ...], LatencyRecord] = {}
    for record in records:
        card = record.model
        key = (
            *(card.name, card.num_classes, tuple(card.inputs.items())),
            *(record.device, record.precision, record.batch_size, record.backend, record.threads),
            *(record.task, record.l2_cold),
        )
        known = newest.get(key)
        if known is None or _rank(record) >= _rank(known):
            newest[key] = record
    return newest


def _rank(record: LatencyRecord) -> tuple[object, ...]:
    return record.is_finished, record.created
