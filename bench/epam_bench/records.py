"""What a measurement leaves behind: typed records, one JSON line each, appended as they are made.

This module imports no torch: reports are made from records alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Literal

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
)

from epam.errors import InputError

SCHEMA_VERSION: Literal[1] = 1

LINE_START = '{"schema_version":'
"""How every line begins: what tells one that a killed run cut short from a foreign one."""

MINIMUM_SAMPLES_FOR_P90 = 64
"""Below this a 90th percentile is withheld (the bound that MLPerf's load generator uses)."""

Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Load = Annotated[float, Field(ge=0, allow_inf_nan=False)]

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
    inputs: dict[str, tuple[PositiveInt, ...]]
    clips: PositiveInt
    crops: PositiveInt
    num_classes: PositiveInt
    parameters: NonNegativeInt

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
    physical_cores: PositiveInt | None
    logical_cores: PositiveInt | None
    memory_bytes: PositiveInt
    accelerator: str | None
    versions: dict[str, str]
    git_commit: str | None
    git_dirty: bool | None


class _Record(_Frozen):
    schema_version: Literal[1] = SCHEMA_VERSION
    created: AwareDatetime = Field(default_factory=lambda: datetime.now(UTC))
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
    macs: NonNegativeInt
    macs_by_operation: dict[str, NonNegativeInt]
    macs_by_module: dict[str, NonNegativeInt] = {}
    uncounted: dict[str, NonNegativeInt] = {}

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
        run: name of the interleaved run; only records of one run met the same noise.
        interleaved_with: the other models of that run.
        interrupted: the user stopped the run before all its samples were taken.
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
    batch_size: PositiveInt
    backend: str = "eager"
    threads: PositiveInt
    warmup_calls: PositiveInt
    clock: str
    run: str = ""
    interleaved_with: tuple[str, ...] = ()
    interrupted: bool = False
    samples_ms: tuple[Milliseconds, ...] = Field(min_length=1)
    weights_bytes: NonNegativeInt
    peak_memory_bytes: NonNegativeInt | None
    peak_memory_scope: str
    load_average_before: Load | None
    load_average_after: Load | None
    others_cpu_fraction: Fraction | None = None

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


def check_writable(path: Path) -> None:
    """Raise RecordError unless records can be appended to a file: asked before anything is measured."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.open("ab").close()
    except OSError as error:
        raise RecordError(f"{path}: cannot be written ({error.strerror}); name another place") from None


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
            if not _is_cut_short(line):
                raise RecordError(f"{path}, line {number}: {_describe(error)}") from None
            left_out.append(f"{path}, line {number}: unfinished (a run was killed); left out")
    if not records:
        raise RecordError(f"{path}: holds no record; measure first, for example with epam-bench flops")
    return records, left_out


def _is_cut_short(line: str) -> bool:
    """Whether a line is the beginning of a record rather than something else."""
    try:
        json.loads(line)
    except json.JSONDecodeError:
        return line.startswith(LINE_START) or LINE_START.startswith(line)
    return False


def _describe(error: ValidationError) -> str:
    first = error.errors()[0]
    if first["type"] == "json_invalid":
        return "not a record; is this a file that epam-bench wrote?"
    field = ".".join(str(part) for part in first["loc"]) or "the whole line"
    return f"field {field!r}: {first['msg']}; this version reads schema {SCHEMA_VERSION}"


def latest_records(
    records: Iterable[CountRecord | LatencyRecord],
) -> list[CountRecord | LatencyRecord]:
    """Of records that measure the same thing in the same setting, the newest, in first-seen order.

    A run that was stopped half-way does not replace one that was finished.
    """
    best: dict[tuple[object, ...], CountRecord | LatencyRecord] = {}
    for record in records:
        known = best.get(_setting(record))
        if known is None or _rank(record) >= _rank(known):
            best[_setting(record)] = record
    return list(best.values())


def _rank(record: CountRecord | LatencyRecord) -> tuple[bool, datetime]:
    finished = isinstance(record, CountRecord) or not record.interrupted
    return finished, record.created


def _setting(record: CountRecord | LatencyRecord) -> tuple[object, ...]:
    model = (record.model.name, record.model.num_classes, tuple(record.model.inputs.items()))
    if isinstance(record, CountRecord):
        return (record.kind, *model, record.counter)
    machine = (record.environment.processor, record.environment.logical_cores, record.environment.accelerator)
    how = (record.device, record.precision, record.batch_size, record.backend, record.threads)
    return (record.kind, *model, *machine, *how)
