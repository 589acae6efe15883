"""Puts a label beside each point of a plot where it covers no other label, point or error bar."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import cos, pi, sin

from matplotlib.axes import Axes
from matplotlib.backend_bases import RendererBase
from matplotlib.transforms import Bbox

RADII_POINTS = (8.0, 14.0, 22.0, 32.0, 44.0)
DIRECTIONS = 12
FAR_POINTS = 12.0
"""Beyond this a thin line leads from the label to its point."""


@dataclass(frozen=True)
class Label:
    """A text for the point at data coordinates ``x``, ``y``; ``y_interval`` is its error bar."""

    text: str
    x: float
    y: float
    colour: str
    y_interval: tuple[float, float] | None = None


def place_labels(
    axes: Axes, labels: Sequence[Label], *, renderer: RendererBase, fontsize: float = 8.0
) -> None:
    """Annotate every point, each time in the least crowded of the places near it, near ones first.

    The figure must have its final size, limits and scales; the labels do not change them.
    """
    taken = [_point_box(axes, label) for label in labels]
    for own, label in enumerate(labels):
        text = axes.text(0, 0, label.text, fontsize=fontsize, parse_math=False)
        extent = text.get_window_extent(renderer)
        text.remove()
        choices = list(_choices(axes, label, extent.width, extent.height))
        others = [box for index, box in enumerate(taken) if index != own]
        cost = [_crowding(box, others, axes.bbox) + 0.02 * radius for radius, _, box in choices]
        radius, offset, box = choices[cost.index(min(cost))]
        _annotate(axes, label, offset, radius, fontsize)
        taken.append(box)


def _choices(
    axes: Axes, label: Label, width: float, height: float
) -> Iterator[tuple[float, tuple[float, float], Bbox]]:
    """Radius, offset of the label's centre from the point (in points), and the box it would cover."""
    x, y = axes.transData.transform((label.x, label.y))
    pixels = axes.figure.dpi / 72.0
    for radius in RADII_POINTS:
        for step in range(DIRECTIONS):
            angle = 2 * pi * step / DIRECTIONS
            centre_x = cos(angle) * (radius * pixels + width / 2)
            centre_y = sin(angle) * (radius * pixels + height / 2)
            box = Bbox.from_bounds(x + centre_x - width / 2, y + centre_y - height / 2, width, height)
            yield radius, (centre_x / pixels, centre_y / pixels), box


def _crowding(box: Bbox, others: Sequence[Bbox], inside: Bbox) -> float:
    """Share of the box that is covered by others or lies outside the axes; covered counts in full."""
    area = max(box.width * box.height, 1.0)
    covered = sum(_overlap(box, other) for other in others) / area
    outside = 1.0 - _overlap(box, inside) / area
    return 10.0 * covered + 20.0 * outside


def _overlap(one: Bbox, other: Bbox) -> float:
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return max(width, 0.0) * max(height, 0.0)


def _point_box(axes: Axes, label: Label, half_size: float = 6.0) -> Bbox:
    low, high = label.y_interval or (label.y, label.y)
    x, bottom = axes.transData.transform((label.x, low))
    _, top = axes.transData.transform((label.x, high))
    return Bbox.from_extents(x - half_size, bottom - half_size, x + half_size, top + half_size)


def _annotate(axes: Axes, label: Label, offset: tuple[float, float], radius: float, fontsize: float) -> None:
    line = {"arrowstyle": "-", "color": label.colour, "linewidth": 0.5, "shrinkB": 3}
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
