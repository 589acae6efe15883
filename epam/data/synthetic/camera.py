"""Where a camera stands, and what it sees of a point."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from epam.data.synthetic.body import Floats

_DISTANCE = 5.0
"""From the person, in body heights: near things are a little larger."""

_YAW_DEGREES = {1: 0.0, 2: 45.0, 3: -45.0}


@dataclass(frozen=True)
class Camera:
    """A camera that looks at the person.

    Attributes:
        yaw: how far the person is turned away from it, in radians.
        pitch: how far it looks down, in radians.
    """

    yaw: float
    pitch: float

    @classmethod
    def draw(cls, number: int, random: np.random.Generator) -> Camera:
        """NTU's cameras: 1 in front, 2 and 3 to the sides; nobody stands exactly as told to."""
        yaw = _YAW_DEGREES[number] + random.uniform(-12, 12)
        return cls(np.deg2rad(yaw), np.deg2rad(random.uniform(2, 10)))

    def project(self, points: Floats) -> tuple[Floats, Floats]:
        """See points, ``(…, 3)`` in body heights.

        Returns:
            ``(…, 2)``, x to the right and y down, in body heights at the person's distance; and
            ``(…)``, how near they are, the larger the nearer.
        """
        turned = turn(points, self.yaw)
        x, y, z = turned[..., 0], turned[..., 1], turned[..., 2]
        nearness = z * np.cos(self.pitch) + y * np.sin(self.pitch)
        height = y * np.cos(self.pitch) - z * np.sin(self.pitch)
        scale = _DISTANCE / (_DISTANCE - nearness)
        return np.stack([x * scale, -height * scale], axis=-1), nearness


def turn(points: Floats, angle: float) -> Floats:
    """``(…, 3)`` turned about the vertical, so that forward goes to the person's left."""
    x, y, z = points[..., 0], points[..., 1], points[..., 2]
    sine, cosine = np.sin(angle), np.cos(angle)
    return np.stack([x * cosine + z * sine, y, z * cosine - x * sine], axis=-1)
