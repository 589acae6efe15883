from __future__ import annotations

from epam_bench.calibration import Calibration
from epam_reports.calibration_figure import calibration_figure
from epam_reports.figures import render


def test_every_trial_has_an_interval_on_both_sides_and_the_bytes_are_always_the_same(
    drawn_calibration: Calibration,
) -> None:
    size = drawn_calibration.judged
    drawing = calibration_figure(drawn_calibration, size)
    for axes in drawing.figure.axes:
        intervals = [
            line for line in axes.lines if line.get_marker() == "None" and len(line.get_xdata()) == 2
        ]
        # Two of them are the lines at 1 and at the truth.
        assert len(intervals) == size.alarms.trials + 2
    again = calibration_figure(drawn_calibration, size)
    assert render(drawing, "svg") == render(again, "svg")
