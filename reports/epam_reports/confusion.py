"""The confusion matrix of one evaluation as a picture: what each class is taken for."""

from __future__ import annotations

import hashlib
import re
import textwrap
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import PowerNorm
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font
from matplotlib.image import AxesImage
from numpy.typing import NDArray

from epam.errors import printable
from epam_bench.records import AccuracyRecord
from epam_reports.costs import count_views
from epam_reports.evaluations import STREAM_NAMES, Evaluation, describe_weights
from epam_reports.figures import Drawing
from epam_reports.measurements import PLAIN_BACKEND

NUMBERED_CELLS = 20
"""Up to so many classes each cell has its percentage, and each column its class's name."""

LONGEST_NAME = 34
NAMED_CONFUSIONS = 5

CELL_INCHES = (0.52, 0.105)
"""Side of a cell with a percentage in it, and of one without: a tick label's height at least."""

SMALLEST_MATRIX_INCHES = 2.5
FONT_POINTS = (8.0, 5.5)
"""Of the names, likewise."""

FIGURE_NAME = re.compile(r"confusion_\w+_[0-9a-f]{12}")
"""What no file but ours is called, so that those of an earlier report can be removed."""

_COLOURS, _NO_SAMPLES = "Blues", "0.82"
_COLOUR_TICKS = (0.0, 0.01, 0.05, 0.1, 0.25, 0.5, 1.0)


def confusion_figure(evaluation: Evaluation | AccuracyRecord) -> Drawing:
    """Rows are labels, columns predictions; colour is the share of a label's samples, so rows sum to one.

    Small shares get more than their part of the colours: a confusion of one sample in fifty must show.
    A label without samples is a grey row. Up to :data:`NUMBERED_CELLS` classes have their names on both
    axes; more have them beside the rows, and their numbers below the columns.
    """
    entry = Evaluation(evaluation) if isinstance(evaluation, AccuracyRecord) else evaluation
    record, shares = entry.record, _shares(entry.record)
    has_numbers = len(record.classes) <= NUMBERED_CELLS
    canvas, axes = _canvas(entry, has_numbers=has_numbers)
    image = axes.imshow(
        np.ma.masked_invalid(shares),
        cmap=_COLOURS,
        norm=PowerNorm(0.5, vmin=0.0, vmax=1.0),
        # As it is, whatever the picture's size: a smoothed cell would bleed into its neighbours.
        interpolation="none",
        aspect="equal",
    )
    axes.set_facecolor(_NO_SAMPLES)
    _name_axes(axes, record, has_numbers=has_numbers)
    _draw_kinds(axes, record)
    if has_numbers:
        _write_percentages(axes, shares)
    _draw_scale(canvas.figure, axes, image)
    return Drawing(_file_stem(record), canvas.figure, _caption(entry))


def _shares(record: AccuracyRecord) -> NDArray[np.float64]:
    """(classes, classes) share of each label's samples; not a number where a label has none."""
    counts = np.zeros((len(record.classes), len(record.classes)))
    for label, predicted, samples in record.confusion:
        counts[label, predicted] = samples
    totals = counts.sum(axis=1, keepdims=True)
    return np.divide(counts, totals, out=np.full_like(counts, np.nan), where=totals > 0)


def _canvas(entry: Evaluation, *, has_numbers: bool) -> tuple[FigureCanvasAgg, Axes]:
    """A figure with room for the matrix, the names beside and below it, the scale and the title."""
    kind = 0 if has_numbers else 1
    side = max(len(entry.record.classes) * CELL_INCHES[kind], SMALLEST_MATRIX_INCHES)
    longest = max(map(len, _row_names(entry.record, has_numbers=has_numbers)))
    beside = longest * FONT_POINTS[kind] * 0.55 / 72
    below = 0.75 * beside if has_numbers else 0.3
    width = beside + side + 1.6
    title = textwrap.fill(_drawable(f"What {entry.heading} takes each class for"), width=int(11 * width))
    height = side + below + 0.75 + 0.2 * title.count("\n")
    figure = Figure(figsize=(width, height), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    figure.suptitle(title, fontsize=11, x=0.02, ha="left", parse_math=False)
    return canvas, figure.add_subplot()


def _row_names(record: AccuracyRecord, *, has_numbers: bool) -> list[str]:
    """Class names, with their numbers where the columns have only those."""
    names = [_short(result.name, place) for place, result in enumerate(record.classes)]
    if has_numbers:
        return names
    return [f"{name}  {place}" for place, name in enumerate(names)]


def _name_axes(axes: Axes, record: AccuracyRecord, *, has_numbers: bool) -> None:
    places = list(range(len(record.classes)))
    size = FONT_POINTS[0 if has_numbers else 1]
    beside = _row_names(record, has_numbers=has_numbers)
    below = beside if has_numbers else [str(place) for place in places]
    axes.set_yticks(places, labels=beside, fontsize=size, parse_math=False)
    slant = {"rotation": 45, "ha": "right", "rotation_mode": "anchor"} if has_numbers else {"rotation": 90}
    axes.set_xticks(places, labels=below, fontsize=size, parse_math=False, **slant)
    axes.tick_params(length=0 if has_numbers else 1.5, width=0.3, pad=2)
    axes.set(ylabel="label", xlabel="predicted" if has_numbers else "predicted (number of the class)")
    axes.spines[:].set_linewidth(0.5)


def _draw_kinds(axes: Axes, record: AccuracyRecord) -> None:
    """A line wherever the next class is of another kind."""
    kinds = [result.group for result in record.classes]
    for place, (kind, following) in enumerate(pairwise(kinds)):
        if kind != following:
            axes.axhline(place + 0.5, color="0.35", linewidth=0.8)
            axes.axvline(place + 0.5, color="0.35", linewidth=0.8)


def _write_percentages(axes: Axes, shares: NDArray[np.float64]) -> None:
    for label, predicted in np.argwhere(shares > 0):
        share = shares[label, predicted]
        axes.text(
            predicted,
            label,
            f"{100 * share:.0f}",
            ha="center",
            va="center",
            fontsize=7.5,
            color="white" if share > 0.4 else "0.1",
        )


def _draw_scale(figure: Figure, axes: Axes, image: AxesImage) -> None:
    bar = figure.colorbar(image, ax=axes, shrink=0.6, pad=0.02, ticks=list(_COLOUR_TICKS))
    bar.ax.set_yticklabels([f"{100 * tick:g} %" for tick in _COLOUR_TICKS], fontsize=7)
    bar.ax.minorticks_off()
    bar.outline.set_linewidth(0.5)
    bar.set_label("of the label's samples", fontsize=8)


def _caption(entry: Evaluation) -> str:
    record = entry.record
    stream = STREAM_NAMES[record.main.stream]
    views = count_views(record.views)
    facts = (
        f"{entry.heading}: {record.evaluated} of {record.split_samples} samples, {views} a video, "
        f"{stream}, top-1 {100 * record.main.top1:.1f} %; {describe_weights(record)}. "
        "Rows are labels, columns predictions; colour is the share of a label's samples"
    )
    empty = sum(not result.samples for result in record.classes)
    grey = f"; grey: {empty} of {len(record.classes)} classes have no sample" if empty else ""
    return f"{facts}{grey}.{_most_confused(record)}"


def _most_confused(record: AccuracyRecord) -> str:
    wrong = [
        (-samples / record.classes[label].samples, label, predicted, samples)
        for label, predicted, samples in record.confusion
        if label != predicted
    ]
    if not wrong:
        return " No class was taken for another."
    said = (
        f"{printable(record.classes[label].name)} for {printable(record.classes[predicted].name)} "
        f"({samples} of {record.classes[label].samples})"
        for _, label, predicted, samples in sorted(wrong)[:NAMED_CONFUSIONS]
    )
    return f" Most taken for another: {'; '.join(said)}."


def _short(name: str, place: int) -> str:
    """A class's name as it can be drawn: its number where the font lacks a sign of it."""
    shown = printable(name)
    if not shown or shown != _drawable(shown):
        return f"class {place}"
    return shown if len(shown) <= LONGEST_NAME else f"{shown[: LONGEST_NAME - 1]}…"


def _drawable(text: str) -> str:
    """Text with a question mark for what the font lacks, or an SVG, being XML, may not hold."""
    font = get_font(findfont(FontProperties()))
    return "".join(sign if sign.isprintable() and font.get_char_index(ord(sign)) else "?" for sign in text)


def _file_stem(record: AccuracyRecord) -> str:
    """The same for the same evaluation in every report, and no other evaluation's."""
    what = (
        *(record.weights_sha256, record.split_sha256, record.label_map_sha256, record.precision),
        *(record.views, record.model.num_classes, sorted(record.model.inputs.items())),
        *((record.backend,) if record.backend != PLAIN_BACKEND else ()),
    )
    digest = hashlib.sha256(repr(what).encode()).hexdigest()[:12]
    return f"confusion_{_slug((record.model.name, record.dataset, record.protocol))}_{digest}"


def _slug(names: Sequence[str]) -> str:
    return re.sub(r"[^a-z0-9]+", "_", "_".join(names).lower()).strip("_")[:80]
