"""What a measurement leaves behind: typed records, one JSON line each, appended as they are made.

This module imports no torch: reports are made from records alone.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from epam.errors import InputError

SCHEMA_VERSION = 1

MINIMUM_SAMPLES_FOR_P90 = 64
"""Below this a 90th percentile is withheld (the bound that MLPerf's load generator uses)."""

Modality = Literal["rgb", "pose"]
Precision = Literal["fp32", "bf16", "fp16"]


class RecordError(InputError):
    """A record file that cannot be used; the message names file, line and fix."""


class _Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=())


class ModelCard(_Frozen):
    """Which model was measured, on which input, and under which published protocol.

    Attributes:
        inputs: shape of each input without the batch dimension, in the order of ``forward``.
        clips: temporal clips a video that the *published accuracy* averages over.
        crops: spatial crops a clip, likewise.
    """

    name: str
    title: str
    paper: str
    year: int
    modalities: tuple[Modality, ...]
    inputs: dict[str, tuple[int, ...]]
    clips: int
    crops: int
    num_classes: int
    parameters: int

    @property
    def views(self) -> int:
        """Forward passes a video behind the published accuracy."""
        return self.clips * self.crops


class Environment(_Frozen):
    """The machine and the software that a figure was measured with.

    Attributes:
        versions: of Python and of every library that touches the figure.
        git_commit: of this project's checkout; none when it is an installed wheel.
    """

    system: str
    processor: str
    physical_cores: int | None
    logical_cores: int | None
    memory_bytes: int
    accelerator: str | None
    versions: dict[str, str]
    git_commit: str | None
    git_dirty: bool | None


class _Record(_Frozen):
    schema_version: int = SCHEMA_VERSION
    created: datetime = Field(default_factory=lambda: datetime.now(UTC))
    model: ModelCard
    environment: Environment
    caveats: tuple[str, ...] = ()


class CountRecord(_Record):
    """Multiply-adds of one forward pass over one clip (one view), by one counter.

    Attributes:
        counter: ``torch``, ``fvcore`` or ``thop``.
        convention: what the counter counts, in words.
        macs: its total; one multiply-add is one MAC and two FLOPs.
        macs_by_operation: the same, split as the counter splits it.
        macs_by_module: the same, by the module's path; empty when not asked for.
        uncounted: operations that the counter met and has no rule for, with how often.
    """

    kind: Literal["count"] = "count"
    counter: str
    counter_version: str
    convention: str
    macs: int
    macs_by_operation: dict[str, int]
    macs_by_module: dict[str, int] = {}
    uncounted: dict[str, int] = {}

    @property
    def flops(self) -> int:
        """Two for every multiply-add."""
        return 2 * self.macs

    @property
    def macs_per_video(self) -> int:
        """MACs over all the views that the published accuracy used."""
        return self.macs * self.model.views


class LatencyRecord(_Record):
    """Raw times of one model's forward passes in one setting.

    Attributes:
        clock: how time was read: ``perf_counter`` or ``perf_counter, device synchronised``.
        samples_ms: one per timed call, a whole batch each, in the order they were taken.
        weights_bytes: parameters and buffers.
        peak_memory_bytes: what ``peak_memory_scope`` says, at its highest.
        load_average_before: one-minute load average when timing began, if the system tells.
        load_average_after: the same when it ended.
        others_cpu_fraction: share of the machine's processor time that other processes took
            meanwhile.
    """

    kind: Literal["latency"] = "latency"
    device: str
    precision: Precision
    batch_size: int
    backend: str = "eager"
    threads: int
    warmup_calls: int
    clock: str
    interleaved_with: tuple[str, ...] = ()
    samples_ms: tuple[float, ...] = Field(min_length=1)
    weights_bytes: int
    peak_memory_bytes: int | None
    peak_memory_scope: str
    load_average_before: float | None
    load_average_after: float | None
    others_cpu_fraction: float | None = None

    @property
    def median_ms(self) -> float:
        """Median time of one call (one batch)."""
        return median(self.samples_ms)

    @property
    def interquartile_range_ms(self) -> tuple[float, float]:
        """First and third quartile; both the one sample when there is only one."""
        if len(self.samples_ms) == 1:
            return self.samples_ms[0], self.samples_ms[0]
        first, _, third = quantiles(self.samples_ms, n=4, method="inclusive")
        return first, third

    @property
    def p90_ms(self) -> float | None:
        """90th percentile, withheld when there are too few samples to support it."""
        if len(self.samples_ms) < MINIMUM_SAMPLES_FOR_P90:
            return None
        return quantiles(self.samples_ms, n=10, method="inclusive")[-1]

    @property
    def clips_per_second(self) -> float:
        """Clips (views) per second at the median."""
        return 1000.0 * self.batch_size / self.median_ms


Record = Annotated[CountRecord | LatencyRecord, Field(discriminator="kind")]
_RECORD: TypeAdapter[CountRecord | LatencyRecord] = TypeAdapter(Record)


def append_record(path: Path, record: CountRecord | LatencyRecord) -> None:
    """Append one record and put it on the disk before returning.

    A line that an earlier, killed run left unfinished is closed first, so that it cannot
    swallow this one.

    Raises:
        RecordError: the file cannot be written.
    """
    line = record.model_dump_json() + "\n"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab+") as file:
            if file.tell() > 0:
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(line.encode())
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordError(
            f"{path}: cannot be written ({error.strerror}); name another with --records"
        ) from None


def read_records(path: Path) -> tuple[list[CountRecord | LatencyRecord], list[str]]:
    """Read a record file: the records, and a sentence for each unfinished line left out.

    Raises:
        RecordError: the file is missing, or a finished line is not one of our records.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise RecordError(
            f"{path}: no such record file; measure first (epam-bench flops, epam-bench latency, "
            "or epam-bench reproduce), or name one with --from"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: cannot be read as records ({error})") from None
    records: list[CountRecord | LatencyRecord] = []
    left_out: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            records.append(_RECORD.validate_json(line))
        except ValidationError as error:
            first = error.errors()[0]
            if first["type"] == "json_invalid":
                left_out.append(f"{path}, line {number}: unfinished (a run was killed); left out")
                continue
            field = ".".join(str(part) for part in first["loc"])
            raise RecordError(
                f"{path}, line {number}: field {field!r}: {first['msg']}; "
                f"this version reads schema {SCHEMA_VERSION}"
            ) from None
    return records, left_out


def latest_records(
    records: Iterable[CountRecord | LatencyRecord],
) -> list[CountRecord | LatencyRecord]:
    """Of records that measure the same thing in the same setting, the newest, in first-seen order."""
    newest: dict[tuple[object, ...], CountRecord | LatencyRecord] = {}
    for record in records:
        known = newest.get(_setting(record))
        if known is None or record.created >= known.created:
            newest[_setting(record)] = record
    return list(newest.values())


def _setting(record: CountRecord | LatencyRecord) -> tuple[object, ...]:
    model = (record.model.name, record.model.num_classes, tuple(record.model.inputs.items()))
    if isinstance(record, CountRecord):
        return (record.kind, *model, record.counter)
    return (
        record.kind,
        *model,
        record.device,
        record.precision,
        record.batch_size,
        record.backend,
        record.threads,
    )
