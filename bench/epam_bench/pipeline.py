"""The whole way from a video file to a prediction, timed step by step and in all by a clock of its own."""

from __future__ import annotations

import copy
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epam.backends import Precision, check_backend, check_equality, find_backend
from epam.backends.equality import Equality, describe_wrong_logits, reference_logits
from epam.data.annotations import Annotation, load_annotations
from epam.data.pipelines import Pipeline, StepTimer
from epam.data.pose_estimation import (
    PoseEstimator,
    annotate_window,
    list_pose_estimators,
    load_pose_estimator,
    missing_for_poses,
)
from epam.data.preparation.frame_stream import read_facts
from epam.data.synthetic.single_video import draw_video
from epam.data.video import collect_video_warnings, decode_chosen_frames
from epam.devices import check_device
from epam.errors import AnnotationError, InputError
from epam.streams import stream_logits
from epam_baselines.network import Network, NetworkChoice, load_network, with_fast_form
from epam_bench.devices import Setting, honest_arithmetic
from epam_bench.environment import describe_environment
from epam_bench.machine_load import busy_caveat, others_cpu_fraction, read_load
from epam_bench.model_card import describe_model
from epam_bench.records import EqualityCheck, PipelineRecord, PipelineStep

ROWS = {
    "decode": "decode",
    "pose": "pose",
    "sampling": "sampling and crop",
    "crop": "sampling and crop",
    "normalise": "sampling and crop",
    "heatmaps": "heatmaps",
    "network": "network",
    "fusion": "fusion",
}
"""The row in which each step of a pass is counted, in the order of the rows."""

COVERED_WITHIN = 0.05
"""How far the steps' sum may be from the whole before a row says so."""

AUTOMATIC, GIVEN = "auto", "given"
"""Where keypoints come from: an estimator if one is installed, or the video's annotation.

RGB alone, which is only cut to the people, takes the annotation's where there is one.
"""

CHECKED_CLIPS = 2
TOP_CLASSES = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class FilmedClip:
    """A video to predict from.

    Attributes:
        path: the file.
        annotation: its keypoints; none where they are estimated, or RGB alone needs none.
        persons: a frame, at most; 0 where nothing says so.
        frames: of the file.
        size: its width and height.
        origin: what it is, in words.
    """

    path: Path
    annotation: Annotation | None
    persons: int
    frames: int
    size: tuple[int, int]
    origin: str


@dataclass(frozen=True, kw_only=True, eq=False)
class PipelinePlan:
    """What is about to be timed; checked, and nothing slow has been done.

    Attributes:
        choice: the network.
        backend: what runs it, in ``precision`` on ``device`` with ``threads``.
        precision: see ``backend``.
        device: see ``backend``.
        threads: see ``backend``.
        poses: ``auto``, ``given``, or a pose estimator's name.
    """

    choice: NetworkChoice
    backend: str
    precision: Precision
    device: str
    threads: int
    poses: str


class Keypoints(NamedTuple):
    """Where keypoints come from.

    Attributes:
        estimator: what finds them; none where they are given, or not needed.
        origin: in words.
    """

    estimator: PoseEstimator | None
    origin: str


class _Prepared(NamedTuple):
    """A network's inputs without a batch dimension, and the people that they were made with."""

    inputs: tuple[Tensor, ...]
    people: Annotation | None


@dataclass(kw_only=True, eq=False)
class _Passes:
    """What was measured of one video so far, in seconds: of each pass its steps, and whole passes apart."""

    steps: list[dict[str, float]] = field(default_factory=list)
    wholes: list[float] = field(default_factory=list)


@dataclass(frozen=True, kw_only=True, eq=False)
class PipelineOutcome:
    """Records, one a video, and whether the user stopped before all passes were made."""

    records: tuple[PipelineRecord, ...]
    interrupted: bool


def plan_pipeline(
    choice: NetworkChoice,
    *,
    backend: str = "fused",
    precision: Precision = "fp32",
    device: str = "cpu",
    threads: int | None = None,
    poses: str = AUTOMATIC,
) -> PipelinePlan:
    """Refuse what cannot be timed, before anything slow is done.

    Raises:
        UnknownNameError: no such backend, precision, device or pose estimator.
        InputError: a network whose inputs no pipeline makes, or a library or device that is not there.
    """
    Pipeline(choice.spec.pipeline_kind, choice.spec.clip_size)
    check_backend(find_backend(backend), precision=precision, device=check_device(device))
    if poses not in (AUTOMATIC, GIVEN) and (missing := missing_for_poses(poses)):
        raise InputError(f"--poses {poses}: {missing}")
    return PipelinePlan(
        choice=choice,
        backend=backend,
        precision=precision,
        device=device,
        threads=threads or torch.get_num_threads(),
        poses=poses,
    )


def draw_clips(
    folder: Path, *, persons: Sequence[int], frame_counts: Sequence[int], size: tuple[int, int]
) -> Iterator[FilmedClip]:
    """Draw a video of every length with every number of persons; ``size`` is width and height.

    Raises:
        InputError: a number that cannot be drawn.
    """
    width, height = size
    for count in persons:
        for frames in frame_counts:
            path = folder / f"{count}x{frames}.mp4"
            annotation = draw_video(path, frame_count=frames, persons=count, size=(height, width))
            yield FilmedClip(
                path=path,
                annotation=annotation,
                persons=count,
                frames=frames,
                size=size,
                origin="drawn, H.264 at 30 frames a second",
            )


def open_clip(video: Path, annotations: Path | None, sample: str | None = None) -> FilmedClip:
    """A video of the user's, with its keypoints where there are any.

    Args:
        video: the file.
        annotations: where its keypoints are.
        sample: its id there; none: the one that the video is named after, or the only one.

    Raises:
        EpamError: a file that is missing or damaged, or a sample that is not there.
    """
    facts = read_facts(video)
    annotation = _find_sample(annotations, video, sample) if annotations else None
    return FilmedClip(
        path=video,
        annotation=annotation,
        persons=count_persons(annotation),
        frames=annotation.total_frames if annotation else facts.packets,
        size=(facts.width, facts.height),
        origin=video.name,
    )


def count_persons(annotation: Annotation | None) -> int:
    """How many are in the fullest frame; a person is who has a joint with a place and a score."""
    if annotation is None:
        return 0
    placed = (np.abs(annotation.keypoint) > 0).any(axis=-1)
    present = (placed & (annotation.keypoint_score > 0)).any(axis=-1)
    return int(present.sum(axis=0).max())


def _find_sample(path: Path, video: Path, sample: str | None) -> Annotation:
    known = load_annotations(path)
    if sample is not None:
        return known.find(sample)
    names = {annotation.frame_dir for annotation in known}
    for name in (video.stem.removesuffix("_rgb"), video.stem):
        if name in names:
            return known.find(name)
    if len(known) == 1:
        return known[0]
    raise AnnotationError(
        f"{path}: which of its {len(known)} samples is the video {video} meant to be? Name it with --sample"
    )


def choose_estimator(plan: PipelinePlan) -> Keypoints:
    """Where keypoints come from for a network that sees them, whatever the video.

    Raises:
        InputError: one was asked for by name and cannot be loaded.
    """
    if plan.poses == GIVEN:
        return Keypoints(None, "given, as asked")
    if plan.poses != AUTOMATIC:
        estimator = load_pose_estimator(plan.poses, device=plan.device)
        return Keypoints(estimator, estimator.name)
    reasons = []
    for name in list_pose_estimators():
        if missing := missing_for_poses(name):
            reasons.append(missing)
            continue
        try:
            estimator = load_pose_estimator(name, device=plan.device)
        except InputError as error:
            reasons.append(str(error))
        else:
            return Keypoints(estimator, estimator.name)
    return Keypoints(None, f"given, no estimator: {'; '.join(reasons)}")


def count_passes(clips: int, *, samples: int, warmup: int) -> int:
    """How often :func:`measure_pipeline` calls ``report``."""
    return 2 * clips * (samples + warmup)


def measure_pipeline(
    plan: PipelinePlan,
    clips: Sequence[FilmedClip],
    *,
    samples: int = 20,
    warmup: int = 1,
    seed: int = 0,
    report: Callable[[str], object] = lambda _: None,
) -> PipelineOutcome:
    """Time every video's way ``samples`` times step by step, and as often as a whole without their clocks.

    Videos take turns in random order, and a video's two kinds of pass follow each other, one first as
    often as the other, so that a noisy minute meets them alike.
    Ctrl-C ends it early, and what was measured by then is kept.

    Args:
        plan: the network and how it is run.
        clips: the videos.
        samples: passes of each kind a video.
        warmup: unmeasured passes of each kind a video before them.
        seed: of the order.
        report: called after every pass with the video's name.

    Raises:
        EpamError: a video or network that cannot be used, or a form that gives other logits.
    """
    chosen = choose_estimator(plan)
    setting = Setting(plan.device, "fp32", 1, plan.threads)
    with honest_arithmetic(setting), collect_video_warnings() as complaints:
        network = load_network(plan.choice, device=plan.device)
        way = _Way(plan, network, chosen)
        prepared = [way.prepare(clip, nullcontext) for clip in clips]
        inputs = [one.inputs for one in prepared]
        way = _Way(plan, _in_form(network, plan, inputs), chosen)
        equality = _check(way.network, plan, inputs)
        before = read_load()
        measured, interrupted = _measure(way, clips, samples, warmup, random.Random(seed), report)
        others = others_cpu_fraction(before, read_load())
    # Every pass decodes the video, and each time it is warned of.
    shared = (*_notes(way.network), *dict.fromkeys(complaints), *busy_caveat(others))
    if plan.precision == "int8":
        shared = (*shared, "int8: calibrated on the clips that are timed")
    records = tuple(
        _record(plan, way, clip, made, passes, equality, shared, samples)
        for clip, made, passes in zip(clips, prepared, measured, strict=True)
        if passes.steps and passes.wholes
    )
    return PipelineOutcome(records=records, interrupted=interrupted)


class _Way:
    """From a file to the best classes, each step under its own name."""

    def __init__(self, plan: PipelinePlan, network: Network, chosen: Keypoints) -> None:
        self.network = network
        self._automatic = plan.poses == AUTOMATIC
        self._chosen = chosen
        self._pipeline = Pipeline(network.spec.pipeline_kind, network.spec.clip_size)
        self._uses_cuda = network.device.type == "cuda"

    @property
    def sees_people(self) -> bool:
        """Whether keypoints are of any use to the network."""
        return self._pipeline.needs_keypoints

    def keypoints_of(self, clip: FilmedClip) -> Keypoints:
        """Where this video's come from: RGB alone is content with given ones, and may do without any."""
        chosen = self._chosen
        if self.sees_people:
            return chosen
        if clip.annotation is None:
            return chosen if chosen.estimator else Keypoints(None, "not needed")
        return Keypoints(None, "given") if self._automatic else chosen

    def go(self, clip: FilmedClip, step: StepTimer) -> NDArray[np.int64]:
        """Return the best classes, best first."""
        inputs = self.prepare(clip, step).inputs
        with step("network"), torch.inference_mode():
            output = self.network.call(*(tensor[None].to(self.network.device) for tensor in inputs))
            if self._uses_cuda:
                torch.cuda.synchronize(self.network.device)
        with step("fusion"):
            scores = next(iter(stream_logits(output, default=self.network.default_stream).values()))
            return scores[0].float().cpu().numpy().argsort()[::-1][:TOP_CLASSES]

    def prepare(self, clip: FilmedClip, step: StepTimer) -> _Prepared:
        """The network's inputs, and the people in them."""
        estimator = self.keypoints_of(clip).estimator
        if estimator is None:
            return _Prepared(self._from_given(clip, step), clip.annotation)
        with step("decode"):
            frames, _ = decode_chosen_frames(clip.path, self._pipeline.frames_of_window)
        with step("pose"):
            poses = estimator(frames)
        with step("sampling"):
            count, height, width = frames.shape[:3]
            people = annotate_window(
                poses,
                total_frames=count,
                positions=np.arange(count),
                image_size=(height, width),
                name=clip.path.stem,
            )
        inputs = self._pipeline.prepare_window(
            people, lambda indices: frames[indices], origin=str(clip.path), step=step
        )
        return _Prepared(inputs, people)

    def _from_given(self, clip: FilmedClip, step: StepTimer) -> tuple[Tensor, ...]:
        if clip.annotation is None and self.sees_people:
            raise InputError(
                f"{clip.path}: has no keypoints; give --annotations, or find them with --poses rtmlib"
            )
        return self._pipeline(clip.annotation, clip.path, step=step)


def _in_form(network: Network, plan: PipelinePlan, inputs: Sequence[tuple[Tensor, ...]]) -> Network:
    batches = [tuple(tensor[None] for tensor in sample) for sample in inputs]
    return with_fast_form(
        network,
        backend=plan.backend,
        precision=plan.precision,
        threads=plan.threads,
        calibration=batches if plan.precision == "int8" else (),
    )


def _check(network: Network, plan: PipelinePlan, inputs: Sequence[tuple[Tensor, ...]]) -> Equality:
    """Compare the form's logits with the reference's on the first clips.

    Raises:
        InputError: they are too far apart: its time would be that of a wrong answer.
    """
    batches = [
        tuple(tensor[None].to(network.device) for tensor in sample) for sample in inputs[:CHECKED_CLIPS]
    ]
    name, expected = reference_logits(copy.deepcopy(network.module), batches)
    with torch.inference_mode():
        equality = check_equality(
            network.call, batches, reference=name, expected=expected, precision=plan.precision
        )
    if not equality.holds:
        raise InputError(
            f"{network.spec.name} by {plan.backend}: {describe_wrong_logits(equality, plan.precision)}; a "
            "wrong answer is not timed: choose another --backend or --precision"
        )
    return equality


def _measure(
    way: _Way,
    clips: Sequence[FilmedClip],
    samples: int,
    warmup: int,
    chance: random.Random,
    report: Callable[[str], object],
) -> tuple[list[_Passes], bool]:
    measured = [_Passes() for _ in clips]
    order = list(range(len(clips)))
    try:
        for round_ in range(-warmup, samples):
            chance.shuffle(order)
            for index in order:
                into = _Passes() if round_ < 0 else measured[index]
                for clocked in chance.sample((True, False), 2):
                    _time_pass(partial(way.go, clips[index]), into, clocked=clocked)
                    report(clips[index].path.stem)
    except KeyboardInterrupt:
        return measured, True
    return measured, False


def _time_pass(go: Callable[[StepTimer], object], into: _Passes, *, clocked: bool) -> None:
    if clocked:
        seconds: dict[str, float] = {}
        go(partial(_clock, seconds))
        into.steps.append(seconds)
        return
    start = time.perf_counter()
    go(nullcontext)
    into.wholes.append(time.perf_counter() - start)


@contextmanager
def _clock(seconds: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    row = ROWS[name]
    seconds[row] = seconds.get(row, 0.0) + time.perf_counter() - start


def _record(
    plan: PipelinePlan,
    way: _Way,
    clip: FilmedClip,
    prepared: _Prepared,
    passes: _Passes,
    equality: Equality,
    shared: tuple[str, ...],
    samples: int,
) -> PipelineRecord:
    stopped = _stopped(passes, samples)
    caveats = (*shared, *stopped, *_missed(way, clip, prepared))
    taken = [row for row in dict.fromkeys(ROWS.values()) if row in passes.steps[0]]
    steps = tuple(
        PipelineStep(name=row, samples_ms=tuple(1000 * seconds[row] for seconds in passes.steps))
        for row in taken
    )
    wholes = tuple(1000 * seconds for seconds in passes.wholes)
    network = way.network
    record = PipelineRecord(
        model=describe_model(network.spec, network.module, network.num_classes),
        environment=describe_environment(),
        caveats=caveats,
        device=plan.device,
        precision=plan.precision,
        backend=plan.backend,
        threads=plan.threads,
        # The annotated ones name the video, whatever an estimator finds: a caveat says where it is not they.
        persons=clip.persons if clip.annotation is not None else count_persons(prepared.people),
        video_frames=clip.frames,
        video_size=clip.size,
        video=clip.origin,
        keypoints=way.keypoints_of(clip).origin,
        equality=EqualityCheck(
            reference=equality.reference,
            clips=equality.clips,
            relative_error=equality.relative_error,
            bound=equality.bound,
            top1_agreement=equality.top1_agreement,
        ),
        interrupted=bool(stopped),
        steps=steps,
        whole_ms=wholes,
    )
    return record.model_copy(update={"caveats": (*caveats, *_uncovered(record))})


def _missed(way: _Way, clip: FilmedClip, prepared: _Prepared) -> tuple[str, ...]:
    """What was timed with fewer or more people than the record says."""
    caveats = []
    found = count_persons(prepared.people)
    if clip.annotation is not None and found != clip.persons:
        caveats.append(
            f"persons found in a frame: at most {found}, not {clip.persons}; the times are those of what was "
            "found"
        )
    if way.sees_people and not prepared.inputs[-1].any():
        caveats.append("the heatmaps are empty: nobody was seen in the frames that were looked at")
    return tuple(caveats)


def _uncovered(record: PipelineRecord) -> tuple[str, ...]:
    if abs(record.covered - 1) <= COVERED_WITHIN:
        return ()
    return (
        f"the steps sum to {record.covered:.0%} of the whole, not to within {COVERED_WITHIN:.0%}: take more "
        "samples, on a quieter machine",
    )


def _stopped(passes: _Passes, samples: int) -> tuple[str, ...]:
    taken = min(len(passes.steps), len(passes.wholes))
    return (f"stopped after {taken} of {samples} samples",) if taken < samples else ()


def _notes(network: Network) -> tuple[str, ...]:
    return tuple(getattr(network.form, "notes", ()))
