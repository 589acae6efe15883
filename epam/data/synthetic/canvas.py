"""A picture that shapes with soft edges are painted on, any part of the image at any resolution."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from epam.data.person_box import Box

Floats = NDArray[np.float64]
Colour = tuple[float, float, float]
"""Red, green and blue, 0 to 255."""


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
        self.pixel = np.array([(x2 - x1) / width, (y2 - y1) / height])
        self.x: Floats = x1 + (np.arange(width) + 0.5) * self.pixel[0] - 0.5
        self.y: Floats = y1 + (np.arange(height) + 0.5) * self.pixel[1] - 0.5
        self.pixels = np.zeros((height, width, 3), dtype=np.float32)

    def fill(self, picture: NDArray[np.float32]) -> None:
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
        a, b = np.asarray(start, dtype=float), np.asarray(end, dtype=float)
        widest = max(radii)
        window = self._window(np.minimum(a, b) - widest, np.maximum(a, b) + widest)
        if window is None:
            return
        patch, x, y = window
        x, y = x - a[0], y - a[1]
        along = b - a
        part = (x * along[0] + y * along[1]) / max(float(along @ along), 1e-9)
        np.clip(part, 0, 1, out=part)
        x, y = x - part * along[0], y - part * along[1]
        distance = np.sqrt(x * x + y * y)
        radius = radii[0] + part * (radii[1] - radii[0])
        self._paint(
            patch, distance - radius, colour, 1 - round_ * (distance / radius) ** 2 if round_ else None
        )

    def polygon(self, corners: ArrayLike, colour: Colour, *, margin: float = 0) -> None:
        """Paint a convex polygon, grown by a margin on every side.

        Args:
            corners: ``(corners, 2)``, either way round.
            colour: of all of it.
            margin: in pixels of the image.
        """
        points = np.asarray(corners, dtype=float)
        window = self._window(points.min(axis=0) - margin, points.max(axis=0) + margin)
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
        distance = np.full(np.broadcast_shapes(x.shape, y.shape), -np.inf)
        for point, normal in zip(points, normals, strict=True):
            np.maximum(distance, (x - point[0]) * normal[0] + (y - point[1]) * normal[1], out=distance)
        self._paint(patch, distance - margin, colour, None)

    def _window(self, least: Floats, most: Floats) -> tuple[NDArray[np.float32], Floats, Floats] | None:
        """The pixels between two points, a view, and their x and y; ``None`` where there are none."""
        origin = np.array([self.x[0], self.y[0]])
        first = np.floor((least - origin) / self.pixel).astype(int).clip(0)
        last = np.ceil((most - origin) / self.pixel).astype(int) + 1
        if last[0] <= first[0] or last[1] <= first[1]:
            return None
        patch = self.pixels[first[1] : last[1], first[0] : last[0]]
        if patch.size == 0:
            return None
        return patch, self.x[first[0] : last[0]], self.y[first[1] : last[1], None]

    def _paint(
        self, patch: NDArray[np.float32], distance: Floats, colour: Colour, shade: Floats | None
    ) -> None:
        """Cover a patch where the distance to a shape's rim is negative; half a pixel is blended."""
        cover = (0.5 - distance / self.pixel.mean()).clip(0, 1).astype(np.float32)[..., None]
        paint = np.asarray(colour, dtype=np.float32)
        if shade is not None:
            paint = paint * shade.clip(0.4, 1).astype(np.float32)[..., None]
        patch += cover * (paint - patch)
