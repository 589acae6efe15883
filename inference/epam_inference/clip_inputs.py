"""One sample's network inputs, from its keypoints and video, or the reason why there are none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from torch import Tensor

from epam.data.annotations import Annotation
from epam.data.clip import prepare_clip, prepare_pose_clip, prepare_rgb_clip
from epam.errors import AnnotationError, InputError
from epam_inference.modality import MODALITIES, Modality
from epam_inference.stopwatch import Stopwatch


class NoPersonError(AnnotationError):
    """Nobody is in the clip: the pose stream would look at empty heatmaps."""


def prepare_inputs(
    modality: Modality, annotation: Annotation | None, video: Path | None, stopwatch: Stopwatch
) -> tuple[Tensor, ...]:
    """Return the modality's inputs in the order of ``forward``, without the batch dimension.

    Args:
        modality: decides the pipeline: the published test pipeline of that network.
        annotation: the sample; only RGB alone does without.
        video: its video; only pose alone does without.
        stopwatch: gets the steps ``decode``, ``crop``, ``heatmaps`` and ``normalise``.

    Raises:
        NoPersonError: nobody is in the frames that the network would see. The published code
            draws empty heatmaps and scores them all the same; here it is said.
        VideoError: the video is missing, damaged or another one.
        InputError: an input that the modality needs was not given.
    """
    if MODALITIES[modality].person and annotation is not None and not annotation.has_person:
        raise _no_person(annotation)
    if modality == "rgb" and video is not None:
        return (prepare_rgb_clip(video, annotation, step=stopwatch.step),)
    if modality == "pose" and annotation is not None:
        inputs: tuple[Tensor, ...] = (prepare_pose_clip(annotation, step=stopwatch.step),)
    elif annotation is not None and video is not None:
        inputs = prepare_clip(annotation, video, step=stopwatch.step)
    else:
        raise InputError(f"{modality}: the {'keypoints' if annotation is None else 'video'} are missing")
    if not inputs[-1].any():
        raise _no_person(annotation)
    return tuple(inputs)


def check_label(annotation: Annotation, num_classes: int, *, origin: Path) -> None:
    """Raise InputError if the sample's class is not one of the data set's."""
    if annotation.label >= num_classes:
        raise InputError(
            f"{origin}: sample {annotation.frame_dir} has label {annotation.label}, and the protocol only "
            f"{num_classes} classes, from 0; choose its data set with --dataset and --protocol"
        )


def count_nan_joints(annotation: Annotation) -> int:
    """Return how many joints, over all persons and frames, have a coordinate that is not a number."""
    return int(np.isnan(annotation.keypoint).any(axis=-1).sum())


def _no_person(annotation: Annotation) -> NoPersonError:
    return NoPersonError(
        f"sample {annotation.frame_dir}: no person in the clip (every joint is absent or scored 0); "
        "detect its keypoints again, or leave the sample out"
    )
