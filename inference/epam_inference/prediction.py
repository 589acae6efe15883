"""One clip becomes the network's inputs, and these the scores of its classes."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from epam.data.annotations import Annotation
from epam.data.clip import prepare_clip, prepare_pose_clip, prepare_rgb_clip
from epam.errors import AnnotationError, InputError, VideoWarning
from epam_inference.network import Network
from epam_inference.network_kind import RECIPES, NetworkKind
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
    prepared = prepare_inputs(
        network.kind, clip.annotation, clip.video, origin=clip.origin, stopwatch=stopwatch
    )
    with stopwatch.step("network"):
        [logits] = network.score([prepared.inputs])
    return Prediction(
        sample=clip.sample,
        video=str(clip.video) if clip.video else None,
        model=network.name,
        classes=classes,
        logits=logits,
        label=clip.annotation.label if clip.annotation else None,
        checkpoint=network.checkpoint,
        seconds=stopwatch.seconds,
        caveats=clip.caveats + prepared.caveats + network.caveats,
    )


def prepare_inputs(
    kind: NetworkKind,
    annotation: Annotation | None,
    video: Path | None,
    *,
    origin: Path | None,
    stopwatch: Stopwatch,
) -> PreparedClip:
    """Prepare one sample by the published test pipeline of that kind of network.

    Args:
        kind: decides the pipeline.
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
    needs_person = RECIPES[kind].needs_person
    if needs_person and annotation is not None and not annotation.has_person:
        raise _no_person(annotation, origin)
    with _video_warnings() as caveats:
        inputs = _run_pipeline(kind, annotation, video, stopwatch)
    if needs_person and annotation is not None and not inputs[-1].any():
        raise _no_person(annotation, origin)
    return PreparedClip(inputs, tuple(caveats))


def _run_pipeline(
    kind: NetworkKind, annotation: Annotation | None, video: Path | None, stopwatch: Stopwatch
) -> tuple[Tensor, ...]:
    if kind == "rgb" and video is not None:
        return (prepare_rgb_clip(video, annotation, step=stopwatch.step),)
    if kind == "pose" and annotation is not None:
        return (prepare_pose_clip(annotation, step=stopwatch.step),)
    if kind == "multimodal" and annotation is not None and video is not None:
        return tuple(prepare_clip(annotation, video, step=stopwatch.step))
    missing = "video" if kind == "rgb" or annotation is not None else "keypoints"
    raise InputError(f"{kind}: the {missing} must be given")


@contextmanager
def _video_warnings() -> Iterator[list[str]]:
    """Collect what is warned of videos; every other warning goes where it would have gone."""
    sentences: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", VideoWarning)
        yield sentences
    for warning in caught:
        if issubclass(warning.category, VideoWarning):
            sentences.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


def _no_person(annotation: Annotation, origin: Path | None) -> NoPersonError:
    where = f"{origin}: " if origin else ""
    return NoPersonError(
        f"{where}sample {annotation.frame_dir}: no person in the clip (every joint is absent or scored 0); "
        "detect its keypoints again, or leave the sample out"
    )
