"""One clip becomes the network's inputs, and these the scores of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from epam.data.annotations import Annotation
from epam.data.pipelines import Pipeline
from epam.data.video import collect_video_warnings
from epam.errors import AnnotationError
from epam_baselines.network import Network
from epam_inference.network_kind import needs_person
from epam_inference.results import ClassSet, Prediction
from epam_inference.sample_lookup import ChosenClip
from epam_inference.stopwatch import Stopwatch


class NoPersonError(AnnotationError):
    """Nobody is in the clip: the pose stream would look at empty heatmaps."""


class PreparedClip(NamedTuple):
    """What the network is given, and what must be said of it.

    Attributes:
        inputs: in the order of ``forward``, without the batch dimension.
        caveats: where the video does not agree with its annotation, and can be used all the same.
    """

    inputs: tuple[Tensor, ...]
    caveats: tuple[str, ...]


def predict(
    network: Network, classes: ClassSet, clip: ChosenClip, *, stopwatch: Stopwatch | None = None
) -> Prediction:
    """Prepare the clip as in the published tests, and score it.

    Args:
        network: asked for the scores.
        classes: the data set and protocol that name the classes.
        clip: the sample, its annotation and its video.
        stopwatch: gets the seconds of every step.

    Raises:
        NoPersonError: nobody is in the clip.
        VideoError: the video is missing, damaged or another one.
    """
    stopwatch = stopwatch or Stopwatch()
    pipeline = Pipeline(network.spec.pipeline_kind, network.spec.clip_size)
    prepared = prepare_inputs(pipeline, clip.annotation, clip.video, origin=clip.origin, stopwatch=stopwatch)
    with stopwatch.step("network"):
        logits = network.score(prepared.inputs)
    return Prediction(
        sample=clip.sample,
        video=str(clip.video) if clip.video else None,
        model=network.spec.name,
        classes=classes,
        logits=logits,
        label=clip.annotation.label if clip.annotation else None,
        checkpoint=network.checkpoint,
        seconds=stopwatch.seconds,
        caveats=clip.caveats + prepared.caveats + network.caveats,
    )


def prepare_inputs(
    pipeline: Pipeline,
    annotation: Annotation | None,
    video: Path | None,
    *,
    origin: Path | None,
    stopwatch: Stopwatch,
) -> PreparedClip:
    """Prepare one sample by a published test pipeline.

    Args:
        pipeline: in test mode.
        annotation: the sample; only RGB alone does without.
        video: its video; only pose alone does without.
        origin: the annotation file, for messages.
        stopwatch: gets the steps ``decode``, ``crop``, ``heatmaps`` and ``normalise``.

    Raises:
        NoPersonError: nobody is in the frames that the network would see. The published code
            draws empty heatmaps and scores them all the same; here it is said.
        VideoError: the video is missing, damaged or another one.
        InputError: an input that the network needs was not given.
    """
    watched = annotation if needs_person(pipeline.kind) else None
    if watched is not None and not watched.has_person:
        raise _no_person(watched, origin)
    with collect_video_warnings() as caveats:
        inputs = pipeline(annotation, video, step=stopwatch.step)
    if watched is not None and not inputs[-1].any():
        raise _no_person(watched, origin)
    return PreparedClip(inputs, tuple(caveats))


def _no_person(annotation: Annotation, origin: Path | None) -> NoPersonError:
    where = f"{origin}: " if origin else ""
    return NoPersonError(
        f"{where}sample {annotation.frame_dir}: no person in the clip (every joint is absent or scored 0); "
        "detect its keypoints again, or leave the sample out"
    )
