"""The four things that a hand may hold, large and in colours of their own."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from epam.data.synthetic.actions import Held
from epam.data.synthetic.body import Floats
from epam.data.synthetic.canvas import Canvas, Colour
from epam.data.synthetic.colours import shade

_Place = Callable[[tuple[float, float]], Floats]
"""A thing's own x (right) and y (up), in its size, → pixels."""


def draw_held(
    canvas: Canvas, held: Held, hand: Floats, *, size: float, tilt: float, colour_factor: float = 1.0
) -> None:
    """Paint a thing in the hand.

    Args:
        canvas: what is painted on.
        held: which thing.
        hand: ``(2,)``, in pixels.
        size: pixels of the thing's height.
        tilt: how far it leans to the right, in radians.
        colour_factor: brightness.
    """
    sine, cosine = np.sin(tilt), np.cos(tilt)

    def place(point: tuple[float, float]) -> Floats:
        x, y = point
        return hand + size * np.array([x * cosine + y * sine, x * sine - y * cosine])

    _DRAWINGS[held](canvas, place, size, colour_factor)


def _draw_cup(canvas: Canvas, place: _Place, size: float, factor: float) -> None:
    red: Colour = shade((214, 24, 34), factor)
    bow = [place(point) for point in ((0.3, 0.25), (0.58, 0.2), (0.58, -0.12), (0.28, -0.2))]
    for start, end in pairwise(bow):
        canvas.capsule(start, end, (0.07 * size, 0.07 * size), red)
    canvas.polygon(
        [place(point) for point in ((-0.38, 0.45), (0.38, 0.45), (0.3, -0.45), (-0.3, -0.45))], red
    )
    canvas.capsule(place((-0.34, 0.43)), place((0.34, 0.43)), (0.09 * size, 0.09 * size), (250, 244, 240))


def _draw_phone(canvas: Canvas, place: _Place, size: float, factor: float) -> None:
    blue: Colour = shade((24, 44, 214), factor)
    case = [place(point) for point in ((-0.27, 0.55), (0.27, 0.55), (0.27, -0.55), (-0.27, -0.55))]
    canvas.polygon(case, blue, margin=0.06 * size)
    screen = [place(point) for point in ((-0.19, 0.42), (0.19, 0.42), (0.19, -0.34), (-0.19, -0.34))]
    canvas.polygon(screen, (110, 190, 255))


def _draw_brush(canvas: Canvas, place: _Place, size: float, factor: float) -> None:
    green: Colour = shade((30, 186, 52), factor)
    canvas.capsule(place((0, -0.62)), place((0, 0.72)), (0.13 * size, 0.11 * size), green)
    bristles = [place(point) for point in ((0.08, 0.75), (0.42, 0.75), (0.42, 0.3), (0.08, 0.3))]
    canvas.polygon(bristles, (248, 250, 248))


def _draw_sandwich(canvas: Canvas, place: _Place, size: float, factor: float) -> None:
    bread: Colour = shade((248, 196, 24), factor)
    canvas.polygon(
        [place(point) for point in ((-0.52, -0.4), (0.52, -0.4), (0.0, 0.52))], bread, margin=0.07 * size
    )
    canvas.capsule(place((-0.5, -0.3)), place((0.5, -0.3)), (0.08 * size, 0.08 * size), (140, 70, 20))


_DRAWINGS: dict[Held, Callable[[Canvas, _Place, float, float], None]] = {
    "cup": _draw_cup,
    "phone": _draw_phone,
    "brush": _draw_brush,
    "sandwich": _draw_sandwich,
}
