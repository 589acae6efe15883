"""Sorts records by what was measured: one entry a model and input, its counts and its latencies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from epam_bench.records import (
    AblationTrial,
    AccuracyRecord,
    AnyRecord,
    CountRecord,
    Environment,
    LatencyRecord,
    ModelCard,
    PipelineRecord,
    RecordT,
    RooflineRecord,
    latest_records,
)

COUNTERS = ("consensus", "torch", "fvcore", "thop")
"""Order of preference where one number must stand for a model's cost. Ours and torch's count
convolutions, matrix products and attention alone, the convention with the fewest choices in it;
torch's misses fused attention on a CPU, which ours counts."""

COMPLETENESS_SLACK = 0.01
"""How far below convolutions and matrix products alone a count may be before it is incomplete."""

APART = "timed in another run, not interleaved with the other models"
"""What is said of a latency that did not meet the same noise as those beside it."""


PLAIN_BACKEND, INFERENCE = "eager", "inference"
"""A network as it was trained, doing what it was trained for: what stands where one latency has to."""

CACHES_EMPTIED = "caches emptied before every call"


class Setting(NamedTuple):
    """What must be equal for two latencies to be comparable."""

    device: str
    precision: str
    batch_size: int
    backend: str
    threads: int
    machine: str
    task: str = "inference"
    l2_cold: bool = False

    @property
    def sentence(self) -> str:
        """The setting as a table's caption says it."""
        return self._in_words(self.precision, self.backend)

    @property
    def conditions(self) -> str:
        """The same without backend and precision, which may be compared with others of one run."""
        return self._in_words("", "")

    def _in_words(self, precision: str, backend: str) -> str:
        threads = f"{self.threads} thread{'s' if self.threads != 1 else ''}"
        task = f"{self.task} steps" if self.task != INFERENCE else ""
        caches = CACHES_EMPTIED if self.l2_cold else ""
        how = (self.device, precision, f"batch {self.batch_size}", threads, backend, task, caches)
        return f"{', '.join(filter(None, how))}, on {self.machine}"


@dataclass(frozen=True)
class Measured:
    """All that the records tell of one model on one input with one number of classes.

    Attributes:
        suffix: tells it from the same model and input with another class count; mostly empty.
    """

    card: ModelCard
    counts: Mapping[str, CountRecord]
    latencies: tuple[LatencyRecord, ...]
    suffix: str = ""

    @property
    def title(self) -> str:
        """The model as a row or a point is headed: ``EPAM-Net``, or ``EPAM-Net (120 classes)``."""
        return self.card.title + self.suffix

    @property
    def name(self) -> str:
        """The catalogue's name, likewise."""
        return self.card.name + self.suffix

    @property
    def latest(self) -> CountRecord | LatencyRecord:
        """The newest of its records, whose card is the entry's."""
        records: list[CountRecord | LatencyRecord] = [*self.counts.values(), *self.latencies]
        return max(records, key=lambda record: record.created)

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
        """Counts below the preferred one, whose convention is the least: they missed operations.

        Without one of ours it is torch's, which itself may have missed attention.
        """
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


def newest(records: Iterable[AnyRecord], kind: type[RecordT]) -> list[RecordT]:
    """The records of one kind, of each setting the newest, first seen first."""
    return latest_records(record for record in records if isinstance(record, kind))


def gather(records: Iterable[AnyRecord]) -> tuple[Measured, ...]:
    """Group counts and latencies by model, input and class count, newest of each setting, first seen first.

    Records of other kinds are passed over.
    """
    costs = [record for record in records if isinstance(record, CountRecord | LatencyRecord)]
    groups: dict[tuple[object, ...], list[CountRecord | LatencyRecord]] = {}
    for record in latest_records(costs):
        card = record.model
        groups.setdefault((card.name, tuple(card.inputs.items()), card.num_classes), []).append(record)
    return _told_apart([_measured(group) for group in groups.values()])


def main_entries(measured: Iterable[Measured]) -> tuple[Measured, ...]:
    """Of a model on several inputs, those that were timed; else those that most counters counted.

    Judging claims counts a model on every input that anyone published a number at; these counts are
    what costs are made from, but they are no rows of their own.
    """
    known = list(measured)
    best: dict[str, tuple[bool, int]] = {}
    for entry in known:
        best[entry.card.name] = max(best.get(entry.card.name, (False, 0)), _weight(entry))
    return tuple(entry for entry in known if _weight(entry) == best[entry.card.name])


def _weight(entry: Measured) -> tuple[bool, int]:
    return (True, 0) if entry.latencies else (False, len(entry.counts))


def setting_of(record: LatencyRecord) -> Setting:
    """The setting that a latency was measured in."""
    return Setting(
        device=record.device,
        precision=record.precision,
        batch_size=record.batch_size,
        backend=record.backend,
        threads=record.threads,
        machine=describe_machine(record.environment),
        task=record.task,
        l2_cold=record.l2_cold,
    )


def describe_machine(environment: Environment) -> str:
    """What latencies must share to be of one machine: ``AMD EPYC (4 logical cores) + NVIDIA H200``."""
    cores = environment.logical_cores or "?"
    processor = f"{environment.processor or 'unknown processor'} ({cores} logical cores)"
    return " + ".join(part for part in (processor, environment.accelerator) if part)


def most_common_setting(measured: Iterable[Measured]) -> Setting | None:
    """The setting that most models were timed in, the newest of equals; none without latencies.

    Networks as they were trained come before optimised ones, inference before training: a run of
    several backends must not change which of them stands for a model.
    """
    times: dict[Setting, list[datetime]] = {}
    for entry in measured:
        for record in entry.latencies:
            times.setdefault(setting_of(record), []).append(record.created)
    return max(times, key=lambda setting: (*_plainness(setting, times), max(times[setting])), default=None)


def _plainness(setting: Setting, times: Mapping[Setting, Sequence[datetime]]) -> tuple[object, ...]:
    """Larger for the plainer setting: one run times many in the same moment, so dates do not decide."""
    kind = (setting.task == INFERENCE, not setting.l2_cold, setting.backend == PLAIN_BACKEND)
    return *kind, len(times[setting]), setting.precision == "fp32", -setting.batch_size


def main_runs(measured: Iterable[Measured]) -> dict[Setting, str]:
    """The interleaved run that most models of each setting were timed in, the newest of equals.

    A record without a run's name belongs to none; a setting with only such records is left out,
    for nothing is known of what was interleaved with what.
    """
    times: dict[Setting, dict[str, list[datetime]]] = {}
    for entry in measured:
        for record in entry.latencies:
            if record.run:
                times.setdefault(setting_of(record), {}).setdefault(record.run, []).append(record.created)
    return {
        setting: max(runs, key=lambda run: (len(runs[run]), max(runs[run])))
        for setting, runs in times.items()
    }


def is_apart(record: LatencyRecord, runs: Mapping[Setting, str]) -> bool:
    """Whether a latency is of another run than most others of its setting (:func:`main_runs`)."""
    return record.run != runs.get(setting_of(record), record.run)


def describe_form(record: LatencyRecord) -> str:
    """The model by name, with what sets its row apart from an eager one: ``epam_net (openvino, int8)``."""
    parts = (
        record.backend if record.backend != PLAIN_BACKEND else "",
        record.precision if record.precision != "fp32" else "",
        record.task if record.task != INFERENCE else "",
    )
    told = ", ".join(filter(None, parts))
    return f"{record.model.name} ({told})" if told else record.model.name


def describe_input(card: ModelCard) -> str:
    """The input as a table prints it: ``rgb 3×16×224×224 + heatmaps 17×48×56×56``."""
    return " + ".join(f"{name} {'×'.join(map(str, shape))}" for name, shape in card.inputs.items())


def cite(record: AnyRecord) -> str:
    """What leads from a table's cell back to its record."""
    known = record.environment.git_commit
    commit = known[:12] if known else "unknown commit"
    return f"{record.kind} record ({_tool(record)}), {record.created:%Y-%m-%d %H:%M:%S} UTC, {commit}"


def _tool(record: AnyRecord) -> str:
    """What made the figure, as far as two records of a kind differ in it."""
    match record:
        case CountRecord():
            return record.counter
        case LatencyRecord():
            how = () if record.backend == PLAIN_BACKEND else (record.backend, record.precision)
            return ", ".join((*how, record.clock))
        case AccuracyRecord():
            backend = "" if record.backend == PLAIN_BACKEND else f"{record.backend}, "
            return f"{backend}{record.device}, {record.precision}"
        case AblationTrial():
            return f"{record.variant}, {record.recipe}, seed {record.seed}"
        case RooflineRecord() | PipelineRecord():
            return f"{record.backend}, {record.device}, {record.precision}"


def _told_apart(measured: list[Measured]) -> tuple[Measured, ...]:
    """Name the class count of a model that occurs with several on the same input."""
    seen = Counter((entry.card.name, tuple(entry.card.inputs.items())) for entry in measured)
    return tuple(
        replace(entry, suffix=f" ({entry.card.num_classes} classes)")
        if seen[entry.card.name, tuple(entry.card.inputs.items())] > 1
        else entry
        for entry in measured
    )


def _measured(group: list[CountRecord | LatencyRecord]) -> Measured:
    return Measured(
        card=max(group, key=lambda record: record.created).model,
        counts={record.counter: record for record in group if isinstance(record, CountRecord)},
        latencies=tuple(record for record in group if isinstance(record, LatencyRecord)),
    )
