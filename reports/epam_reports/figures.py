"""Two figures: latency over multiply-adds, and published accuracy over the multiply-adds it took."""

from __future__ import annotations

import io
import textwrap
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log10
from typing import Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from epam_bench.records import AnyRecord, CountRecord, LatencyRecord
from epam_reports.costs import Cost, cost_of_accuracy
from epam_reports.label_placement import Label, place_labels
from epam_reports.measurements import APART, Measured, gather, is_apart, main_runs, most_common_setting
from epam_reports.published import PublishedNumber, load_published, select
from epam_reports.published.published_number import ACCURACIES
from epam_reports.tables.accuracy import METRIC_NAMES
from epam_reports.tables.data_set import GROUPS, group_of

COLOURS = {"rgb": "#1f6fb4", "pose": "#c25b12", "rgb+pose": "#7a2f8f"}
"""Told apart in the common kinds of colour blindness; shape and label carry the meaning too."""

_GROUP_COLOURS = dict(zip(GROUPS, COLOURS, strict=True))
"""Of networks that are quoted alone: by the words of their source."""

OTHER_COLOUR = "#555555"
CROWDED_PLOT, CROWDED_PANEL = 18, 11
"""More points than these get a larger picture, and smaller names, so that every name stays readable."""
RATES_GMACS_PER_SECOND = (1, 10, 100, 1000, 10_000, 100_000)
PANELS_A_ROW = 3
WIDE_DECADES = 2.6
FONT, CROWDED_FONT = 8.0, 7.0
PNG_DPI = 150
STAR = "*"
DRAWABLE = (1e-9, 1e12)
"""Milliseconds and GMACs beyond these are an accident, drawn here: a logarithmic axis cannot hold them."""


@dataclass(frozen=True)
class Drawing:
    """A figure ready to be written: its file stem, and what it says in words below a report's picture."""

    name: str
    figure: Figure
    caption: str


@dataclass(frozen=True)
class _Point:
    title: str
    modality: str
    gmacs: float
    accuracy: float
    views: int
    quoted_cost: bool


def macs_latency_figure(records: Iterable[AnyRecord]) -> Drawing | None:
    """Median latency of one call over its GMACs, both logarithmic, quartiles as bars; none without both.

    All points are of the one setting that most models were timed in; a point of another run than
    most of them has a star.
    """
    measured = gather(records)
    setting, runs = most_common_setting(measured), main_runs(measured)
    pairs = [
        (entry, count, latency)
        for entry in measured
        if (count := entry.preferred_count) and (latency := entry.latency_in(setting))
    ]
    if not pairs or setting is None:
        return None
    apart = [is_apart(latency, runs) for *_, latency in pairs]
    dates = _dates(latency for *_, latency in pairs)
    caption = f"{setting.sentence}; {_counters(pairs)}; median and quartiles; {dates}"
    if any(apart):
        caption += f"; {STAR}: {APART}"
    elsewhere = [entry.title for entry in measured if entry.latencies and not entry.latency_in(setting)]
    if elsewhere:
        caption += f"; not drawn, timed only in another setting or on another machine: {', '.join(elsewhere)}"
    crowded = len(pairs) > CROWDED_PLOT
    canvas, axes = _canvas("Latency over multiply-adds", caption, crowded=crowded)
    axes.set(
        xscale="log",
        yscale="log",
        xlabel=_per_call("GMACs", setting.batch_size),
        ylabel=_per_call("ms", setting.batch_size),
    )
    labels = [_draw_latency(axes, *pair, starred=starred) for pair, starred in zip(pairs, apart, strict=True)]
    bars = [bound for *_, latency in pairs for bound in latency.interquartile_range_ms]
    axes.set(xlim=_log_limits(label.x for label in labels), ylim=_log_limits(bars))
    plain_log_ticks(axes.xaxis)
    plain_log_ticks(axes.yaxis)
    _draw_rates(axes)
    _legend(canvas.figure, {_modality(entry) for entry, *_ in pairs}, quoted=False)
    finish_figure(canvas, [(axes, labels)], crowded=crowded)
    return Drawing("macs_latency", canvas.figure, caption)


def macs_accuracy_figure(
    records: Iterable[AnyRecord], published: Sequence[PublishedNumber] | None = None
) -> Drawing | None:
    """Published accuracy over GMACs of a video at that accuracy's own views; one panel a protocol.

    A protocol with fewer than two points has no panel; what is not drawn is named in the caption.
    """
    numbers = load_published() if published is None else published
    measured = gather(records)
    panels, left_out = _accuracy_panels(measured, numbers)
    if not panels:
        return None
    counts = [(entry, count) for entry in measured if (count := entry.preferred_count)]
    caption = (
        "Accuracies are published, not measured here; GMACs of all views of that accuracy, "
        f"{_counters(counts)}; hollow: quoted; (n): views; {_dates(count for _, count in counts)}"
    )
    crowded = [len(points) > CROWDED_PANEL for points in panels.values()]
    canvas, axes = _panels("Published accuracy and what it cost", caption, crowded=crowded)
    drawn = []
    for panel, (protocol, points) in zip(axes, panels.items(), strict=True):
        panel.set(xscale="log", xlabel="GMACs per video", ylabel="published accuracy (%)")
        panel.set_title(protocol, fontsize=10, parse_math=False)
        drawn.append((panel, [_draw_accuracy(panel, point) for point in points]))
        panel.set_xlim(_log_limits(point.gmacs for point in points))
        panel.margins(y=0.22)
        plain_log_ticks(panel.xaxis)
    points = [point for group in panels.values() for point in group]
    _legend(
        canvas.figure, {point.modality for point in points}, quoted=any(point.quoted_cost for point in points)
    )
    finish_figure(canvas, drawn, crowded=any(crowded))
    not_drawn = f" Not drawn: {'; '.join(left_out)}." if left_out else ""
    return Drawing("macs_accuracy", canvas.figure, f"{caption}.{not_drawn}")


def render(drawing: Drawing, file_format: Literal["svg", "png"]) -> bytes:
    """The figure's file; the same records give the same bytes."""
    buffer = io.BytesIO()
    # Matplotlib writes today's date and random ids into an SVG unless told not to.
    with mpl.rc_context({"svg.hashsalt": drawing.name}):
        metadata = {"Date": None} if file_format == "svg" else {"Software": None}
        drawing.figure.savefig(buffer, format=file_format, dpi=PNG_DPI, metadata=metadata)
    return buffer.getvalue()


def _accuracy_panels(
    measured: Sequence[Measured], numbers: Sequence[PublishedNumber]
) -> tuple[dict[str, list[_Point]], list[str]]:
    """Points by protocol, one a model, and what is left out and why."""
    seen = {entry.card.name for entry in measured if entry.counts}
    panels: dict[str, dict[tuple[str, int], _Point]] = {}
    left_out: dict[str, str] = {}
    for number in select(numbers, metrics=ACCURACIES):
        if number.catalogue_name and number.catalogue_name not in seen:
            continue
        cost = cost_of_accuracy(number, measured, numbers)
        if isinstance(cost, Cost):
            panel = panels.setdefault(f"{number.protocol} ({METRIC_NAMES[number.metric]})", {})
            name = (number.catalogue_name or number.model, number.networks)
            _keep_measured(panel, name, _point(number, cost, measured))
        else:
            left_out.setdefault(number.model, cost.reason)
    alone = {protocol: points for protocol, points in panels.items() if len(points) < 2}
    said = [f"{model} ({reason})" for model, reason in left_out.items()]
    said += [f"{next(iter(points.values())).title} alone on {protocol}" for protocol, points in alone.items()]
    drawn = {protocol: list(points.values()) for protocol, points in panels.items() if protocol not in alone}
    return drawn, said


def _keep_measured(panel: dict[tuple[str, int], _Point], model: tuple[str, int], point: _Point) -> None:
    """Of several accuracies of one model, the first whose cost we measured, else the first."""
    if model not in panel or (panel[model].quoted_cost and not point.quoted_cost):
        panel[model] = point


def _point(number: PublishedNumber, cost: Cost, measured: Sequence[Measured]) -> _Point:
    entry = next((entry for entry in measured if entry.card.name == number.catalogue_name), None)
    # An ensemble is no point of the one network that it is made of.
    return _Point(
        title=entry.card.title if entry and number.networks == 1 else number.model,
        modality=_modality(entry) if entry else _GROUP_COLOURS[group_of(number.modality)],
        gmacs=cost.gmacs_per_video,
        accuracy=float(number.value),
        views=cost.views,
        quoted_cost=cost.origin == "quoted",
    )


def _draw_latency(
    axes: Axes, entry: Measured, count: CountRecord, latency: LatencyRecord, *, starred: bool
) -> Label:
    gmacs = _drawable(count.macs * latency.batch_size / 1e9)
    first, third = (_drawable(bound) for bound in latency.interquartile_range_ms)
    middle, colour = _drawable(latency.median_ms), COLOURS.get(_modality(entry), OTHER_COLOUR)
    axes.errorbar(
        gmacs,
        middle,
        # Quartiles of equal samples are off by a rounding; a bar has no negative length.
        yerr=[[max(middle - first, 0.0)], [max(third - middle, 0.0)]],
        fmt="o",
        color=colour,
        markersize=5,
        capsize=3,
    )
    title = f"{entry.title} {STAR}" if starred else entry.title
    return Label(_printable(title), gmacs, middle, colour, (first, third))


def _draw_accuracy(axes: Axes, point: _Point) -> Label:
    colour = COLOURS.get(point.modality, OTHER_COLOUR)
    face = "white" if point.quoted_cost else colour
    axes.plot(point.gmacs, point.accuracy, "o", color=colour, markerfacecolor=face, markersize=5.5)
    return Label(f"{_printable(point.title)} ({point.views})", point.gmacs, point.accuracy, colour)


def _printable(text: str) -> str:
    """A title without signs that an SVG, being XML, may not hold."""
    return "".join(sign for sign in text if sign.isprintable())


def _log_limits(values: Iterable[float]) -> tuple[float, float]:
    """Room for labels on both sides, also of a single value (which matplotlib's margins do not give)."""
    logs = [log10(_drawable(value)) for value in values]
    room = max(0.18 * (max(logs) - min(logs)), 0.2)
    return 10 ** (min(logs) - room), 10 ** (max(logs) + room)


def _drawable(value: float) -> float:
    low, high = DRAWABLE
    return min(max(value, low), high)


def plain_log_ticks(axis: Axis) -> None:
    """1, 2, 5, 10 … in full: powers of ten are hard to read off a narrow range; 1, 3, 10 on wide ones."""
    low, high = axis.get_view_interval()
    decades = log10(high) - log10(low)
    subs = (1, 3) if decades > WIDE_DECADES else (1, 2, 5) if decades > 1 else (1, 2, 3, 4, 5, 7)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def _draw_rates(axes: Axes) -> None:
    """Faint lines of equal GMAC/s: above one is slower than its multiply-adds say."""
    low_x, high_x = axes.get_xlim()
    low_y, high_y = axes.get_ylim()
    for rate in RATES_GMACS_PER_SECOND:
        axes.plot(
            (low_x, high_x), (1e3 * low_x / rate, 1e3 * high_x / rate), color="0.85", linewidth=0.8, zorder=0
        )
        at_top = high_y * rate / 1e3
        x, y = (at_top, high_y) if low_x < at_top <= high_x else (high_x, 1e3 * high_x / rate)
        if low_y < y <= high_y:
            side = "bottom" if x == at_top else "center"
            align = "center" if x == at_top else "left"
            axes.text(x, y, f" {rate:g} GMAC/s", fontsize=6.5, color="0.55", ha=align, va=side)
    axes.set(xlim=(low_x, high_x), ylim=(low_y, high_y))


def _canvas(title: str, subtitle: str, *, crowded: bool) -> tuple[FigureCanvasAgg, Axes]:
    canvas = start_figure(title, subtitle, size=(11.0, 8.2) if crowded else (7.6, 5.4))
    axes = canvas.figure.add_subplot()
    style_axes(axes)
    return canvas, axes


def _panels(title: str, subtitle: str, *, crowded: Sequence[bool]) -> tuple[FigureCanvasAgg, list[Axes]]:
    """Panels in rows; a crowded one is twice as wide as the others, and begins a row where it needs to."""
    columns = min(sum(2 if wide else 1 for wide in crowded), PANELS_A_ROW)
    places: list[tuple[int, int, int]] = []
    row = column = 0
    for wide in crowded:
        span = min(2 if wide else 1, columns)
        if column + span > columns:
            row, column = row + 1, 0
        places.append((row, column, span))
        column += span
    canvas = start_figure(title, subtitle, size=(max(4.3 * columns, 7.6), 3.8 * (row + 1) + 0.9))
    grid = canvas.figure.add_gridspec(row + 1, columns)
    axes = [canvas.figure.add_subplot(grid[row, column : column + span]) for row, column, span in places]
    for panel in axes:
        style_axes(panel)
    return canvas, axes


def start_figure(title: str, subtitle: str, *, size: tuple[float, float]) -> FigureCanvasAgg:
    """A canvas of so many inches with its title above and its subtitle, wrapped, below."""
    figure = Figure(figsize=size, layout="constrained")
    figure.suptitle(title, fontsize=12, x=0.02, ha="left", parse_math=False)
    wrapped = textwrap.fill(subtitle, width=int(size[0] * 15))
    figure.supxlabel(wrapped, fontsize=7, color="0.35", x=0.02, ha="left", parse_math=False)
    return FigureCanvasAgg(figure)


def style_axes(axes: Axes) -> None:
    """A faint grid behind what is drawn, and no frame above and to the right."""
    axes.grid(visible=True, which="major", color="0.93", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def finish_figure(
    canvas: FigureCanvasAgg, panels: Sequence[tuple[Axes, Sequence[Label]]], *, crowded: bool
) -> None:
    """Fix the layout, then place labels: they are placed in pixels and must not move anything."""
    canvas.draw()
    canvas.figure.set_layout_engine("none")
    renderer = canvas.get_renderer()
    for axes, labels in panels:
        place_labels(axes, labels, renderer=renderer, fontsize=CROWDED_FONT if crowded else FONT)


def _legend(figure: Figure, modalities: set[str], *, quoted: bool) -> None:
    """Beside the title, where no point can be."""
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=modality, markersize=5)
        for modality, colour in COLOURS.items()
        if modality in modalities
    ]
    if quoted:
        hollow = Line2D([], [], marker="o", linestyle="", color="0.3", markerfacecolor="white", markersize=5)
        hollow.set_label("cost quoted")
        handles.append(hollow)
    figure.legend(handles=handles, loc="upper right", ncols=max(len(handles), 1), fontsize=8, frameon=False)


def _modality(entry: Measured) -> str:
    return "+".join(entry.card.modalities)


def _per_call(unit: str, batch_size: int) -> str:
    return f"{unit} per clip" if batch_size == 1 else f"{unit} per batch of {batch_size} clips"


def _counters(pairs: Iterable[tuple[object, ...]]) -> str:
    names = sorted({record.counter for pair in pairs for record in pair if isinstance(record, CountRecord)})
    return f"counted by {' and '.join(names)}" if names else "quoted counts"


def _dates(records: Iterable[AnyRecord]) -> str:
    days = sorted({f"{record.created:%Y-%m-%d}" for record in records})
    return days[0] if len(days) == 1 else f"{days[0]} to {days[-1]}" if days else "no date"
