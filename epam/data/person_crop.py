"""Frames of any video brought to the square crops around the people that the networks take."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray

from epam.data.annotations import Annotation
from epam.data.person_box import Box, crop_frames, person_box
from epam.data.video import StrPath
from epam.errors import VideoError

CROP_SIDE = 224
"""Side of the crops that are made offline; frames of this size are taken for such a crop."""


def crop_to_people(
    frames: NDArray[np.uint8], sample: Annotation | None, video: StrPath, *, side: int = CROP_SIDE
) -> NDArray[np.uint8]:
    """Cut frames to the one box that holds everybody in all frames of the video.

    Frames of 224×224 are an offline crop, and used as they are. Others must show what the
    keypoints were found in, at their size or scaled as a whole. Another side than 224 is reached
    from there, by area where it is smaller, so that both ways give the same picture.

    Args:
        frames: ``(frames, height, width, 3)``.
        sample: whose keypoints say where to cut.
        video: the file, for messages.
        side: pixels of the result's side.

    Returns:
        ``(frames, side, side, 3)``.

    Raises:
        VideoError: another shape of frame than the keypoints' image, or no keypoints to cut by.
    """
    if frames.shape[1:3] != (CROP_SIDE, CROP_SIDE):
        frames = _cut(frames, sample, video)
    return frames if side == CROP_SIDE else _resize(frames, side)


def _cut(frames: NDArray[np.uint8], sample: Annotation | None, video: StrPath) -> NDArray[np.uint8]:
    height, width = frames.shape[1:3]
    if sample is None:
        raise VideoError(
            f"{video}: frames are {width}×{height}; without annotations only {CROP_SIDE}×"
            f"{CROP_SIDE} crops can be used: give the annotations, to crop by the people in them"
        )
    box = person_box(sample.keypoint, sample.img_shape)
    return crop_frames(frames, _scale_box(box, sample, (height, width), video), side=CROP_SIDE)


def _scale_box(box: Box, sample: Annotation, frame_size: tuple[int, int], video: StrPath) -> Box:
    """Carry a box from the annotation's image to frames that are the same image at another size."""
    height, width = frame_size
    image_height, image_width = sample.img_shape
    scale = width / image_width
    if abs(height - image_height * scale) > 1:  # encoders round a side to whole pixels
        raise VideoError(
            f"{video} (sample {sample.frame_dir}): frames are {width}×{height}, the keypoints' image "
            f"is {image_width}×{image_height}; use the original video, a scaled copy of it, or "
            f"a {CROP_SIDE}×{CROP_SIDE} crop"
        )
    x1, y1 = min(int(box[0] * scale), width - 1), min(int(box[1] * scale), height - 1)
    x2, y2 = max(x1 + 1, min(int(box[2] * scale), width)), max(y1 + 1, min(int(box[3] * scale), height))
    return x1, y1, x2, y2


def _resize(frames: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """``(T, H, W, 3) → (T, side, side, 3)``, bilinear, averaged over the pixels that one stands for."""
    pixels = torch.from_numpy(frames).permute(0, 3, 1, 2)
    resized = F.interpolate(pixels, size=(side, side), mode="bilinear", antialias=True)
    return resized.permute(0, 2, 3, 1).contiguous().numpy()
