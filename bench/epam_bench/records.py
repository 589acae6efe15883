"""What a measurement leaves behind: typed records, one JSON line each, appended as they are made.

This module imports no torch: reports are made from records alone.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from statistics import median, quantiles
from typing import Annotated, Literal, Self, TypeVar

from pydantic import (
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    NonNegativeInt,
    PositiveInt,
    TypeAdapter,
    ValidationError,
    model_validator,
)

from epam.errors import InputError

SCHEMA_VERSION: Literal[1] = 1

LINE_START = '{"schema_version":'
"""How every line begins: what tells one that a killed run cut short from a foreign one."""

MINIMUM_SAMPLES_FOR_P90 = 64
"""Below this a 90th percentile is withheld (the bound that MLPerf's load generator uses)."""

MINIMUM_SAMPLES_FOR_P99 = 662
"""Likewise for a 99th."""

Milliseconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Fraction = Annotated[float, Field(ge=0, le=1, allow_inf_nan=False)]
Load = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Sha256 = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

Modality = Literal["rgb", "pose"]
Precision = Literal["fp32", "bf16", "fp16", "int8"]
Task = Literal["inference", "training"]
Bound = Literal["compute", "bandwidth", "launch"]
Stream = Literal["fused", "rgb", "pose"]
SkipReason = Literal["missing video", "damaged video", "malformed sample", "no person in the clip"]


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
        head_parameters: of ``parameters``, those of the parts that only turn features into logits;
            none where it is not known which these are.
        frame_interval: frames of the video from one of a clip's to the next; none where the clip is
            spread over the whole video.
        notes: sentences that a row of this model must be read with.
    """

    name: str
    title: str
    paper: str
    year: int | None
    modalities: tuple[Modality, ...]
    inputs: dict[str, tuple[PositiveInt, ...]]
    clips: PositiveInt
    crops: PositiveInt
    num_classes: PositiveInt
    parameters: NonNegativeInt
    head_parameters: NonNegativeInt | None = None
    frame_interval: PositiveInt | None = None
    notes: tuple[str, ...] = ()

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


class OperationKind(StrEnum):
    """What an operation does; only the first three multiply and add."""

    CONVOLUTION = "convolution"
    MATRIX_PRODUCT = "matrix product"
    ATTENTION = "attention"
    NORMALISATION = "normalisation"
    ACTIVATION = "activation"
    POOLING = "pooling"
    INTERPOLATION = "interpolation"
    ELEMENTWISE = "elementwise"
    REDUCTION = "reduction"
    DATA_MOVEMENT = "data movement"
    OTHER = "other"


class LedgerEntry(_Frozen):
    """All calls of one operation in one forward pass.

    Attributes:
        operation: as PyTorch dispatches it, without ``aten.``.
        macs: multiply-adds; none outside convolutions, matrix products and attention.
        elements: of the results: what conventions that count norms or activations multiply.
        bytes_read: of the operands that are no weights, each as often as it is read.
        bytes_written: of the results.
        weight_bytes: of parameters and buffers, each as often as it is read.
    """

    operation: str
    kind: OperationKind
    calls: PositiveInt
    macs: NonNegativeInt
    elements: NonNegativeInt
    bytes_read: NonNegativeInt
    bytes_written: NonNegativeInt
    weight_bytes: NonNegativeInt


class CountRecord(_Record):
    """Multiply-adds of one forward pass over one clip (one view), by one counter.

    Attributes:
        counter: ``consensus``, ``torch``, ``fvcore`` or ``thop``.
        convention: what the counter counts, in words.
        macs: its total; one multiply-add is one MAC and two FLOPs.
        macs_by_operation: the same, split as the counter splits it.
        macs_by_module: the same, by the module's path; empty when not asked for.
        uncounted: operations that the counter met and has no rule for, with how often.
        ledger: every operation with what it computes and moves; empty for counters that keep none.
        disagreements: where the counter's two accounts of the same call differ, with both numbers.
    """

    kind: Literal["count"] = "count"
    counter: str
    counter_version: str
    convention: str
    macs: NonNegativeInt
    macs_by_operation: dict[str, NonNegativeInt]
    macs_by_module: dict[str, NonNegativeInt] = {}
    uncounted: dict[str, NonNegativeInt] = {}
    ledger: tuple[LedgerEntry, ...] = ()
    disagreements: tuple[str, ...] = ()

    @property
    def flops(self) -> int:
        """Two for every multiply-add."""
        return 2 * self.macs

    @property
    def macs_per_video(self) -> int:
        """MACs over all the views that the published accuracy used."""
        return self.macs * self.model.views


class SampleBlock(_Frozen):
    """Consecutive samples that one process took without another model's turn between them.

    Attributes:
        process: number of the processes that took turns together, one a model: those of a generation
            or, where memory did not hold them all, of a group of it.
        round: number of the turn within the generation; blocks of two models with the same process
            and round are next to each other in time, and met the same noise.
        samples: how many.
    """

    process: NonNegativeInt
    round: NonNegativeInt
    samples: PositiveInt


class EqualityCheck(_Frozen):
    """How near the timed form's logits are to a reference's, on the same inputs.

    Attributes:
        reference: what they were compared with, in words.
        clips: how many clips.
        relative_error: largest difference of a logit over the reference's largest logit.
        bound: what that may be, by precision; a form beyond it is not timed.
        top1_agreement: share of the clips whose best class is the same.
    """

    reference: str
    clips: PositiveInt
    relative_error: Annotated[float, Field(ge=0, allow_inf_nan=False)]
    bound: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    top1_agreement: Fraction


class DeviceState(_Frozen):
    """What the machine tells of its clocks when asked; none where it does not tell.

    Attributes:
        clock_mhz: of the processor's cores on average, or of the GPU's multiprocessors.
        temperature_celsius: of the processor or GPU.
        throttled: why its clock is held down, in words; empty when it is not.
    """

    clock_mhz: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    temperature_celsius: Annotated[float, Field(allow_inf_nan=False)] | None = None
    throttled: str | None = None


class LatencyRecord(_Record):
    """Raw times of one model's forward passes in one setting.

    Attributes:
        task: ``inference``: a forward pass; ``training``: a step, forward, backward and update.
        backend: what ran the network, and ``backend_notes`` what it says of that.
        equality: how near its logits are to a reference's; none in records of before backends.
        blocks: where the samples' borders between turns are, in the order of ``samples_ms``; empty in
            records of before there were turns.
        preparation_seconds: what building, optimising and compiling took, apart from running.
        first_call_ms: of the process, before any warm-up.
        l2_cold: whether caches were emptied before every call.
        peak_activation_bytes: the most that a call adds to the weights while it runs.
        reserved_bytes: what the device's allocator held at its highest; CUDA only.
        process_bytes: resident memory of the whole process at its highest, libraries and all.
        device_before: clocks and temperature when timing began, and ``device_after`` when it ended.
        clock: how time was read: ``perf_counter``, the same or ``CUDA events`` with ``device synchronised``.
        run: name of the interleaved run; only records of one run met the same noise.
        interleaved_with: the other models of that run.
        span_seconds: from its first turn to its last; none in records of before that was kept. On a
            machine whose speed wanders, what a short span gives is the time of a moment.
        interrupted: the user stopped the run before all its samples were taken.
        failed: it failed in the course of the run, and its samples are those of before.
        samples_ms: one per timed call, a whole batch each, in the order they were taken.
        weights_bytes: parameters and buffers.
        peak_memory_bytes: what ``peak_memory_scope`` says, at its highest.
        load_average_before: one-minute load average when timing began, if the system tells.
        load_average_after: the same when it ended.
        others_cpu_fraction: share of the machine's processor time that other processes took
            meanwhile.
    """

    kind: Literal["latency"] = "latency"
    task: Task = "inference"
    device: str
    precision: Precision
    batch_size: PositiveInt
    backend: str = "eager"
    backend_notes: tuple[str, ...] = ()
    equality: EqualityCheck | None = None
    blocks: tuple[SampleBlock, ...] = ()
    preparation_seconds: Seconds | None = None
    first_call_ms: Milliseconds | None = None
    l2_cold: bool = False
    peak_activation_bytes: NonNegativeInt | None = None
    reserved_bytes: NonNegativeInt | None = None
    process_bytes: NonNegativeInt | None = None
    device_before: DeviceState | None = None
    device_after: DeviceState | None = None
    threads: PositiveInt
    warmup_calls: PositiveInt
    clock: str
    run: str = ""
    interleaved_with: tuple[str, ...] = ()
    span_seconds: Seconds | None = None
    interrupted: bool = False
    failed: bool = False
    samples_ms: tuple[Milliseconds, ...] = Field(min_length=1)
    weights_bytes: NonNegativeInt
    peak_memory_bytes: NonNegativeInt | None
    peak_memory_scope: str
    load_average_before: Load | None
    load_average_after: Load | None
    others_cpu_fraction: Fraction | None = None

    @property
    def is_finished(self) -> bool:
        """Whether it has all the samples that it was to have."""
        return not (self.interrupted or self.failed)

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
    def p99_ms(self) -> float | None:
        """99th percentile, withheld likewise."""
        if len(self.samples_ms) < MINIMUM_SAMPLES_FOR_P99:
            return None
        return quantiles(self.samples_ms, n=100, method="inclusive")[-1]

    @property
    def clips_per_second(self) -> float:
        """Clips (views) per second at the median."""
        return 1000.0 * self.batch_size / self.median_ms

    @property
    def samples_by_block(self) -> dict[tuple[int, int], tuple[float, ...]]:
        """The samples of each turn, by (process, round)."""
        parts: dict[tuple[int, int], tuple[float, ...]] = {}
        start = 0
        for block in self.blocks:
            parts[block.process, block.round] = self.samples_ms[start : start + block.samples]
            start += block.samples
        return parts

    @model_validator(mode="after")
    def _check_blocks(self) -> Self:
        told = sum(block.samples for block in self.blocks)
        if self.blocks and told != len(self.samples_ms):
            raise ValueError(f"the blocks have {told} samples, and there are {len(self.samples_ms)}")
        if len({(block.process, block.round) for block in self.blocks}) < len(self.blocks):
            raise ValueError("two blocks have the same process and round")
        return self


class MachinePeaks(_Frozen):
    """What this machine can do at most, measured on it in the same run.

    Attributes:
        gflops_per_second: of large products or convolutions in the record's precision; two FLOPs a MAC.
        memory_gigabytes_per_second: read and written together, of arrays far larger than any cache.
        cache_gigabytes_per_second: the same of arrays that the last cache holds.
        launch_microseconds: of the smallest operation: what each costs however little it does.
        cache_bytes: of the last cache; operands beyond it move at the memory's rate.
    """

    gflops_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    memory_gigabytes_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    cache_gigabytes_per_second: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    launch_microseconds: Annotated[float, Field(gt=0, allow_inf_nan=False)]
    cache_bytes: NonNegativeInt = 0


class OperationTime(_Frozen):
    """All calls of one operation on operands of one shape, in one forward pass.

    Attributes:
        operation: as PyTorch dispatches it, without ``aten.``.
        shape: of its first operand and its weight, as a reader would write it.
        macs: multiply-adds of all calls.
        bytes: read and written by all calls, weights included, each operand once a call.
        time_ms: of all calls, the median over passes.
        bound: what limits it: the larger of what compute, bandwidth and launches take at the peaks.
        bound_ms: that time; never above ``time_ms`` but by noise.
    """

    operation: str
    kind: OperationKind
    shape: str
    calls: PositiveInt
    macs: NonNegativeInt
    bytes: NonNegativeInt
    time_ms: Seconds
    bound: Bound
    bound_ms: Seconds


class RooflineRecord(_Record):
    """Where the time of a forward pass goes, and what this machine would allow.

    Attributes:
        whole_ms: of forward passes that were not taken apart, one sample each.
        passes: how many were taken apart.
        causes: the three largest causes of slowness, in words, the largest first.
    """

    kind: Literal["roofline"] = "roofline"
    device: str
    precision: Precision
    batch_size: PositiveInt
    backend: str = "eager"
    threads: PositiveInt
    peaks: MachinePeaks
    operations: tuple[OperationTime, ...] = Field(min_length=1)
    whole_ms: tuple[Milliseconds, ...] = Field(min_length=1)
    passes: PositiveInt
    causes: tuple[str, ...] = ()

    @property
    def covered(self) -> float:
        """Sum of the operations' times over the median of the whole."""
        return sum(operation.time_ms for operation in self.operations) / median(self.whole_ms)


class PipelineStep(_Frozen):
    """One step from file to prediction, one sample a clip."""

    name: str
    samples_ms: tuple[Seconds, ...] = Field(min_length=1)

    @property
    def median_ms(self) -> float:
        """Median over the clips."""
        return median(self.samples_ms)


class PipelineRecord(_Record):
    """The whole way from a video file to a prediction, step by step and in all.

    Attributes:
        steps: in the order in which they are taken.
        whole_ms: the whole way of each clip by a clock of its own, in the steps' order.
        persons: a frame.
        video_frames: of the file, and ``video_size`` its width and height.
        video_size: see ``video_frames``.
        video: what was decoded, in words.
        keypoints: where they came from, in words: an estimator, or given and why.
        equality: how near the form's logits are to a reference's on these very clips.
        interrupted: the run was stopped before it had all the samples that were asked for.
    """

    kind: Literal["pipeline"] = "pipeline"
    device: str
    precision: Precision
    backend: str
    threads: PositiveInt
    persons: NonNegativeInt
    video_frames: PositiveInt
    video_size: tuple[PositiveInt, PositiveInt]
    video: str = ""
    keypoints: str = ""
    equality: EqualityCheck | None = None
    interrupted: bool = False
    steps: tuple[PipelineStep, ...] = Field(min_length=1)
    whole_ms: tuple[Milliseconds, ...] = Field(min_length=1)

    @property
    def covered(self) -> float:
        """Sum of the steps' medians over the median of the whole."""
        return sum(step.median_ms for step in self.steps) / median(self.whole_ms)


class StreamResult(_Frozen):
    """How often one stream of a network was right.

    Attributes:
        stream: ``fused``, or the modality that was asked alone.
        mean_class_accuracy: by the published definition, over classes that occur in predictions or labels.
        mean_class_accuracy_present: the usual one, over classes that occur in the labels.
        top1_interval: Wilson's, of ``top1``.
        mean_class_interval: bootstrapped within classes, of ``mean_class_accuracy_present``.
    """

    stream: Stream
    samples: PositiveInt
    top1_hits: NonNegativeInt
    top5_hits: NonNegativeInt
    mean_class_accuracy: Fraction
    mean_class_accuracy_present: Fraction
    top1_interval: tuple[Fraction, Fraction]
    mean_class_interval: tuple[Fraction, Fraction]

    @property
    def top1(self) -> float:
        """Share of the samples whose best class is the label."""
        return self.top1_hits / self.samples

    @property
    def top5(self) -> float:
        """Share of the samples whose label is among the five best classes."""
        return self.top5_hits / self.samples

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.top1_hits > self.top5_hits:
            raise ValueError(f"top1_hits {self.top1_hits} are more than top5_hits {self.top5_hits}")
        if self.top5_hits > self.samples:
            raise ValueError(f"top5_hits {self.top5_hits} are more than samples {self.samples}")
        if not self.top1_interval[0] <= self.top1 <= self.top1_interval[1]:
            raise ValueError(f"top1 {self.top1} is outside its interval {self.top1_interval}")
        if self.mean_class_interval[0] > self.mean_class_interval[1]:
            raise ValueError(f"mean_class_interval {self.mean_class_interval} ends before it begins")
        return self


class ClassResult(_Frozen):
    """How often one class was recognised; its index is its place in the record.

    Attributes:
        group: the kind of class, in data sets that have kinds.
        samples: evaluated samples with this label; none is possible.
        hits: of them, those predicted right, by stream.
    """

    name: str
    group: str | None = None
    samples: NonNegativeInt
    hits: dict[Stream, NonNegativeInt]

    @model_validator(mode="after")
    def _check(self) -> Self:
        for stream, hits in self.hits.items():
            if hits > self.samples:
                raise ValueError(
                    f"class {self.name!r}: {stream} hits {hits} are more than samples {self.samples}"
                )
        return self


class SkippedEntry(_Frozen):
    """A sample of the split that could not be evaluated, and why."""

    sample: str
    reason: SkipReason


class AccuracyRecord(_Record):
    """What a network's predictions on one split are worth; every sample of the split counted once.

    Attributes:
        split: its name in the annotation file; none for a plain list.
        part: ``train``, ``val`` or ``test``; none where the file does not say.
        split_samples: samples of the split, usable or not.
        evaluated: those that were scored.
        skipped: those that could not be.
        interrupted: the user stopped the run; the rest of the split is in neither.
        streams: results, the fused one first where there are two streams.
        classes: every class of the protocol in the order of labels, those without samples too.
        confusion: (label, predicted, samples) of the first stream, pairs that occur only.
        views: temporal clips a video that the logits were averaged over, one crop each.
        confidence: of all intervals.
        checkpoint: file name of the weights; none when they are random.
        checkpoint_sha256: of that file's bytes.
        weights_sha256: of names, shapes and values, whatever file they came from.
        split_sha256: over the ids and labels of the split.
        label_map_sha256: over the class names in order.
        backend: what ran the network.
        seconds: by step, of the whole run.
    """

    kind: Literal["accuracy"] = "accuracy"
    dataset: str
    protocol: str
    split: str | None
    part: Literal["train", "val", "test"] | None
    split_samples: PositiveInt
    evaluated: PositiveInt
    skipped: tuple[SkippedEntry, ...] = ()
    interrupted: bool = False
    streams: tuple[StreamResult, ...] = Field(min_length=1)
    classes: tuple[ClassResult, ...] = Field(min_length=2)
    confusion: tuple[tuple[NonNegativeInt, NonNegativeInt, PositiveInt], ...]
    views: PositiveInt
    confidence: Fraction = 0.95
    checkpoint: str | None
    checkpoint_sha256: Sha256 | None
    weights_sha256: Sha256
    split_sha256: Sha256
    label_map_sha256: Sha256
    device: str
    precision: Precision
    backend: str = "eager"
    batch_size: PositiveInt
    seconds: dict[str, Seconds] = {}

    @property
    def main(self) -> StreamResult:
        """The result that stands for the network: the fused one where there is one."""
        return self.streams[0]

    @model_validator(mode="after")
    def _check(self) -> Self:
        """Refuse figures that contradict each other, the more particular contradiction first."""
        _check_streams(self)
        _check_classes(self)
        _check_confusion(self)
        _check_split(self)
        return self


def _check_streams(record: AccuracyRecord) -> None:
    names = [result.stream for result in record.streams]
    if len(set(names)) < len(names):
        raise ValueError(f"a stream occurs twice: {', '.join(names)}")
    for result in record.streams:
        if result.samples != record.evaluated:
            raise ValueError(
                f"stream {result.stream} has {result.samples} samples, and {record.evaluated} were evaluated"
            )


def _check_classes(record: AccuracyRecord) -> None:
    if len(record.classes) != record.model.num_classes:
        raise ValueError(
            f"{len(record.classes)} classes, and the network has {record.model.num_classes} outputs"
        )
    names = {result.stream for result in record.streams}
    for entry in record.classes:
        if set(entry.hits) != names:
            raise ValueError(f"class {entry.name!r} has hits of {', '.join(entry.hits) or 'no stream'}")
    samples = sum(entry.samples for entry in record.classes)
    if samples != record.evaluated:
        raise ValueError(f"the classes have {samples} samples, and {record.evaluated} were evaluated")
    for result in record.streams:
        hits = sum(entry.hits[result.stream] for entry in record.classes)
        if hits != result.top1_hits:
            raise ValueError(
                f"the classes have {hits} hits of stream {result.stream}, and its top1_hits are "
                f"{result.top1_hits}"
            )


def _check_confusion(record: AccuracyRecord) -> None:
    seen: set[tuple[int, int]] = set()
    samples, hits = [0] * len(record.classes), [0] * len(record.classes)
    for label, predicted, count in record.confusion:
        if max(label, predicted) >= len(record.classes):
            raise ValueError(f"confusion of class {max(label, predicted)}, of {len(record.classes)} from 0")
        if (label, predicted) in seen:
            raise ValueError(f"confusion of classes {label} and {predicted} occurs twice")
        seen.add((label, predicted))
        samples[label] += count
        hits[label] += count if label == predicted else 0
    first = record.streams[0].stream
    for index, entry in enumerate(record.classes):
        if samples[index] != entry.samples:
            raise ValueError(
                f"confusion has {samples[index]} samples of class {entry.name!r}, which has {entry.samples}"
            )
        if hits[index] != entry.hits[first]:
            raise ValueError(
                f"confusion has {hits[index]} hits of class {entry.name!r}, which has {entry.hits[first]}"
            )


def _check_split(record: AccuracyRecord) -> None:
    names = [entry.sample for entry in record.skipped]
    if len(set(names)) < len(names):
        raise ValueError("a sample is skipped twice")
    settled = record.evaluated + len(record.skipped)
    told = f"{record.evaluated} evaluated and {len(record.skipped)} skipped"
    if settled > record.split_samples:
        raise ValueError(f"{told} are more than the split's {record.split_samples} samples")
    if settled < record.split_samples and not record.interrupted:
        raise ValueError(f"{told} are fewer than the split's {record.split_samples} samples")
    if (record.checkpoint is None) != (record.checkpoint_sha256 is None):
        raise ValueError("checkpoint and checkpoint_sha256 belong together")


class GroupResult(_Frozen):
    """How often one kind of class was recognised."""

    name: str
    samples: PositiveInt
    hits: NonNegativeInt

    @property
    def accuracy(self) -> float:
        """Share of the samples whose best class is the label."""
        return self.hits / self.samples

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.hits > self.samples:
            raise ValueError(f"{self.name}: hits {self.hits} are more than samples {self.samples}")
        return self


class AblationTrial(_Record):
    """One network trained with one part left out, or none, from one seed, and what it is worth.

    Attributes:
        variant: what was trained, as the table's row says it: ``fused without shift``.
        recipe: name of the training recipe.
        epochs: passes over the training set.
        training_samples: samples of one epoch.
        samples: of the test split, evaluated.
        hits: of them, those predicted right by the variant's own stream.
        groups: the same by kind of class; empty in data sets without kinds.
        training_seconds: of this network alone, not of those that it started from.
        weights_sha256: of the network that was evaluated.
    """

    kind: Literal["ablation"] = "ablation"
    variant: str
    seed: NonNegativeInt
    recipe: str
    epochs: PositiveInt
    training_samples: PositiveInt
    dataset: str
    protocol: str
    split_sha256: Sha256
    samples: PositiveInt
    hits: NonNegativeInt
    groups: tuple[GroupResult, ...] = ()
    training_seconds: Seconds
    device: str
    precision: Precision
    weights_sha256: Sha256

    @property
    def top1(self) -> float:
        """Share of the samples whose best class is the label."""
        return self.hits / self.samples

    @model_validator(mode="after")
    def _check(self) -> Self:
        names = [group.name for group in self.groups]
        if len(set(names)) < len(names):
            raise ValueError(f"a kind of class occurs twice: {', '.join(names)}")
        if self.hits > self.samples:
            raise ValueError(f"hits {self.hits} are more than samples {self.samples}")
        for whole, parts, what in (
            (self.samples, [group.samples for group in self.groups], "samples"),
            (self.hits, [group.hits for group in self.groups], "hits"),
        ):
            if self.groups and sum(parts) != whole:
                raise ValueError(f"the kinds of class have {sum(parts)} {what}, and the trial {whole}")
        return self


AnyRecord = CountRecord | LatencyRecord | AccuracyRecord | AblationTrial | RooflineRecord | PipelineRecord
RecordT = TypeVar("RecordT", bound=AnyRecord)
Record = Annotated[AnyRecord, Field(discriminator="kind")]
_RECORD: TypeAdapter[AnyRecord] = TypeAdapter(Record)


def append_record(path: Path, record: AnyRecord) -> None:
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
        with path.open("ab") as file:
            # Records are put on the disk one by one: /dev/null and its like refuse that.
            os.fsync(file.fileno())
    except OSError as error:
        raise RecordError(f"{path}: cannot be written ({error.strerror}); name another place") from None


def read_records(path: Path) -> tuple[list[AnyRecord], list[str]]:
    """Read a record file: the records, and a sentence for each unfinished line left out.

    Raises:
        RecordError: the file is missing, or a finished line is not one of our records.
    """
    try:
        # Not splitlines(): a class or sample may be named with a character that it takes for a new line.
        lines = path.read_text(encoding="utf-8").split("\n")
    except FileNotFoundError:
        raise RecordError(
            f"{path}: no such record file; measure first (epam-bench flops, epam-bench latency, "
            "or epam-bench reproduce), or name one with --from"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise RecordError(f"{path}: cannot be read as records ({error})") from None
    records: list[AnyRecord] = []
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


def latest_records(records: Iterable[RecordT]) -> list[RecordT]:
    """Of records that measure the same thing in the same setting, the newest, in first-seen order.

    A run that was stopped half-way, or a row that failed, does not replace one that was finished.
    """
    best: dict[tuple[object, ...], RecordT] = {}
    for record in records:
        known = best.get(_setting(record))
        if known is None or _rank(record) >= _rank(known):
            best[_setting(record)] = record
    return list(best.values())


def _rank(record: AnyRecord) -> tuple[bool, datetime]:
    if isinstance(record, LatencyRecord):
        return record.is_finished, record.created
    stopped = isinstance(record, AccuracyRecord | PipelineRecord) and record.interrupted
    return not stopped, record.created


def _setting(record: AnyRecord) -> tuple[object, ...]:
    model = (record.model.name, record.model.num_classes, tuple(record.model.inputs.items()))
    return (record.kind, *model, *_how(record))


def _how(record: AnyRecord) -> tuple[object, ...]:
    """What else two records must share for the newer one to replace the older."""
    if isinstance(record, CountRecord):
        return (record.counter,)
    if isinstance(record, LatencyRecord):
        environment = record.environment
        machine = (environment.processor, environment.logical_cores, environment.accelerator)
        timing = (record.task, record.l2_cold, record.backend, record.batch_size)
        return (*machine, record.device, record.precision, record.threads, *timing)
    if isinstance(record, RooflineRecord):
        setting = (record.environment.processor, record.device, record.precision, record.threads)
        return (*setting, record.backend, record.batch_size)
    if isinstance(record, PipelineRecord):
        setting = (record.environment.processor, record.device, record.precision, record.threads)
        video = (record.video, record.persons, record.video_frames, record.video_size)
        return (*setting, record.backend, record.keypoints, *video)
    data = (record.dataset, record.protocol, record.split_sha256, record.precision)
    if isinstance(record, AccuracyRecord):
        # An accuracy is a property of the weights: which machine found it does not matter.
        return (*data, record.label_map_sha256, record.weights_sha256, record.views, record.backend)
    return (*data, record.variant, record.seed, record.recipe, record.epochs, record.training_samples)
