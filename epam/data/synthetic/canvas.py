"""A picture that shapes with soft edges are painted on, any part of the image at any resolution."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epam.data.person_box import Box

Pixels = NDArray[np.float32]
Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 255."""

_DARKEST = np.float32(0.4)


class Canvas:
    """Paints in the image's coordinates what a box of it shows, ``side`` pixels wide and high.

    Pixel centres are where resizing the box would put them, so that painting a box at a side and
    painting the whole image, cutting the box out and resizing it give the same but for the edges.

    Args:
        box: ``(x1, y1, x2, y2)``, the part of the image that is shown.
        size: ``(height, width)`` of the picture.
    """

    def __init__(self, box: Box, size: tuple[int, int]) -> None:
        x1, y1, x2, y2 = box
        height, width = size
        # Single precision: shapes are small, and there are some forty of them in every frame.
        self.x = (x1 + (np.arange(width) + 0.5) * (x2 - x1) / width - 0.5).astype(np.float32)
        self.y = (y1 + (np.arange(height) + 0.5) * (y2 - y1) / height - 0.5).astype(np.float32)
        self.pixels = np.zeros((height, width, 3), dtype=np.float32)
        self._steps = (x2 - x1) / width, (y2 - y1) / height
        self._origin = float(self.x[0]), float(self.y[0])
        self._pixels_per_unit = np.float32(2 / sum(self._steps))

    def fill(self, picture: Pixels) -> None:
        """Start from a picture of this size."""
        self.pixels[:] = picture

    def to_frame(self) -> NDArray[np.uint8]:
        """``(height, width, 3)``, rounded."""
        return (self.pixels + 0.5).clip(0, 255).astype(np.uint8)

    def capsule(
        self,
        start: ArrayLike,
        end: ArrayLike,
        radii: tuple[float, float],
        colour: Colour,
        *,
        round_: float = 0,
    ) -> None:
        """Paint a stick with round ends; its radius runs from the first to the second.

        Args:
            start: x and y of one end.
            end: x and y of the other; the same point gives a disc.
            radii: in pixels of the image.
            colour: of the middle.
            round_: how much darker the rim is, 0 to 1.
        """
        (ax, ay), (bx, by) = np.asarray(start, dtype=float).tolist(), np.asarray(end, dtype=float).tolist()
        widest = max(radii)
        window = self._window(
            (min(ax, bx) - widest, min(ay, by) - widest), (max(ax, bx) + widest, max(ay, by) + widest)
        )
        if window is None:
            return
        patch, x, y = window
        x, y = x - ax, y - ay
        along_x, along_y = bx - ax, by - ay
        radius: Pixels | float = radii[0]
        if (length_squared := along_x**2 + along_y**2) > 0:
            part = (x * along_x + y * along_y) / length_squared
            _limit(part)
            x, y = x - part * along_x, y - part * along_y
            radius = radii[0] + part * (radii[1] - radii[0])
        distance = np.sqrt(x * x + y * y)
        brightness = 1 - round_ * np.square(distance / radius) if round_ else None
        self._paint(patch, distance - radius, colour, brightness)

    def polygon(self, corners: ArrayLike, colour: Colour, *, margin: float = 0) -> None:
        """Paint a convex polygon, grown by a margin on every side.

        Args:
            corners: ``(corners, 2)``, either way round.
            colour: of all of it.
            margin: in pixels of the image.
        """
        points = np.asarray(corners, dtype=float)
        least, most = points.min(axis=0) - margin, points.max(axis=0) + margin
        window = self._window(tuple(least.tolist()), tuple(most.tolist()))
        if window is None:
            return
        patch, x, y = window
        following = np.roll(points, -1, axis=0)
        edges = following - points
        normals = np.stack([edges[:, 1], -edges[:, 0]], axis=-1)
        normals /= np.linalg.norm(normals, axis=-1, keepdims=True).clip(1e-9)
        # The normals point outward, whichever way round the corners go: the area's sign tells.
        if (points[:, 0] * following[:, 1] - points[:, 1] * following[:, 0]).sum() < 0:
            normals = -normals
        distance = np.full(patch.shape[:2], -np.inf, dtype=np.float32)
        offsets = (points * normals).sum(axis=-1)
        for (normal_x, normal_y), offset in zip(normals.tolist(), offsets.tolist(), strict=True):
            np.maximum(distance, x * normal_x + (y * normal_y - offset), out=distance)
        self._paint(patch, distance - margin, colour, None)

    def _window(
        self, least: tuple[float, float], most: tuple[float, float]
    ) -> tuple[Pixels, Pixels, Pixels] | None:
        """The pixels between two points, a view, and their x and y; ``None`` where there are none."""
        left, top = (
            max(math.floor((low - origin) / step), 0)
            for low, origin, step in zip(least, self._origin, self._steps, strict=True)
        )
        right, bottom = (
            math.ceil((high - origin) / step) + 1
            for high, origin, step in zip(most, self._origin, self._steps, strict=True)
        )
        height, width = self.pixels.shape[:2]
        if left >= min(right, width) or top >= min(bottom, height):
            return None
        return self.pixels[top:bottom, left:right], self.x[left:right], self.y[top:bottom, None]

    def _paint(self, patch: Pixels, distance: Pixels, colour: Colour, brightness: Pixels | None) -> None:
        """Cover a patch where the distance to a shape's rim is negative; half a pixel is blended."""
        cover = 0.5 - distance * self._pixels_per_unit
        _limit(cover)
        paint = np.array(colour, dtype=np.float32)
        if brightness is not None:
            paint = paint * np.maximum(brightness, _DARKEST)[..., None]
        patch += cover[..., None] * (paint - patch)


def _limit(values: Pixels) -> None:
    """To 0 … 1, in place; twice as fast as ``clip`` on so small an array."""
    np.maximum(values, 0, out=values)
    np.minimum(values, 1, out=values)
