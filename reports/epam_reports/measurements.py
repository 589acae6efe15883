"""Sorts records by what was measured: one entry a model and input, its counts and its latencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from epam_bench.records import CountRecord, LatencyRecord, ModelCard, latest_records

COUNTERS = ("torch", "fvcore", "thop")
"""Order of preference where one number must stand for a model's cost: torch's counts
convolutions and matrix products alone, the convention with the fewest choices in it."""

COMPLETENESS_SLACK = 0.01
"""How far below convolutions and matrix products alone a count may be before it is incomplete."""


class Setting(NamedTuple):
    """What must be equal for two latencies to be comparable (the machine apart)."""

    device: str
    precision: str
    batch_size: int
    backend: str
    threads: int

    @property
    def sentence(self) -> str:
        """The setting as a table's caption says it."""
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''}"
        return f"{self.device}, {self.precision}, batch {self.batch_size}, {threads}, {self.backend}"


@dataclass(frozen=True)
class Measured:
    """All that the records tell of one model on one input with one number of classes."""

    card: ModelCard
    counts: Mapping[str, CountRecord]
    latencies: tuple[LatencyRecord, ...]

    @property
    def preferred_count(self) -> CountRecord | None:
        """The count that stands for the model where there is room for one; none if nothing was counted."""
        return next(iter(self.usable_counts), None)

    @property
    def usable_counts(self) -> list[CountRecord]:
        """Counts above zero, the preferred counter's first; a zero is a counter that failed."""
        rank = {counter: position for position, counter in enumerate(COUNTERS)}
        usable = [record for record in self.counts.values() if record.macs > 0]
        return sorted(usable, key=lambda record: (rank.get(record.counter, len(rank)), record.counter))

    @property
    def incomplete_counts(self) -> list[CountRecord]:
        """Counts below the preferred one, whose convention is the least: they missed operations."""
        floor = (1 - COMPLETENESS_SLACK) * max((record.macs for record in self.usable_counts[:1]), default=0)
        return [record for record in self.usable_counts if record.macs < floor]

    @property
    def complete_counts(self) -> list[CountRecord]:
        """Counts that a claim may be judged by, the preferred counter's first."""
        incomplete = self.incomplete_counts
        return [record for record in self.usable_counts if record not in incomplete]

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Shape of each input stream, sorted, to be compared with a published number's."""
        return tuple(sorted(self.card.inputs.values()))

    def latency_in(self, setting: Setting | None) -> LatencyRecord | None:
        """The latency measured in that setting, if any."""
        return next((record for record in self.latencies if setting_of(record) == setting), None)


def gather(records: Iterable[CountRecord | LatencyRecord]) -> tuple[Measured, ...]:
    """Group records by model, input and class count, the newest of each setting, first seen first."""
    groups: dict[tuple[object, ...], list[CountRecord | LatencyRecord]] = {}
    for record in latest_records(records):
        card = record.model
        groups.setdefault((card.name, tuple(card.inputs.items()), card.num_classes), []).append(record)
    return tuple(_measured(group) for group in groups.values())


def setting_of(record: LatencyRecord) -> Setting:
    """The setting that a latency was measured in."""
    return Setting(record.device, record.precision, record.batch_size, record.backend, record.threads)


def most_common_setting(measured: Iterable[Measured]) -> Setting | None:
    """The setting that most models were timed in, the first seen of equals; none without latencies."""
    seen = Counter(setting_of(record) for entry in measured for record in entry.latencies)
    return seen.most_common(1)[0][0] if seen else None


def describe_input(card: ModelCard) -> str:
    """The input as a table prints it: ``rgb 3×16×224×224 + heatmaps 17×48×56×56``."""
    return " + ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in card.inputs.items())


def cite(record: CountRecord | LatencyRecord) -> str:
    """What leads from a table's cell back to its record."""
    tool = record.counter if isinstance(record, CountRecord) else record.clock
    commit = (record.environment.git_commit or "unknown commit")[:12]
    return f"{record.kind} record ({tool}), {record.created:%Y-%m-%d %H:%M:%S} UTC, {commit}"


def _measured(group: list[CountRecord | LatencyRecord]) -> Measured:
    return Measured(
        card=max(group, key=lambda record: record.created).model,
        counts={record.counter: record for record in group if isinstance(record, CountRecord)},
        latencies=tuple(record for record in group if isinstance(record, LatencyRecord)),
    )
