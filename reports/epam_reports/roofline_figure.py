"""The roofline of one network as a picture: every operation below the roofs, and where the time goes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from math import log10
from statistics import median

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from epam_bench.records import Bound, OperationKind, OperationTime, RooflineRecord
from epam_reports.figures import Drawing, finish_figure, plain_log_ticks, start_figure, style_axes
from epam_reports.label_placement import Label
from epam_reports.tables.roofline import describe_form, describe_milliseconds, describe_peaks

FIGURE_NAME = re.compile(r"roofline_\w+_[0-9a-f]{12}")
"""What no file but ours is called, so that those of an earlier report can be removed."""

COLOURS: dict[str, str] = {
    "convolution": "#1f6fb4",
    "depthwise": "#c25b12",
    "matrix product": "#7a2f8f",
    "attention": "#2e7d4f",
}
"""Of what multiplies; a depthwise convolution is one whose weight has one channel in."""

OTHER_COLOUR = "#777777"
ROOF_COLOUR = "0.25"
BARS = 14
"""The longest operations have a bar each, and those that multiply have its number beside their point."""

LARGEST_POINT, SMALLEST_POINT = 420.0, 8.0
"""Areas in square points, of the longest operation, and of one with hardly any time."""

DRAWN_SHARE = 2e-3
"""Points of less of the time than this would stretch the axes, and say nothing."""

LONGEST_NAME = 46

ROOM_BETWEEN = 0.06
"""Of the plots, as a share of their width: names of bars are wider in print than the layout reckons."""


def roofline_figure(record: RooflineRecord) -> Drawing:
    """Left: GFLOP/s over FLOPs a byte, roofs of compute, cache and memory, area by time.

    Right: the longest operations, those that multiply nothing too, their time and what the peaks allow;
    their numbers are those of the points.
    """
    whole_ms = median(record.whole_ms)
    caption = (
        f"{record.model.title}, {describe_form(record)}, {record.threads} thread"
        f"{'s' if record.threads != 1 else ''}: {describe_milliseconds(whole_ms)}, of which the parts cover "
        f"{record.covered:.0%}. Roofs, measured in the same run: {describe_peaks(record.peaks)}. A point's "
        "area is its operation's time, its number that of the bar; operations of less than "
        f"{DRAWN_SHARE:.1%} of the time have no point; {record.created:%Y-%m-%d}"
    )
    canvas = start_figure(
        f"Where the time of {record.model.title} goes ({describe_form(record)})", caption, size=(13.0, 6.0)
    )
    left, right = canvas.figure.subplots(1, 2, width_ratios=(1.25, 1.0), gridspec_kw={"wspace": ROOM_BETWEEN})
    labels = _draw_roofline(left, record)
    _draw_bars(right, record)
    finish_figure(canvas, [(left, labels)], crowded=True)
    return Drawing(_file_stem(record), canvas.figure, caption)


def _draw_roofline(axes: Axes, record: RooflineRecord) -> list[Label]:
    style_axes(axes)
    total = sum(operation.time_ms for operation in record.operations)
    numbered = {
        number: operation
        for number, operation in enumerate(_longest_first(record), start=1)
        if operation.macs and operation.bytes and operation.time_ms > DRAWN_SHARE * total
    }
    points = list(numbered.values())
    axes.set(xscale="log", yscale="log", xlabel="FLOPs a byte moved", ylabel="GFLOP/s")
    _limit(axes, points, record)
    _draw_roofs(axes, record)
    for operation in points:
        axes.scatter(
            _intensity(operation),
            _rate(operation),
            s=max(SMALLEST_POINT, LARGEST_POINT * operation.time_ms / points[0].time_ms),
            color=_colour(operation),
            alpha=0.65,
            linewidths=0.5,
            edgecolors="white",
            zorder=3,
        )
    seen = {_group(operation) for operation in points}
    handles = [
        Line2D([], [], marker="o", linestyle="", color=colour, label=name, markersize=6)
        for name, colour in COLOURS.items()
        if name in seen
    ]
    if handles:
        axes.legend(handles=handles, loc="lower right", fontsize=8, frameon=False)
    return [
        Label(str(number), _intensity(operation), _rate(operation), _colour(operation))
        for number, operation in numbered.items()
        if number <= BARS
    ]


def _longest_first(record: RooflineRecord) -> list[OperationTime]:
    return sorted(record.operations, key=lambda operation: -operation.time_ms)


def _limit(axes: Axes, points: Sequence[OperationTime], record: RooflineRecord) -> None:
    """Room for all points and for both ridges, where a slope meets the roof."""
    peaks = record.peaks
    ridges = [
        peaks.gflops_per_second / rate
        for rate in (peaks.memory_gigabytes_per_second, peaks.cache_gigabytes_per_second)
    ]
    across = [log10(_intensity(point)) for point in points] + [log10(ridge) for ridge in ridges]
    up = [log10(_rate(point)) for point in points] + [log10(peaks.gflops_per_second)]
    axes.set_xlim(10 ** (min(across) - 0.35), 10 ** (max(across) + 0.45))
    axes.set_ylim(10 ** (min(up) - 0.4), 10 ** (max(up) + 0.35))
    plain_log_ticks(axes.xaxis)
    plain_log_ticks(axes.yaxis)


def _draw_roofs(axes: Axes, record: RooflineRecord) -> None:
    peaks = record.peaks
    low, high = axes.get_xlim()
    floor = axes.get_ylim()[0]
    roof = peaks.gflops_per_second
    axes.plot((low, high), (roof, roof), color=ROOF_COLOUR, linewidth=1.4, zorder=1)
    # On the left, where slopes keep points from the roof: on the right, noise may put one above it.
    axes.text(
        low,
        roof * 1.04,
        f" compute {roof:.0f} GFLOP/s",
        fontsize=8,
        color=ROOF_COLOUR,
        ha="left",
        va="bottom",
    )
    for name, rate, style in (
        ("memory", peaks.memory_gigabytes_per_second, "-"),
        ("cache", peaks.cache_gigabytes_per_second, "--"),
    ):
        start, ridge = max(low, floor / rate), roof / rate
        axes.plot(
            (start, ridge), (start * rate, roof), color=ROOF_COLOUR, linestyle=style, linewidth=1.2, zorder=1
        )
        # Near the beginning of what is seen of the slope, below it: points stand further right.
        place = start * (ridge / start) ** 0.15
        axes.annotate(
            f"{name} {rate:.0f} GB/s",
            (place, place * rate),
            xytext=(5, -3),
            textcoords="offset points",
            fontsize=8,
            color=ROOF_COLOUR,
            ha="left",
            va="top",
        )


def _draw_bars(axes: Axes, record: RooflineRecord) -> None:
    """The longest operations as bars, the dark part what the peaks allow; the rest as the last one."""
    style_axes(axes)
    longest = _longest_first(record)
    shown, rest = longest[:BARS], longest[BARS:]
    names = [f"{_bar_name(operation)}   {number}" for number, operation in enumerate(shown, start=1)]
    times = [operation.time_ms for operation in shown]
    least = [operation.bound_ms for operation in shown]
    colours = [_colour(operation) for operation in shown]
    bounds: list[Bound | None] = [operation.bound if operation.bound_ms else None for operation in shown]
    if rest:
        names.append(f"{len(rest)} further operations")
        times.append(sum(operation.time_ms for operation in rest))
        least.append(sum(operation.bound_ms for operation in rest))
        colours.append("0.75")
        bounds.append(None)
    places = list(range(len(names)))
    axes.barh(places, times, color=colours, alpha=0.45, height=0.72)
    # Noise may put a least time above a time: it is drawn as far as the bar goes.
    axes.barh(places, [min(pair) for pair in zip(least, times, strict=True)], color=colours, height=0.72)
    for place, time_ms, bound in zip(places, times, bounds, strict=True):
        said = f" {describe_milliseconds(time_ms)}" + (f", {bound}" if bound else "")
        axes.text(time_ms, place, said, fontsize=7, va="center", color="0.3")
    axes.set_yticks(places, labels=names, fontsize=7, parse_math=False)
    axes.invert_yaxis()
    # Where no operation took any time that the clock could tell.
    axes.set_xlim(0, 1.3 * max(times) or 1.0)
    axes.set_xlabel("ms of one call, and what sets its least time")
    axes.grid(visible=False, axis="y")
    axes.tick_params(axis="y", length=0)
    axes.legend(
        handles=[
            Patch(color="0.4", label="at the peaks"),
            Patch(color="0.4", alpha=0.45, label="measured"),
        ],
        loc="lower right",
        bbox_to_anchor=(1.0, 1.0),
        ncols=2,
        fontsize=8,
        frameon=False,
    )


def _bar_name(operation: OperationTime) -> str:
    name = operation.operation.rpartition(".")[2].removeprefix("_")
    text = f"{name} {operation.shape}".strip()
    calls = f" ({operation.calls}×)" if operation.calls > 1 else ""
    return (text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…") + calls


def _intensity(operation: OperationTime) -> float:
    return 2 * operation.macs / operation.bytes


def _rate(operation: OperationTime) -> float:
    return 2 * operation.macs / (1e6 * operation.time_ms)


def _group(operation: OperationTime) -> str:
    """The key of its colour."""
    if operation.kind is OperationKind.CONVOLUTION and _is_depthwise(operation.shape):
        return "depthwise"
    return operation.kind.value


def _is_depthwise(shape: str) -> bool:
    """Whether a convolution's weight, behind the sign, has one channel in and more than one out."""
    _, sign, weight = shape.partition(" ∗ ")
    sizes = re.findall(r"\d+", weight.partition(" /")[0])
    inputs = re.findall(r"\d+", shape.partition(" ∗ ")[0])
    if not sign or len(sizes) < 3 or len(inputs) < 2:
        return False
    return sizes[1] == "1" and sizes[0] != "1" and inputs[1] != "1"


def _colour(operation: OperationTime) -> str:
    return COLOURS.get(_group(operation), OTHER_COLOUR)


def _file_stem(record: RooflineRecord) -> str:
    """The same for the same setting in every report, and no other setting's."""
    environment = record.environment
    what = (
        *(record.model.name, record.model.num_classes, sorted(record.model.inputs.items())),
        *(environment.processor, environment.accelerator, record.device, record.precision),
        *(record.backend, record.threads, record.batch_size),
    )
    digest = hashlib.sha256(repr(what).encode()).hexdigest()[:12]
    slug = re.sub(r"[^a-z0-9]+", "_", f"{record.model.name}_{record.backend}".lower()).strip("_")[:60]
    return f"roofline_{slug}_{digest}"
