"""A cluttered room, things that move in it, and a chair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from epam.data.synthetic.actions import FRAMES_PER_SECOND, SEAT_HEIGHT
from epam.data.synthetic.body import Floats
from epam.data.synthetic.canvas import Canvas, Colour
from epam.data.synthetic.colours import draw_colour, shade

IMAGE_SIZE = (360, 640)
"""Height and width of the full-size frames, and of the keypoints' coordinates."""

_LIVELY = 0.12  # of the clutter has a colour as strong as a held thing's


@dataclass(frozen=True)
class _Box:
    """A piece of furniture or a picture: a rectangle, seen a little from the side."""

    corners: Floats
    colour: Colour


class Room:
    """Walls, a floor and what stands and hangs about; a setup's, the same in all its videos.

    Args:
        random: the setup's.
        floor_line: y where the wall ends, in pixels.
    """

    def __init__(self, random: np.random.Generator, floor_line: float) -> None:
        self._wall = draw_colour(random, lively=0.03, value=(0.5, 0.95))
        self._floor = draw_colour(random, lively=0.03, value=(0.25, 0.7))
        self._slope = random.uniform(-0.12, 0.12)
        self._floor_line = floor_line
        self._things = [self._thing(random) for _ in range(random.integers(16, 28))]

    def paint(self, canvas: Canvas) -> None:
        """Cover the canvas with the room."""
        height, width = IMAGE_SIZE
        light = 1 + self._slope * (canvas.x / width - 0.5)
        canvas.pixels[:] = np.asarray(self._wall) * light[:, None]
        below = canvas.y > self._floor_line
        depth = (canvas.y[below, None] - self._floor_line) / height
        canvas.pixels[below] = np.asarray(self._floor) * (0.85 + 0.5 * depth[..., None])
        for thing in self._things:
            canvas.polygon(thing.corners, shade(thing.colour, 0.7), margin=2)
            canvas.polygon(thing.corners, thing.colour)

    def _thing(self, random: np.random.Generator) -> _Box:
        height, width = IMAGE_SIZE
        size = random.uniform(14, 90, size=2)
        centre = random.uniform((0, 0), (width, height))
        lean = random.uniform(-0.2, 0.2) * size[1]
        corners = np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * size / 2
        corners[:, 1] += lean * np.array([0, 0.5, -0.5, 0])
        return _Box(centre + corners, draw_colour(random, lively=_LIVELY))


class Movers:
    """Things that drift and swing behind the person; played backwards they look alike.

    Args:
        frame_count: of the clip.
        random: the video's.
    """

    def __init__(self, frame_count: int, random: np.random.Generator) -> None:
        count = int(random.integers(3, 8))
        height, width = IMAGE_SIZE
        seconds = (np.arange(frame_count) - (frame_count - 1) / 2)[:, None] / FRAMES_PER_SECOND
        self._radii = random.uniform(6, 18, size=count)
        self._colours = [draw_colour(random, lively=_LIVELY) for _ in range(count)]
        self._arms = random.uniform(-55, 55, size=(count, 2))
        self._centres = []
        for _ in range(count):
            path = random.uniform((0, 0), (width, height)) + seconds * random.uniform(-45, 45, size=2)
            rate, start = random.uniform(0.3, 1.6), random.uniform()
            swing = np.sin(2 * np.pi * (rate * seconds + start))
            self._centres.append(path + swing * random.uniform(-30, 30, size=2))

    def paint(self, canvas: Canvas, frame: int) -> None:
        """Paint them where they are at a frame."""
        for centres, arm, radius, colour in zip(
            self._centres, self._arms, self._radii, self._colours, strict=True
        ):
            canvas.capsule(centres[frame], centres[frame] + arm, (radius, 0.8 * radius), colour, round_=0.2)


def chair_corners() -> Floats:
    """``(3, 4, 3)``: seat, back and front of a chair behind the person, in body heights."""
    left, right, back, front, top = -0.14, 0.14, -0.36, -0.07, 0.62
    seat = [(left, SEAT_HEIGHT, back), (right, SEAT_HEIGHT, back)]
    seat += [(right, SEAT_HEIGHT, front), (left, SEAT_HEIGHT, front)]
    rest = [
        (left, SEAT_HEIGHT + 0.06, back),
        (right, SEAT_HEIGHT + 0.06, back),
        (right, top, back),
        (left, top, back),
    ]
    feet = [(left, 0.0, back), (right, 0.0, back), (right, 0.0, front), (left, 0.0, front)]
    return np.array([seat, rest, feet], dtype=float)


def draw_chair(canvas: Canvas, corners: Floats, *, unit: float, colour: Colour) -> None:
    """Paint a chair.

    Args:
        canvas: what is painted on.
        corners: ``(3, 4, 2)``, those of ``chair_corners`` in pixels.
        unit: pixels of a body height.
        colour: of the seat.
    """
    seat, rest, feet = corners
    dark = shade(colour, 0.7)
    for top, foot in zip(seat, feet, strict=True):
        canvas.capsule(top, foot, (0.016 * unit, 0.014 * unit), dark)
    for low, high in zip(seat[:2], rest[[3, 2]], strict=True):
        canvas.capsule(low, high, (0.016 * unit, 0.016 * unit), dark)
    canvas.polygon(rest, shade(colour, 0.85), margin=0.01 * unit)
    canvas.polygon(seat, colour, margin=0.014 * unit)
