"""A run's learning curve: loss and accuracy over epochs, drawn from its log."""

from __future__ import annotations

import io
from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import Any

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from epam.atomic_file import write_atomically
from epam.training.run_log import LogLine

CURVE_NAME = "learning_curve"
PNG_DPI = 150
TRAINING_COLOUR = "#555555"
STREAM_STYLES = {
    "rgb": ("#1f6fb4", "s", "RGB"),
    "pose": ("#c25b12", "^", "pose"),
    "fused": ("#7a2f8f", "o", "fused"),
}
"""Colour, marker and name; colours are told apart in the common kinds of colour blindness."""

METRIC_NAMES = {"top1": "top-1", "mean_class_accuracy": "mean class accuracy"}

Points = list[tuple[float, float]]


def write_learning_curve(
    lines: Sequence[LogLine], run: Path, *, title: str = "", metric: str = "top1"
) -> tuple[Path, Path] | None:
    """Draw ``learning_curve.png`` and ``.svg`` in a run's folder; none before the first epoch ended.

    Args:
        lines: of the run's log (``read_run_log``); lines of other kinds or without figures are passed over.
        run: the folder.
        title: above the figure, for example the recipe and the data set.
        metric: which of the evaluated ones is drawn.

    Raises:
        InputError: a file cannot be written.
    """
    figure = draw_learning_curve(lines, title=title, metric=metric)
    if figure is None:
        return None
    png, svg = io.BytesIO(), io.BytesIO()
    figure.savefig(png, format="png", dpi=PNG_DPI)
    # Without these the same figure would have other bytes each time.
    with mpl.rc_context({"svg.hashsalt": CURVE_NAME}):
        figure.savefig(svg, format="svg", metadata={"Date": None})
    return (
        write_atomically(run / f"{CURVE_NAME}.png", png.getvalue()),
        write_atomically(run / f"{CURVE_NAME}.svg", svg.getvalue()),
    )


def draw_learning_curve(lines: Sequence[LogLine], *, title: str = "", metric: str = "top1") -> Figure | None:
    """Loss on the left, accuracy on the right, over epochs; none where no epoch has ended.

    Accuracy is in per cent: of training clips (augmented, as they were trained on) and of each
    stream on the evaluated split, its best marked.
    """
    epochs = [line for line in lines if line["kind"] == "epoch"]
    losses, training = _points(epochs, "loss"), _points(epochs, "accuracy")
    streams = _stream_points(lines, metric)
    if not losses and not streams:
        return None
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    FigureCanvasAgg(figure)
    left, right = figure.subplots(1, 2)
    _draw_losses(left, losses)
    _draw_accuracies(right, training, streams, metric)
    for axes in (left, right):
        axes.set_xlabel("epoch")
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
    if title:
        figure.suptitle(title)
    return figure


def _draw_losses(axes: Axes, losses: Points) -> None:
    axes.plot(*_columns(losses), color=TRAINING_COLOUR, marker=".", label="training")
    axes.set_ylabel("training loss (all streams' sum)")
    axes.set_ylim(bottom=0)


def _draw_accuracies(axes: Axes, training: Points, streams: dict[str, Points], metric: str) -> None:
    axes.plot(*_columns(_as_percent(training)), color=TRAINING_COLOUR, marker=".", label="training clips")
    for stream, points in streams.items():
        colour, marker, name = STREAM_STYLES.get(stream, ("#2a7f62", "D", stream))
        points = _as_percent(points)
        # The first of equals: that is the one a run keeps as its best.
        epoch, best = max(points, key=lambda point: (point[1], -point[0]))
        label = f"{name}, evaluated: best {best:.1f} % (epoch {epoch:g})"
        axes.plot(*_columns(points), color=colour, marker=marker, markersize=4, label=label)
        axes.plot([epoch], [best], color=colour, marker="o", markersize=10, fillstyle="none")
    axes.set_ylabel(f"{METRIC_NAMES.get(metric, metric)} (%)")
    axes.set_ylim(0, 102)
    axes.legend(fontsize="small", loc="best", framealpha=0.8)


def _stream_points(lines: Sequence[LogLine], metric: str) -> dict[str, Points]:
    """Of each stream, (epoch, fraction); a repeated evaluation of an epoch replaces the earlier one."""
    found: dict[str, dict[float, float]] = {}
    for line in lines:
        streams = line.get("streams") if line["kind"] == "evaluation" else None
        for stream, metrics in (streams or {}).items():
            if _is_number(line.get("epoch")) and _is_number(metrics.get(metric)):
                found.setdefault(stream, {})[line["epoch"]] = metrics[metric]
    return {stream: sorted(points.items()) for stream, points in found.items()}


def _points(lines: Sequence[LogLine], field: str) -> Points:
    return [
        (line["epoch"], line[field])
        for line in lines
        if _is_number(line.get("epoch")) and _is_number(line.get(field))
    ]


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _as_percent(points: Points) -> Points:
    return [(epoch, 100 * fraction) for epoch, fraction in points]


def _columns(points: Points) -> tuple[list[float], list[float]]:
    return [x for x, _ in points], [y for _, y in points]
