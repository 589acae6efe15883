"""Every sample of a split scored once, those that cannot be are counted, and the accuracies of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from torch import Tensor

from epam.data.annotations import Annotation
from epam.errors import InputError, VideoError
from epam.evaluation import Accuracy, evaluate
from epam_inference.clip_inputs import NoPersonError, prepare_inputs
from epam_inference.evaluation_plan import EvaluationPlan
from epam_inference.modality import MODALITIES, Modality, Stream
from epam_inference.network import Network
from epam_inference.results import ClassSet, Evaluation, SkippedSample, SkipReason, StreamScores
from epam_inference.stopwatch import Stopwatch
from epam_inference.video_lookup import get_video

PreparedSample = tuple[Annotation, tuple[Tensor, ...]]


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
    scores: dict[str, StreamScores] = {}
    labels: dict[str, int] = {}
    skipped = [
        SkippedSample(problem.sample, "malformed sample", problem.message) for problem in plan.problems
    ]

    def skip(sample: SkippedSample) -> None:
        skipped.append(sample)
        advance()

    interrupted = False
    try:
        prepared = _prepare_samples(network.modality, plan, stopwatch, skip)
        while batch := list(islice(prepared, batch_size)):
            with stopwatch.step("network"):
                answers = network.score([inputs for _, inputs in batch])
            for (sample, _), answer in zip(batch, answers, strict=True):
                scores[sample.frame_dir], labels[sample.frame_dir] = answer, sample.label
                advance()
    except KeyboardInterrupt:
        interrupted = True
    return Evaluation(
        annotations=str(plan.annotations),
        videos=str(plan.videos) if plan.videos else None,
        model=network.name,
        classes=classes,
        split=plan.split,
        split_samples=len(plan.samples) + len(plan.problems),
        scores=scores,
        labels=labels,
        accuracy=_accuracy_by_stream(network.modality, scores, labels),
        skipped=tuple(skipped),
        interrupted=interrupted,
        checkpoint=network.checkpoint,
        seconds=stopwatch.seconds,
        caveats=plan.caveats + network.caveats,
    )


def _prepare_samples(
    modality: Modality, plan: EvaluationPlan, stopwatch: Stopwatch, skip: Callable[[SkippedSample], None]
) -> Iterator[PreparedSample]:
    for sample in plan.samples:
        inputs = _prepare_sample(modality, sample, plan.videos, stopwatch)
        if isinstance(inputs, SkippedSample):
            skip(inputs)
        else:
            yield sample, inputs


def _prepare_sample(
    modality: Modality, sample: Annotation, videos: Path | None, stopwatch: Stopwatch
) -> tuple[Tensor, ...] | SkippedSample:
    """Return the inputs, or why there are none; one bad sample costs only itself."""

    def skipped(reason: SkipReason, error: Exception) -> SkippedSample:
        return SkippedSample(sample.frame_dir, reason, str(error))

    try:
        video = get_video(videos, sample.frame_dir) if videos else None
    except VideoError as error:
        return skipped("missing video", error)
    try:
        return prepare_inputs(modality, sample, video, stopwatch)
    except NoPersonError as error:
        return skipped("no person in the clip", error)
    except VideoError as error:
        return skipped("damaged video", error)
    except InputError as error:
        return skipped("malformed sample", error)


def _accuracy_by_stream(
    modality: Modality, scores: Mapping[str, StreamScores], labels: Mapping[str, int]
) -> dict[Stream, Accuracy]:
    if not scores:
        return {}
    return {
        stream: evaluate({sample: streams[stream] for sample, streams in scores.items()}, labels)
        for stream in MODALITIES[modality].streams
    }
