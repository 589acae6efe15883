"""Puts a label beside each point of a plot where it covers no other label, point, error bar or line."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from numpy.typing import NDArray

RADII_POINTS = (7.0, 12.0, 18.0, 26.0, 36.0, 48.0, 62.0, 80.0, 100.0)
DIRECTIONS = 16
FAR_POINTS = 10.0
"""Beyond this a thin line leads from the label to its point."""

PASSES = 6
"""How often every label may move again, now that the others have places; mostly they rest sooner."""

POINT_HALF_SIZE = 6.0
LINE_SAMPLES = 12
COVERED, OUTSIDE, CROSSED, THROUGH, PER_POINT_OF_RADIUS = 10.0, 20.0, 1.5, 1.0, 0.02
"""What a place costs: for each share of the label that is covered or outside, each line that its own
crosses, each box that its line runs through, and for the distance."""

Boxes = NDArray[np.float64]
"""``(N, 4)``: left, bottom, right, top, in pixels."""


@dataclass(frozen=True)
class Label:
    """A text for the point at data coordinates ``x``, ``y``; ``y_interval`` is its error bar."""

    text: str
    x: float
    y: float
    colour: str
    y_interval: tuple[float, float] | None = None


@dataclass(frozen=True)
class _Places:
    """Where one label may stand, near places first.

    Attributes:
        point: pixel of what it belongs to.
        offsets: ``(K, 2)``, of its centre from that pixel, in pixels.
        boxes: what it would cover there.
        radii: ``(K,)``, in points.
    """

    point: NDArray[np.float64]
    offsets: NDArray[np.float64]
    boxes: Boxes
    radii: NDArray[np.float64]

    @property
    def centres(self) -> NDArray[np.float64]:
        return self.point + self.offsets


def place_labels(
    axes: Axes, labels: Sequence[Label], *, renderer: RendererBase, fontsize: float = 8.0
) -> None:
    """Annotate every point, near it where there is room and with a line to it where there is not.

    Each label takes the cheapest place that the others leave it, and again until none moves. The
    figure must have its final size, limits and scales; the labels do not change them.
    """
    if not labels:
        return
    places = [_places(axes, label, *_extent(axes, label, renderer, fontsize)) for label in labels]
    points = np.array([_point_box(axes, label) for label in labels])
    chosen = [-1] * len(labels)
    for _ in range(PASSES):
        before = list(chosen)
        for own in range(len(labels)):
            chosen[own] = int(np.argmin(_costs(own, places, points, chosen, axes)))
        if chosen == before:
            break
    pixels = axes.figure.dpi / 72.0
    for label, place, index in zip(labels, places, chosen, strict=True):
        x, y = place.offsets[index] / pixels
        _annotate(axes, label, (float(x), float(y)), float(place.radii[index]), fontsize)


def _extent(axes: Axes, label: Label, renderer: RendererBase, fontsize: float) -> tuple[float, float]:
    text = axes.text(0, 0, label.text, fontsize=fontsize, parse_math=False)
    extent = text.get_window_extent(renderer)
    text.remove()
    return extent.width, extent.height


def _places(axes: Axes, label: Label, width: float, height: float) -> _Places:
    point = np.asarray(axes.transData.transform((label.x, label.y)), dtype=float)
    angles = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
    radii = np.repeat(RADII_POINTS, DIRECTIONS)
    directions = np.tile(np.stack([np.cos(angles), np.sin(angles)], axis=1), (len(RADII_POINTS), 1))
    half = np.array([width, height]) / 2
    offsets = directions * (radii[:, None] * axes.figure.dpi / 72.0 + half)
    centres = point + offsets
    return _Places(point, offsets, np.hstack([centres - half, centres + half]), radii)


def _costs(
    own: int, places: Sequence[_Places], points: Boxes, chosen: Sequence[int], axes: Axes
) -> NDArray[np.float64]:
    """What each place of one label costs beside the points and the labels that have a place already."""
    mine = places[own]
    others = [index for index, place in enumerate(chosen) if place >= 0 and index != own]
    labels = np.array([places[index].boxes[chosen[index]] for index in others]).reshape(-1, 4)
    taken = np.vstack([np.delete(points, own, axis=0), labels])
    area = np.maximum(_areas(mine.boxes), 1.0)
    inside = np.array([[axes.bbox.x0, axes.bbox.y0, axes.bbox.x1, axes.bbox.y1]])
    costs = COVERED * _overlaps(mine.boxes, taken).sum(axis=1) / area
    costs += OUTSIDE * (1.0 - _overlaps(mine.boxes, inside)[:, 0] / area)
    costs += PER_POINT_OF_RADIUS * mine.radii
    has_line = mine.radii > FAR_POINTS
    costs += has_line * THROUGH * _boxes_on_lines(mine.point, mine.centres, taken)
    lined = [index for index in others if places[index].radii[chosen[index]] > FAR_POINTS]
    for index in lined:
        start, end = places[index].point, places[index].centres[chosen[index]]
        costs += has_line * CROSSED * _crosses(mine.point, mine.centres, start, end)
        # A label on another's line is as hard to read as one on another's point.
        costs += THROUGH * (_samples_in_boxes(_samples(start, end[None, :]), mine.boxes)[0] > 0)
    return costs


def _areas(boxes: Boxes) -> NDArray[np.float64]:
    return np.asarray((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1]))


def _overlaps(ones: Boxes, others: Boxes) -> NDArray[np.float64]:
    """``(K, N)``: the area that each of the first shares with each of the second."""
    low = np.maximum(ones[:, None, :2], others[None, :, :2])
    high = np.minimum(ones[:, None, 2:], others[None, :, 2:])
    return np.asarray(np.clip(high - low, 0.0, None).prod(axis=2))


def _samples(start: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.float64]:
    """``(K, S, 2)``: points along the line from one place to each of the others."""
    steps = np.linspace(0.1, 0.9, LINE_SAMPLES)[None, :, None]
    return np.asarray(start + steps * (ends[:, None, :] - start))


def _samples_in_boxes(samples: NDArray[np.float64], boxes: Boxes) -> NDArray[np.int64]:
    """``(K, N)``: how many points of each line lie in each box."""
    above = (samples[:, :, None, :] >= boxes[None, None, :, :2]).all(axis=3)
    below = (samples[:, :, None, :] <= boxes[None, None, :, 2:]).all(axis=3)
    return np.asarray((above & below).sum(axis=1))


def _boxes_on_lines(start: NDArray[np.float64], ends: NDArray[np.float64], boxes: Boxes) -> NDArray[np.int64]:
    return np.asarray((_samples_in_boxes(_samples(start, ends), boxes) > 0).sum(axis=1))


def _crosses(
    start: NDArray[np.float64],
    ends: NDArray[np.float64],
    other_start: NDArray[np.float64],
    other_end: NDArray[np.float64],
) -> NDArray[np.bool_]:
    """``(K,)``: whether the lines from one place to each end cross the other line."""

    def side(
        origin: NDArray[np.float64], towards: NDArray[np.float64], of: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        there, here = towards - origin, of - origin
        return np.asarray(np.sign(there[..., 0] * here[..., 1] - there[..., 1] * here[..., 0]))

    parted = side(other_start, other_end, start) * side(other_start, other_end, ends) < 0
    return np.asarray(parted & (side(start, ends, other_start) * side(start, ends, other_end) < 0))


def _point_box(axes: Axes, label: Label) -> tuple[float, float, float, float]:
    low, high = label.y_interval or (label.y, label.y)
    x, bottom = axes.transData.transform((label.x, low))
    _, top = axes.transData.transform((label.x, high))
    half = POINT_HALF_SIZE * axes.figure.dpi / 100.0
    return x - half, bottom - half, x + half, top + half


def _annotate(axes: Axes, label: Label, offset: tuple[float, float], radius: float, fontsize: float) -> None:
    line = {
        "arrowstyle": "-",
        "color": label.colour,
        "linewidth": 0.5,
        "alpha": 0.7,
        "shrinkA": 1,
        "shrinkB": 3,
    }
    axes.annotate(
        label.text,
        (label.x, label.y),
        xytext=offset,
        textcoords="offset points",
        ha="center",
        va="center",
        fontsize=fontsize,
        color=label.colour,
        parse_math=False,
        arrowprops=line if radius > FAR_POINTS else None,
    )
