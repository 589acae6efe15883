"""A split's samples and videos settled, each sample scored once, those that cannot be are counted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path

from epam.data.annotations import Annotation, AnnotationFile, Problem
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError
from epam.evaluation import Accuracy, evaluate
from epam_inference.network import Network
from epam_inference.network_kind import RECIPES, NetworkKind, Stream
from epam_inference.prediction import NoPersonError, PreparedClip, prepare_inputs
from epam_inference.results import ClassSet, Evaluation, SkippedSample, SkipReason, StreamScores
from epam_inference.sample_lookup import (
    BROKEN_JOINTS_TREATED,
    choose_folder,
    count_broken_joints,
    describe_wrong_label,
    get_video,
)
from epam_inference.stopwatch import Stopwatch

TEST_SPLIT_ENDINGS = ("val", "test")
"""NTU's pickles call the test samples ``xsub_val``; those of the other data sets ``…_test``."""


@dataclass(frozen=True, eq=False)
class EvaluationPlan:
    """What is about to be evaluated.

    Attributes:
        annotations: the annotation file.
        split: its name there; none for a plain list, which is evaluated whole.
        samples: the split's usable samples, each once.
        problems: its unusable ones, each once.
        videos: the folder of the videos; none where the network needs none.
        caveats: sentences that the accuracies must not be read without.
    """

    annotations: Path
    split: str | None
    samples: tuple[Annotation, ...]
    problems: tuple[Problem, ...]
    videos: Path | None
    caveats: tuple[str, ...]


def plan_evaluation(
    kind: NetworkKind,
    classes: ClassSet,
    annotations: AnnotationFile,
    *,
    split: str | None = None,
    video: Path | None = None,
) -> EvaluationPlan:
    """Settle what is evaluated, and refuse early what cannot be, before the network is built.

    Args:
        kind: decides whether videos are needed.
        classes: the data set and protocol; a sample whose label is none of its classes is left out.
        annotations: the annotation file.
        split: a split of the file; none: the protocol's test split, or all of a plain list.
        video: the folder of the videos; none: looked for beside the annotation file.

    Raises:
        UnknownNameError: the file has no such split.
        AnnotationError: the split has no usable sample.
        InputError: not one label is a class of the protocol.
        VideoError: no video of any sample is found.
    """
    path = annotations.path
    split = _test_split(annotations, classes.protocol) if split is None else split
    found = tuple(annotations) if split is None else tuple(annotations.split(split))
    if not found:
        raise AnnotationError(f"{path}: split {split!r} has no usable sample; choose another with --split")
    samples, mislabelled = _part_by_label(found, classes, path)
    names = [sample.frame_dir for sample in samples]
    return EvaluationPlan(
        path,
        split,
        samples,
        _problems_of(annotations, split) + mislabelled,
        choose_folder(video, path, names) if RECIPES[kind].needs_video else None,
        _list_caveat(path, split) + _broken_joints_caveat(path, samples),
    )


def evaluate_plan(
    network: Network,
    classes: ClassSet,
    plan: EvaluationPlan,
    *,
    batch_size: int = 1,
    stopwatch: Stopwatch | None = None,
    advance: Callable[[], object] = lambda: None,
) -> Evaluation:
    """Score the plan's samples; Ctrl-C ends it early, and what was scored by then is kept.

    Args:
        network: asked for the scores.
        classes: the data set and protocol.
        plan: the samples.
        batch_size: clips a forward pass; the scores do not depend on it.
        stopwatch: gets the seconds of every step, summed over the samples.
        advance: called once a sample of the plan, scored or skipped.
    """
    stopwatch = stopwatch or Stopwatch()
    tally = _Tally(advance)
    interrupted = False
    try:
        _score_samples(network, plan, tally, batch_size, stopwatch)
    except KeyboardInterrupt:
        interrupted = True
    problems = [SkippedSample(sample, "malformed sample", message) for sample, message in plan.problems]
    return Evaluation(
        annotations=str(plan.annotations),
        videos=str(plan.videos) if plan.videos else None,
        model=network.name,
        classes=classes,
        split=plan.split,
        split_samples=len(plan.samples) + len(plan.problems),
        scores=tally.scores,
        labels=tally.labels,
        accuracy=_accuracy_by_stream(network.kind, tally.scores, tally.labels),
        skipped=(*problems, *tally.skipped),
        interrupted=interrupted,
        checkpoint=network.checkpoint,
        seconds=stopwatch.seconds,
        caveats=plan.caveats + tally.caveats + network.caveats,
    )


@dataclass(eq=False)
class _Tally:
    """What has become of the samples so far."""

    advance: Callable[[], object]
    scores: dict[str, StreamScores] = field(default_factory=dict)
    labels: dict[str, int] = field(default_factory=dict)
    skipped: list[SkippedSample] = field(default_factory=list)
    disagreements: list[str] = field(default_factory=list)

    def add(self, sample: Annotation, scores: StreamScores) -> None:
        self.scores[sample.frame_dir], self.labels[sample.frame_dir] = scores, sample.label
        self.advance()

    def skip(self, sample: SkippedSample) -> None:
        self.skipped.append(sample)
        self.advance()

    @property
    def caveats(self) -> tuple[str, ...]:
        if not self.disagreements:
            return ()
        return (
            f"videos that do not agree with their annotation, and were used: {len(self.disagreements)}; "
            f"the first: {self.disagreements[0]}",
        )


def _score_samples(
    network: Network, plan: EvaluationPlan, tally: _Tally, batch_size: int, stopwatch: Stopwatch
) -> None:
    prepared = _prepare_samples(network.kind, plan, tally, stopwatch)
    while batch := list(islice(prepared, batch_size)):
        with stopwatch.step("network"):
            answers = network.score([clip.inputs for _, clip in batch])
        for (sample, clip), scores in zip(batch, answers, strict=True):
            tally.disagreements.extend(clip.caveats)
            tally.add(sample, scores)


def _prepare_samples(
    kind: NetworkKind, plan: EvaluationPlan, tally: _Tally, stopwatch: Stopwatch
) -> Iterator[tuple[Annotation, PreparedClip]]:
    for sample in plan.samples:
        clip = _prepare_sample(kind, sample, plan, stopwatch)
        if isinstance(clip, SkippedSample):
            tally.skip(clip)
        else:
            yield sample, clip


def _prepare_sample(
    kind: NetworkKind, sample: Annotation, plan: EvaluationPlan, stopwatch: Stopwatch
) -> PreparedClip | SkippedSample:
    """Return the inputs, or why there are none; one bad sample costs only itself."""

    def skipped(reason: SkipReason, error: Exception) -> SkippedSample:
        return SkippedSample(sample.frame_dir, reason, str(error))

    try:
        video = get_video(plan.videos, sample.frame_dir) if plan.videos else None
    except VideoError as error:
        return skipped("missing video", error)
    try:
        return prepare_inputs(kind, sample, video, origin=plan.annotations, stopwatch=stopwatch)
    except NoPersonError as error:
        return skipped("no person in the clip", error)
    except VideoError as error:
        return skipped("damaged video", error)
    except InputError as error:
        return skipped("malformed sample", error)


def _accuracy_by_stream(
    kind: NetworkKind, scores: Mapping[str, StreamScores], labels: Mapping[str, int]
) -> dict[Stream, Accuracy]:
    if not scores:
        return {}
    return {
        stream: evaluate({sample: streams[stream] for sample, streams in scores.items()}, labels)
        for stream in RECIPES[kind].streams
    }


def _test_split(annotations: AnnotationFile, protocol: str) -> str | None:
    """Return the protocol's test split, or None for a plain list."""
    if not annotations.splits:
        return None
    candidates = [f"{protocol}_{ending}" for ending in TEST_SPLIT_ENDINGS]
    for name in candidates:
        if name in annotations.splits:
            return name
    raise UnknownNameError(f"split of {annotations.path}", candidates[0], annotations.splits)


def _problems_of(annotations: AnnotationFile, split: str | None) -> tuple[Problem, ...]:
    wanted = None if split is None else set(annotations.splits[split])
    first = {
        problem.sample: problem
        for problem in reversed(annotations.problems)
        if wanted is None or problem.sample in wanted
    }
    return tuple(reversed(first.values()))


def _part_by_label(
    samples: tuple[Annotation, ...], classes: ClassSet, path: Path
) -> tuple[tuple[Annotation, ...], tuple[Problem, ...]]:
    """Return the samples that the protocol has a class for, and what is wrong with the others."""
    num_classes = len(classes.names)
    usable, problems = [], []
    for sample in samples:
        if message := describe_wrong_label(sample, num_classes, origin=path):
            problems.append(Problem(sample.frame_dir, message))
        else:
            usable.append(sample)
    if not usable:
        raise InputError(
            f"{path}: every label is outside the {num_classes} classes of {classes.dataset} "
            f"{classes.protocol} (sample {samples[0].frame_dir} has {samples[0].label}); choose the data "
            "set with --dataset and --protocol"
        )
    return tuple(usable), tuple(problems)


def _list_caveat(path: Path, split: str | None) -> tuple[str, ...]:
    if split is not None:
        return ()
    return (f"{path}: a plain list: it does not say which split or protocol it is; evaluated whole",)


def _broken_joints_caveat(path: Path, samples: tuple[Annotation, ...]) -> tuple[str, ...]:
    broken = {sample.frame_dir: count for sample in samples if (count := count_broken_joints(sample))}
    if not broken:
        return ()
    return (
        f"{path}: samples with a coordinate or score that is NaN or infinite: {len(broken)}, with "
        f"{sum(broken.values())} such joints, {BROKEN_JOINTS_TREATED}; the first: {next(iter(broken))}",
    )
