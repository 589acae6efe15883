"""The tables that a timing run fills, each only where it has something to say."""

from __future__ import annotations

from collections.abc import Iterable

from epam_bench.records import AnyRecord, CountRecord, LatencyRecord
from epam_reports.table import Table
from epam_reports.tables.best_backends import best_backends_table
from epam_reports.tables.latency import latency_table
from epam_reports.tables.memory import memory_table
from epam_reports.tables.networks import networks_table
from epam_reports.tables.speed import speed_table


def timing_tables(timed: Iterable[LatencyRecord], counts: Iterable[AnyRecord] = ()) -> tuple[Table, ...]:
    """Latency and memory; of several forms, speed; of several networks, how they stand to the first.

    Args:
        timed: what is told of, in the order in which it was asked for.
        counts: records among which the networks' multiply-adds are looked up.
    """
    latencies = list(timed)
    records: list[AnyRecord] = [*latencies, *(record for record in counts if isinstance(record, CountRecord))]
    cards = {(record.model.name, tuple(record.model.inputs.items())) for record in latencies}
    forms = {(record.backend, record.precision) for record in latencies}
    return (
        latency_table(latencies),
        *((speed_table(records),) if len(forms) > 1 else ()),
        *((networks_table(latencies),) if len(cards) > 1 else ()),
        *((best_backends_table(records),) if len(forms) > 1 and len(cards) > 1 else ()),
        memory_table(latencies),
    )
