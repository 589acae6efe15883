"""One clip of the paper's size by the published test pipelines, each in one call."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from epam.data.annotations import Annotation
from epam.data.pipelines import Pipeline, StepTimer
from epam.data.video import StrPath


class Clip(NamedTuple):
    """One sample, ready for a batch.

    Attributes:
        rgb: ``(3, 16, 224, 224)``, float32, normalised.
        heatmaps: ``(17, 48, 56, 56)``, float32.
    """

    rgb: Tensor
    heatmaps: Tensor


def prepare_clip(
    annotation: Annotation | Mapping[str, object], video: StrPath, *, step: StepTimer = nullcontext
) -> Clip:
    """Prepare both inputs of EPAM-Net (published multimodal test pipeline).

    ::

        annotation ─ sample 48 frames ─ box of these ─ keypoints in it ─ heatmaps 56×56
                             └ every third
        video ───────────────────┴ decode 16 ─ box of all frames ─ crop ─ 224×224 ─ normalise

    A video of 224×224 is taken for an offline crop and used as it is. Otherwise it must show what
    the keypoints were found in, at their size or scaled as a whole. The two boxes differ, as
    published: the offline crop was made once a video, the pose box once a clip.

    Args:
        annotation: the sample, or a mapping in the pyskl layout.
        video: its video file.
        step: times the steps; see ``StepTimer``.

    Raises:
        AnnotationError: a mapping that is not a valid sample.
        VideoError: missing, damaged or shorter than the annotation, or of another shape.
    """
    rgb, heatmaps = Pipeline("multimodal")(_as_annotation(annotation), Path(video), step=step)
    return Clip(rgb, heatmaps)


def prepare_pose_clip(
    annotation: Annotation | Mapping[str, object], *, step: StepTimer = nullcontext
) -> Tensor:
    """Prepare the pose network's input alone (published pose-only test pipeline).

    Differs from the multimodal one in that the box may reach outside the image.

    Args:
        annotation: the sample, or a mapping in the pyskl layout.
        step: times the steps.

    Returns:
        ``(17, 48, 56, 56)`` float32 heatmaps.

    Raises:
        AnnotationError: a mapping that is not a valid sample.
    """
    [heatmaps] = Pipeline("pose")(_as_annotation(annotation), None, step=step)
    return heatmaps


def prepare_rgb_clip(
    video: StrPath,
    annotation: Annotation | Mapping[str, object] | None = None,
    *,
    step: StepTimer = nullcontext,
) -> Tensor:
    """Prepare the RGB network's input alone (published RGB-only test pipeline).

    The 16 frames are sampled from the frames decoded, not from every third of 48.

    Args:
        video: the video file; 224×224 crops, unless there is an annotation to crop by.
        annotation: the sample, or a mapping in the pyskl layout; its number of frames is then
            demanded of the video.
        step: times the steps.

    Returns:
        ``(3, 16, 224, 224)`` float32 frames, normalised.

    Raises:
        AnnotationError: a mapping that is not a valid sample.
        VideoError: missing, damaged or cut short, or of another shape.
    """
    sample = None if annotation is None else _as_annotation(annotation)
    [rgb] = Pipeline("rgb")(sample, Path(video), step=step)
    return rgb


def _as_annotation(annotation: Annotation | Mapping[str, object]) -> Annotation:
    if isinstance(annotation, Annotation):
        return annotation
    return Annotation.from_mapping(annotation, origin="annotation")
