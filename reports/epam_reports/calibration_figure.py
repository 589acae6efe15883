"""Every trial of a calibration as a picture: the intervals of equal models, and of a slowed one."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes

from epam_bench.calibration import Calibration, RatioInterval, TrialSize
from epam_reports.figures import Drawing, finish_figure, start_figure, style_axes

RIGHT_COLOUR, WRONG_COLOUR = "#1f6fb4", "#c25b12"


def calibration_figure(calibration: Calibration, size: TrialSize) -> Drawing:
    """Left equal models, right the slowed one: an interval a trial, in the order of time.

    Orange are, left, intervals without 1, and right those that have it.
    """
    caption = (
        f"Ratio of two models' times and its 95 % interval, in {size.alarms.trials} trials of "
        f"{size.generations} generations ({size.seconds[0]:.0f} s). Left: the same model twice; orange: "
        "without 1. Right: slowed by a wait; orange: the slowdown was not told from none."
    )
    canvas = start_figure(
        "A model timed against itself, and against itself slowed", caption, size=(11.0, 4.6)
    )
    left, right = canvas.figure.subplots(1, 2, sharey=True)
    _draw_intervals(left, size.equal, 1.0, wrong=[not low <= 1 <= high for _, low, high in size.equal])
    _draw_intervals(right, size.slowed, calibration.ratio[0], wrong=[low <= 1 for _, low, _ in size.slowed])
    left.set_ylabel("ratio of times")
    left.set_title("the same model", fontsize=10)
    right.set_title(f"slowed by {100 * (calibration.ratio[0] - 1):.1f} %", fontsize=10)
    finish_figure(canvas, [], crowded=False)
    return Drawing("trials", canvas.figure, caption)


def _draw_intervals(
    axes: Axes, intervals: Sequence[RatioInterval], truth: float, wrong: Sequence[bool]
) -> None:
    style_axes(axes)
    axes.axhline(1.0, color="0.4", linewidth=0.8)
    axes.axhline(truth, color="0.4", linewidth=0.8, linestyle="--")
    for number, ((ratio, low, high), is_wrong) in enumerate(zip(intervals, wrong, strict=True), start=1):
        colour = WRONG_COLOUR if is_wrong else RIGHT_COLOUR
        axes.plot([number, number], [low, high], color=colour, linewidth=1.4, solid_capstyle="butt")
        axes.plot([number], [ratio], color=colour, marker="o", markersize=3.5)
    axes.set_xlabel("trial")
