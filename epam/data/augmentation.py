"""The published training transforms: one mirroring of both streams, and the pose stream's random crop."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epam.data.person_box import Box
from epam.data.sample_randomness import SampleRandomness
from epam.errors import InputError

FLIPPED_JOINTS = (0, *(joint for left in range(1, 17, 2) for joint in (left + 1, left)))
"""Joint n of a mirrored COCO skeleton is this joint of the original: left (odd) and right (even) swap."""

SHORT_SIDE = 64
"""Short side, in pixels, that a pose clip is brought to before it is cropped (published, pose only)."""

CROP_AREA = (0.56, 1.0)
CROP_ASPECT = (3 / 4, 4 / 3)
CROP_TRIES = 10
"""Part of the area, width to height, and attempts of a random crop (published, pose only)."""


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """What is varied at random while training.

    Attributes:
        flip_probability: how often a clip is mirrored, all its streams together.
        crop: whether the pose-only pipeline crops at random; the other two never do.
    """

    flip_probability: float = 0.5
    crop: bool = True

    def __post_init__(self) -> None:
        if not 0 <= self.flip_probability <= 1:
            raise InputError(f"flip_probability is {self.flip_probability}; give a number from 0 to 1")

    def toss(self, randomness: SampleRandomness) -> bool:
        """Whether this clip is mirrored; one draw, whatever the probability."""
        return bool(randomness.numpy.rand() < self.flip_probability)


def flip_keypoints(
    points: NDArray[np.floating[Any]], scores: NDArray[np.floating[Any]], *, width: int
) -> tuple[NDArray[np.floating[Any]], NDArray[np.floating[Any]]]:
    """Mirror skeletons: ``x → width - x``, then left joints become right ones.

    An x of exactly 0 means "not there" and stays; ``width - x``, not ``width - 1 - x``, is published.

    Args:
        points: ``(persons, frames, 17, 2)``, x and y in pixels.
        scores: ``(persons, frames, 17)``.
        width: width of the image, in pixels.

    Returns:
        New points and scores of the same shapes.
    """
    flipped = points.copy()
    x = flipped[..., 0]
    x[x != 0] = width - x[x != 0]
    order = list(FLIPPED_JOINTS)
    return flipped[..., order, :], scores[..., order]


def rescaled_size(height: int, width: int, *, short_side: int = SHORT_SIDE) -> tuple[int, int]:
    """``(height, width)`` with the short side of that many pixels, the long one rounded half up."""
    scale = short_side / min(height, width)
    return int(height * scale + 0.5), int(width * scale + 0.5)


def random_crop(height: int, width: int, randomness: SampleRandomness) -> Box:
    """Draw a box of 56 to 100 % of the area and of 3:4 to 4:3 (``RandomResizedCrop``).

    Of ten candidates the first that fits is taken, and put anywhere; if none fits, the largest
    square in the middle. All ten shapes are drawn whether needed or not, in double precision, as
    published: the generators' later draws, and the last pixel, depend on it.

    Args:
        height: rows of the image.
        width: columns of the image.
        randomness: NumPy's draws decide the size, Python's the place.

    Returns:
        ``(x1, y1, x2, y2)``, inside the image.
    """
    low, high = np.log(CROP_ASPECT)
    aspects = np.exp(randomness.numpy.uniform(low, high, size=CROP_TRIES))
    areas = randomness.numpy.uniform(*CROP_AREA, size=CROP_TRIES) * (height * width)
    widths = np.round(np.sqrt(areas * aspects)).astype(int).tolist()
    heights = np.round(np.sqrt(areas / aspects)).astype(int).tolist()
    for crop_width, crop_height in zip(widths, heights, strict=True):
        if crop_width <= width and crop_height <= height:
            left = randomness.python.randint(0, width - crop_width)
            top = randomness.python.randint(0, height - crop_height)
            return left, top, left + crop_width, top + crop_height
    side = min(height, width)
    left, top = (width - side) // 2, (height - side) // 2
    return left, top, left + side, top + side


def cut_keypoints(
    points: NDArray[np.floating[Any]], box: Box, *, height: int, width: int
) -> NDArray[np.floating[Any]]:
    """Move keypoints into a box of their image, and stretch the box to ``height × width``.

    Unlike ``crop_keypoints`` this moves absent joints, at 0, too: published, and without effect
    where their score is 0.

    Args:
        points: ``(..., 2)``, x and y in pixels.
        box: ``(x1, y1, x2, y2)``.
        height: pixels that the box is high afterwards.
        width: pixels that the box is wide afterwards.
    """
    x1, y1, x2, y2 = box
    scale = np.array([width / (x2 - x1), height / (y2 - y1)], dtype=np.float32)
    return (points - np.array([x1, y1], dtype=np.float64)) * scale
