"""A network's accuracy on a split: planned and refused early, scored, and put on record."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch import nn

from epam.backends import check_backend, find_backend, optimize
from epam.backends.backend import Inputs, Precision
from epam.checkpoints import hash_weights
from epam.data.data_root import DataLocation, Split, find_protocol, open_split
from epam.data.datasets import Part
from epam.data.pipelines import Pipeline
from epam.data.store import hash_file
from epam.devices import check_device, cores_left_by, repeatable_convolutions
from epam.errors import InputError
from epam.evaluation import (
    ScoreTable,
    SplitScores,
    Tally,
    bootstrap_mean_class_interval,
    find_hits,
    score_split,
    tally,
    wilson_interval,
)
from epam.evaluation.broken_joints import broken_joints_caveat
from epam.evaluation.whole_batches import WholeBatches
from epam.training.distributed import Processes
from epam_baselines.calibration_clips import load_calibration_clips, open_training_part
from epam_baselines.inputs import example_inputs
from epam_baselines.network import Network, NetworkChoice, choose_network, load_network
from epam_bench.devices import Setting, honest_arithmetic
from epam_bench.environment import describe_environment
from epam_bench.model_card import describe_model
from epam_bench.records import AccuracyRecord, ClassResult, SkippedEntry, StreamResult

EAGER = "eager"
"""The network as it was trained, which an evaluation calls unless told otherwise."""


@dataclass(frozen=True, kw_only=True, eq=False)
class AccuracyPlan:
    """What is about to be evaluated; every part has been checked, and nothing slow has been done.

    Attributes:
        choice: the network.
        split: the samples.
        pipeline: makes the network's inputs, in test mode.
        setting: device, precision and clips a forward pass.
        workers: processes that prepare clips.
        views: clips of each video.
        backend: what runs the network; ``eager`` is the network as it is, other precisions by autocast.
        location: where the data are, the training part included.
        calibration: clips of the training part that int8 is calibrated with.
    """

    choice: NetworkChoice
    split: Split
    pipeline: Pipeline
    setting: Setting
    workers: int
    views: int
    backend: str
    location: DataLocation
    calibration: int

    @property
    def split_samples(self) -> int:
        """All samples of the split, usable or not."""
        return len(self.split) + len(self.split.problems)


def plan_accuracy(
    model: str | None,
    location: DataLocation,
    *,
    checkpoint: Path | None = None,
    part: Part = "test",
    device: str = "cpu",
    precision: str = "fp32",
    batch_size: int = 8,
    workers: int | None = None,
    views: int = 1,
    backend: str = EAGER,
    calibration: int = 64,
) -> AccuracyPlan:
    """Settle network and samples, and refuse what contradicts itself.

    Args:
        model: a name of the catalogue or ``package.module:factory``; none: as the checkpoint says.
        location: where the data are.
        checkpoint: the weights; none: random ones.
        part: of the data set; ``location.split`` names another.
        device: as ``epam.devices.check_device`` has it.
        precision: ``fp32``, ``bf16``, ``fp16`` or, by a backend that has it, ``int8``.
        batch_size: clips a forward pass in one process.
        workers: processes that prepare clips; none: :func:`usual_workers`.
        views: clips of each video.
        backend: one of :func:`epam.backends.list_backends`.
        calibration: clips of the training part that int8 is calibrated with.

    Raises:
        EpamError: an unknown name, a missing file, a contradiction, or a device that this machine lacks.
    """
    if views < 1:
        raise InputError(f"{views} views: at least 1 is needed")
    if calibration < 1:
        raise InputError(f"{calibration} clips to calibrate with: at least 1 is needed")
    _check_form(backend, precision, device)
    protocol = find_protocol(location)
    choice = choose_network(
        model,
        checkpoint=checkpoint,
        dataset=location.dataset,
        protocol=location.protocol,
        num_classes=protocol.num_classes,
    )
    pipeline = Pipeline(choice.spec.pipeline_kind, choice.spec.clip_size)
    if workers is None:
        workers = usual_workers(device, needs_video=pipeline.needs_video)
    if precision == "int8":
        open_training_part(location, pipeline)
    return AccuracyPlan(
        choice=choice,
        split=open_split(location, part, needs_videos=pipeline.needs_video),
        pipeline=pipeline,
        setting=Setting(device, precision, batch_size, cores_left_by(workers)),  # type: ignore[arg-type]
        workers=workers,
        views=views,
        backend=backend,
        location=location,
        calibration=calibration,
    )


def _check_form(backend: str, precision: str, device: str) -> None:
    """Refuse a backend that lacks a library, the device or the precision."""
    chosen = find_backend(backend)
    if backend != EAGER:
        check_backend(chosen, precision=precision, device=check_device(device))
    elif precision == "int8":
        raise InputError("int8: choose a backend that has it, for example --backend openvino")


def usual_workers(device: str, *, needs_video: bool) -> int:
    """How many processes prepare clips unless the user says: decoding is worth a core, skeletons are not.

    Beside a GPU there are as many as keep it busy, up to eight.
    """
    free = cores_left_by(1)
    if device.startswith("cuda"):
        return min(8, free)
    return 1 if needs_video and free > 1 else 0


def measure_accuracy(
    plan: AccuracyPlan,
    *,
    processes: Processes | None = None,
    advance: Callable[[int], object] = lambda _: None,
) -> tuple[AccuracyRecord | None, SplitScores]:
    """Score the plan's samples; the record is none where not one could be scored.

    Ctrl-C ends it early, and what was scored by then is in the record.

    Args:
        plan: what to evaluate.
        processes: this one among several that share the samples; each gets the whole result.
        advance: called with the number of samples that this process has settled since the last call.

    Raises:
        EpamError: weights that are not the network's, too little memory, logits that are not finite.
    """
    with _same_fate(processes):
        network = load_network(plan.choice, device=plan.setting.device)
    with _same_fate(processes), honest_arithmetic(plan.setting), repeatable_convolutions():
        form = _form(plan, network)
        scores = score_split(
            form.module,
            plan.split,
            plan.pipeline,
            batch_size=plan.setting.batch_size,
            workers=plan.workers,
            views=plan.views,
            device=network.device,
            precision=form.autocast,
            default_stream=network.default_stream,
            rank=processes.rank if processes else 0,
            world_size=processes.world_size if processes else 1,
            advance=advance,
        )
    return (_record(plan, network, scores, form.caveats) if len(scores.table) else None), scores


@dataclass(frozen=True, eq=False, kw_only=True)
class _Form:
    """What is called for the network's logits.

    Attributes:
        autocast: the precision that PyTorch is to compute in; a fast form has its own.
        caveats: sentences that its scores must not be read without.
    """

    module: nn.Module
    autocast: Precision
    caveats: tuple[str, ...] = ()


def _form(plan: AccuracyPlan, network: Network) -> _Form:
    """The network itself, or its fast form for batches of one size."""
    setting = plan.setting
    if plan.backend == EAGER:
        return _Form(module=network.module, autocast=setting.precision)
    calibration: tuple[Inputs, ...] = ()
    caveats: tuple[str, ...] = ()
    # Ranges are found clip by clip: how many clips are then asked together must not change them.
    size = 1 if setting.precision == "int8" else setting.batch_size
    if setting.precision == "int8":
        evaluated = {plan.split.sample_name(index) for index in range(len(plan.split))}
        found = load_calibration_clips(plan.location, plan.pipeline, plan.calibration, apart_from=evaluated)
        calibration, caveats = found.clips, (f"int8 calibrated on {found.origin}", *found.caveats)
    fast = optimize(
        network.module,
        backend=plan.backend,
        precision=setting.precision,
        example_inputs=example_inputs(network.spec, size),
        device=network.device,
        threads=setting.threads,
        calibration=calibration,
    )
    return _Form(module=WholeBatches(fast, size), autocast="fp32", caveats=(*caveats, *fast.notes))


def _same_fate(processes: Processes | None) -> AbstractContextManager[None]:
    """What the user must mend in one process ends all, and is told once."""
    return processes.same_fate() if processes else nullcontext()


def _record(
    plan: AccuracyPlan, network: Network, scores: SplitScores, caveats: tuple[str, ...]
) -> AccuracyRecord:
    split, table = plan.split, scores.table
    tallies = {stream: tally(table.scores(stream), table.label_of) for stream in table.streams}
    checkpoint = network.checkpoint
    return AccuracyRecord(
        model=describe_model(network.spec, network.module, network.num_classes),
        environment=describe_environment(),
        caveats=(*_caveats(plan, network, scores), *caveats),
        dataset=split.dataset,
        protocol=split.protocol.name,
        split=split.name,
        part=split.part,
        split_samples=plan.split_samples,
        evaluated=len(table),
        skipped=tuple(SkippedEntry(sample=skip.sample, reason=skip.reason) for skip in scores.skipped),
        interrupted=scores.interrupted,
        streams=tuple(_stream(name, counted, table) for name, counted in tallies.items()),
        classes=_classes(split, tallies),
        confusion=_confusions(next(iter(tallies.values()))),
        views=scores.views,
        checkpoint=checkpoint.path.name if checkpoint else None,
        checkpoint_sha256=hash_file(checkpoint.path) if checkpoint else None,
        weights_sha256=checkpoint.weights_sha256 if checkpoint else hash_weights(network.module.state_dict()),
        split_sha256=split.sha256,
        label_map_sha256=split.label_map_sha256,
        device=plan.setting.device,
        precision=plan.setting.precision,
        backend=plan.backend,
        batch_size=plan.setting.batch_size,
        seconds=dict(scores.seconds),
    )


def _stream(name: str, counted: Tally, table: ScoreTable) -> StreamResult:
    accuracy = counted.accuracy
    correct = list(find_hits(table.scores(name), table.label_of).values())
    return StreamResult(
        stream=name,  # type: ignore[arg-type]  # pydantic checks it
        samples=counted.samples,
        top1_hits=counted.top1_hits,
        top5_hits=counted.top5_hits,
        mean_class_accuracy=accuracy.mean_class_accuracy,
        mean_class_accuracy_present=accuracy.mean_class_accuracy_present,
        top1_interval=wilson_interval(counted.top1_hits, counted.samples),
        mean_class_interval=bootstrap_mean_class_interval(correct, table.labels),
    )


def _classes(split: Split, tallies: dict[str, Tally]) -> tuple[ClassResult, ...]:
    protocol = split.protocol
    group_of = {index: group for group, members in protocol.class_groups.items() for index in members}
    samples = next(iter(tallies.values())).class_samples
    return tuple(
        ClassResult(
            name=name,
            group=group_of.get(index),
            samples=int(samples[index]),
            hits={stream: int(counted.class_hits[index]) for stream, counted in tallies.items()},  # type: ignore[misc]
        )
        for index, name in enumerate(protocol.class_names)
    )


def _confusions(counted: Tally) -> tuple[tuple[int, int, int], ...]:
    labels, predicted = np.nonzero(counted.confusion)
    counts = counted.confusion[labels, predicted]
    return tuple(zip(labels.tolist(), predicted.tolist(), counts.tolist(), strict=True))


def _caveats(plan: AccuracyPlan, network: Network, scores: SplitScores) -> tuple[str, ...]:
    caveats = [*scores.caveats, *network.caveats, *_manifest_caveats(plan)]
    if plan.pipeline.needs_keypoints:
        caveats += broken_joints_caveat(plan.split)
    if scores.interrupted:
        settled = len(scores.table) + len(scores.skipped)
        caveats.append(f"interrupted after {settled} of {plan.split_samples} samples")
    if scores.skipped:
        reasons = Counter(skip.reason for skip in scores.skipped)
        told = ", ".join(f"{count} {reason}" for reason, count in reasons.most_common())
        caveats.append(
            f"{len(scores.skipped)} of {plan.split_samples} samples could not be evaluated ({told}): the "
            "accuracy is that of the others"
        )
    return tuple(caveats)


def _manifest_caveats(plan: AccuracyPlan) -> list[str]:
    """What the training's manifest says against this split, beyond what refuses it."""
    manifest, split = plan.choice.manifest, plan.split
    if manifest is None:
        return []
    caveats = []
    if manifest.split_sha256 == split.sha256:
        caveats.append("these are the very samples that the network was trained on")
    same_protocol = (manifest.dataset, manifest.protocol) == (split.dataset, split.protocol.name)
    if same_protocol and manifest.label_map_sha256 != split.label_map_sha256:
        caveats.append(
            "the classes have other names or another order than those that the network was trained with"
        )
    return caveats
