"""Where the people of a clip are, and frames and keypoints cut to that place."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epam.errors import InputError

Box = tuple[int, int, int, int]
"""Left, top, right, bottom in pixels; right and bottom are the first column and row outside."""

_FARTHEST = 1e6
"""Pixels from the origin beyond which a coordinate is a defect of the file, not a joint."""


def person_box(
    keypoints: ArrayLike,
    image_size: tuple[int, int],
    *,
    padding: float = 0.25,
    threshold: float = 10,
    clip_to_image: bool = True,
) -> Box:
    """Find the one padded square that holds every person in every frame (``PoseCompact``).

    A coordinate that is 0, NaN, infinite or a million pixels away is no joint's and does not
    count; x and y are judged separately, as published. The square is cut at the image border, so
    that a box near it is not square. People less than ``threshold`` pixels wide or high, or
    nobody at all, give the whole image. So does a box that lies outside the image altogether,
    which the published code turns into an empty crop.

    Args:
        keypoints: ``(persons, frames, joints, 2)``, x and y in pixels.
        image_size: ``(height, width)`` of the image that they are in.
        padding: what is added on every side, as a part of half the extent.
        threshold: smallest extent in pixels that is believed.
        clip_to_image: cut the box at the image border; without, it may reach outside
            (the published pose-only pipeline).

    Returns:
        ``(x1, y1, x2, y2)``, never empty.

    Raises:
        InputError: keypoints of another shape, or an image without pixels.
    """
    points = _as_points(keypoints)
    height, width = image_size
    if height < 1 or width < 1:
        raise InputError(f"image size is {height} × {width} pixels; both must be at least 1")
    whole = (0, 0, width, height)
    left, right = _extent(points[..., 0])
    top, bottom = _extent(points[..., 1])
    if right - left < threshold or bottom - top < threshold:
        return whole
    half = max(right - left, bottom - top) / 2 * (1 + padding)
    centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
    if not clip_to_image:
        return int(centre_x - half), int(centre_y - half), int(centre_x + half), int(centre_y + half)
    x1, y1 = int(max(0, centre_x - half)), int(max(0, centre_y - half))
    x2, y2 = int(min(width, centre_x + half)), int(min(height, centre_y + half))
    return (x1, y1, x2, y2) if x1 < x2 and y1 < y2 else whole


def crop_keypoints(keypoints: ArrayLike, box: Box, *, height: int, width: int) -> NDArray[np.float32]:
    """Move keypoints from the image into the box, and stretch the box to ``height × width``.

    A coordinate of exactly 0 means "not there" and stays 0; NaN becomes 0 (both as published).

    Args:
        keypoints: ``(persons, frames, joints, 2)``, x and y in pixels of the image.
        box: ``(x1, y1, x2, y2)``.
        height: pixels that the box is high afterwards.
        width: pixels that the box is wide afterwards.

    Returns:
        Keypoints of the same shape.
    """
    x1, y1, x2, y2 = box
    # Single precision throughout: the published pipeline's, which decides the last digit and
    # with it, now and then, the edge of a heatmap's window.
    with np.errstate(over="ignore"):
        points = _as_points(keypoints).astype(np.float32)
    points = np.where(np.isnan(points), np.float32(0), points)
    moved = np.where(points != 0, points - np.array([x1, y1], dtype=np.float32), points)
    return moved * np.array([width / (x2 - x1), height / (y2 - y1)], dtype=np.float32)


def crop_frames(frames: NDArray[np.uint8], box: Box, *, side: int) -> NDArray[np.uint8]:
    """Cut a box out of every frame and resize it to a square, bilinearly.

    Pixel centres at halves, no antialiasing, rounded half up: OpenCV's ``INTER_LINEAR`` to within
    one grey level (it works in fixed point).

    Args:
        frames: ``(frames, height, width, 3)``.
        box: ``(x1, y1, x2, y2)``, inside the frames.
        side: pixels of the result's side.

    Returns:
        ``(frames, side, side, 3)``.
    """
    # Here, not above: processes that draw or find boxes, and resize nothing, start without PyTorch.
    import torch
    import torch.nn.functional as F

    x1, y1, x2, y2 = box
    cut = np.empty((len(frames), side, side, 3), dtype=np.uint8)
    for frame, out in zip(frames, cut, strict=True):  # one at a time: floats of a clip are large
        pixels = torch.tensor(frame[y1:y2, x1:x2]).permute(2, 0, 1)[None].float()
        resized = F.interpolate(pixels, size=(side, side), mode="bilinear", align_corners=False)
        out[:] = (resized[0].permute(1, 2, 0) + 0.5).to(torch.uint8).numpy()
    return cut


def _as_points(keypoints: ArrayLike) -> NDArray[np.floating]:
    points = np.asarray(keypoints)
    if points.ndim != 4 or points.shape[-1] != 2:
        raise InputError(f"keypoints have shape {points.shape}; expected (persons, frames, joints, 2)")
    return points


def _extent(coordinates: NDArray[np.floating]) -> tuple[float, float]:
    values = coordinates.astype(np.float64)
    present = values[(values != 0) & (np.abs(values) < _FARTHEST)]
    return (float(present.min()), float(present.max())) if present.size else (0.0, -1.0)
