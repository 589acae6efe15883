"""From an annotation and a video to what the networks take: the published test pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from epam.data.annotations import Annotation
from epam.data.frame_sampling import sample_frames
from epam.data.heatmaps import render_heatmaps
from epam.data.person_box import Box, crop_frames, crop_keypoints, person_box
from epam.data.video import StrPath, decode_chosen_frames, decode_frames
from epam.errors import VideoError

POSE_FRAMES = 48
RGB_FRAMES = 16
RGB_STRIDE = POSE_FRAMES // RGB_FRAMES
"""The RGB stream sees every third frame of the pose stream (paper section III; MMDecode)."""

HEATMAP_SIDE = 56
FRAME_SIDE = 224

RGB_MEAN = (123.675, 116.28, 103.53)
RGB_STD = (58.395, 57.12, 57.375)
"""ImageNet's mean and standard deviation in grey levels, red first, as published."""

StepTimer = Callable[[str], AbstractContextManager[object]]
"""Entered around each step with its name: ``decode``, ``crop``, ``heatmaps`` or ``normalise``."""


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
    sample = _as_annotation(annotation)
    indices = sample_frames(sample.total_frames, POSE_FRAMES)
    with step("heatmaps"):
        heatmaps = _draw_pose(sample, indices, clip_to_image=True)
    with step("decode"):
        frames, _ = decode_frames(
            video,
            indices[::RGB_STRIDE],
            expected_frames=sample.total_frames,
            sample=sample.frame_dir,
        )
    with step("crop"):
        frames = _crop_to_people(frames, sample, video)
    with step("normalise"):
        rgb = normalise_frames(frames)
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
    sample = _as_annotation(annotation)
    indices = sample_frames(sample.total_frames, POSE_FRAMES)
    with step("heatmaps"):
        return _draw_pose(sample, indices, clip_to_image=False)


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
    with step("decode"):
        frames, _ = decode_chosen_frames(
            video,
            partial(sample_frames, clip_length=RGB_FRAMES),
            expected_frames=None if sample is None else sample.total_frames,
            sample=None if sample is None else sample.frame_dir,
        )
    with step("crop"):
        frames = _crop_to_people(frames, sample, video)
    with step("normalise"):
        return normalise_frames(frames)


def normalise_frames(frames: NDArray[np.uint8]) -> Tensor:
    """``(T, H, W, 3)`` grey levels → ``(3, T, H, W)`` float32, less the mean, over the deviation."""
    pixels = (
        torch.from_numpy(frames).permute(3, 0, 1, 2).to(torch.float32, memory_format=torch.contiguous_format)
    )
    return pixels.sub_(torch.tensor(RGB_MEAN).view(3, 1, 1, 1)).div_(torch.tensor(RGB_STD).view(3, 1, 1, 1))


def _as_annotation(annotation: Annotation | Mapping[str, object]) -> Annotation:
    if isinstance(annotation, Annotation):
        return annotation
    return Annotation.from_mapping(annotation, origin="annotation")


def _draw_pose(sample: Annotation, indices: NDArray[np.int64], *, clip_to_image: bool) -> Tensor:
    keypoints = sample.keypoint[:, indices]
    box = person_box(keypoints, sample.img_shape, clip_to_image=clip_to_image)
    points = crop_keypoints(keypoints, box, height=HEATMAP_SIDE, width=HEATMAP_SIDE)
    scores = sample.keypoint_score[:, indices]
    return torch.from_numpy(render_heatmaps(points, scores, height=HEATMAP_SIDE, width=HEATMAP_SIDE))


def _crop_to_people(
    frames: NDArray[np.uint8], sample: Annotation | None, video: StrPath
) -> NDArray[np.uint8]:
    height, width = frames.shape[1:3]
    if (height, width) == (FRAME_SIDE, FRAME_SIDE):
        return frames
    if sample is None:
        raise VideoError(
            f"{video}: frames are {width}×{height}; without annotations only {FRAME_SIDE}×"
            f"{FRAME_SIDE} crops can be used: give the annotations, to crop by the people in them"
        )
    box = person_box(sample.keypoint, sample.img_shape)
    return crop_frames(frames, _scale_box(box, sample, (height, width), video), side=FRAME_SIDE)


def _scale_box(box: Box, sample: Annotation, frame_size: tuple[int, int], video: StrPath) -> Box:
    """Carry a box from the annotation's image to frames that are the same image at another size."""
    height, width = frame_size
    image_height, image_width = sample.img_shape
    scale = width / image_width
    if abs(height - image_height * scale) > 1:  # encoders round a side to whole pixels
        raise VideoError(
            f"{video} (sample {sample.frame_dir}): frames are {width}×{height}, the keypoints' image "
            f"is {image_width}×{image_height}; use the original video, a scaled copy of it, or "
            f"a {FRAME_SIDE}×{FRAME_SIDE} crop"
        )
    x1, y1 = min(int(box[0] * scale), width - 1), min(int(box[1] * scale), height - 1)
    x2, y2 = max(x1 + 1, min(int(box[2] * scale), width)), max(y1 + 1, min(int(box[3] * scale), height))
    return x1, y1, x2, y2
