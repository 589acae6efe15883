"""Keypoints drawn as Gaussian heatmaps, one channel a joint."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epam.errors import InputError

FAINTEST_SCORE = 1e-4
"""Joints scored below are not drawn (published ``GeneratePoseTarget``; PYSKL's is 1e-3)."""

WINDOW_SIGMAS = 3
"""Standard deviations from a joint to the edge of the window that it is drawn in."""


def render_heatmaps(
    keypoints: ArrayLike, scores: ArrayLike, *, height: int, width: int, sigma: float = 0.6
) -> NDArray[np.float32]:
    """Draw every joint as a Gaussian whose peak is its score (``GeneratePoseTarget``).

    Where persons overlap, the brighter value counts::

        H[v, t, y, x] = max over persons of s · exp(-((x - mx)² + (y - my)²) / (2 sigma²))

    and only inside the window from ``trunc(m - 3 sigma)`` to ``trunc(m + 3 sigma)``, which is not
    symmetric: truncation is published, and the networks were trained on it.

    A NaN coordinate is drawn as 0, in the corner, as published. Left undrawn are an infinite
    coordinate (which stops the published code) and a score that is NaN (which there makes NaN
    pixels) or infinite.

    Args:
        keypoints: ``(persons, frames, joints, 2)``, x and y in heatmap pixels; no persons is fine.
        scores: ``(persons, frames, joints)``.
        height: rows of a heatmap.
        width: columns of a heatmap.
        sigma: standard deviation of a joint in heatmap pixels.

    Returns:
        ``(joints, frames, height, width)``, contiguous.

    Raises:
        InputError: shapes that don't fit together, a size below one, a sigma that is not positive.
    """
    points, peaks = _validated(keypoints, scores, height=height, width=width, sigma=sigma)
    persons, frames, joints = peaks.shape
    canvas = np.zeros((joints, frames, height, width), dtype=np.float32)
    columns, across = _profiles(points[..., 0], size=width, sigma=sigma)
    rows, down = _profiles(points[..., 1], size=height, sigma=sigma)
    down *= peaks[..., None]
    planes = np.arange(frames)[:, None] + np.arange(joints) * frames
    corners = planes * (height * width) + rows * width + columns
    inside = np.arange(down.shape[-1])[:, None] * width + np.arange(across.shape[-1])
    pixels = canvas.reshape(-1)
    for person in range(persons):
        # The patches of one person never share a pixel (each has its own plane), and the pixels
        # of a patch are distinct: plain indexing is enough, and much faster than `maximum.at`.
        where = corners[person][..., None, None] + inside
        patch = down[person][..., :, None] * across[person][..., None, :]
        pixels[where] = np.maximum(pixels[where], patch)
    return canvas


def _profiles(
    centres: NDArray[np.float32], *, size: int, sigma: float
) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """One axis of every joint's window: ``(...)`` first pixel, ``(..., reach)`` Gaussian values.

    All windows are as long as the longest can be and lie inside the image: what is not of the
    joint's own window is zero.
    """
    reach = min(size, int(2 * WINDOW_SIGMAS * sigma) + 2)
    margin = WINDOW_SIGMAS * sigma
    # Edges in double precision, as NumPy < 2 evaluated them when the networks were trained; in
    # single precision one in 2000 lands on the other side.
    exact = centres.astype(np.float64)
    begin = np.clip(np.trunc(exact - margin), 0, size)
    end = np.clip(np.trunc(exact + margin) + 1, 0, size)
    first = np.minimum(begin, size - reach).astype(np.int64)
    pixels = first[..., None] + np.arange(reach)
    within = (pixels >= begin[..., None]) & (pixels < end[..., None])
    # An empty window's centre may be anywhere, infinity included; what is squared must not be.
    anchored = np.where(begin < end, centres, np.float32(0))
    distance = pixels.astype(np.float32) - anchored[..., None]
    values = np.exp(np.square(distance) * np.float32(-0.5 / sigma**2))
    return first, np.where(within, values, np.float32(0))


def _validated(
    keypoints: ArrayLike, scores: ArrayLike, *, height: int, width: int, sigma: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    with np.errstate(over="ignore"):  # a double beyond single precision becomes infinite: undrawn
        points = np.asarray(keypoints).astype(np.float32)
        peaks = np.asarray(scores).astype(np.float32)
    if points.ndim != 4 or points.shape[-1] != 2:
        raise InputError(f"keypoints have shape {points.shape}; expected (persons, frames, joints, 2)")
    if peaks.shape != points.shape[:-1]:
        raise InputError(f"scores have shape {peaks.shape}; the keypoints need {points.shape[:-1]}")
    if height < 1 or width < 1:
        raise InputError(f"heatmaps of {height} × {width} pixels; both must be at least 1")
    if not 0 < sigma < np.inf:
        raise InputError(f"sigma is {sigma}; it must be a positive number of pixels")
    points = np.where(np.isnan(points), np.float32(0), points)
    drawn = np.isfinite(peaks) & (peaks >= FAINTEST_SCORE)
    return points, np.where(drawn, peaks, np.float32(0))
