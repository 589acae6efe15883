"""The write-up of a calibration, made from its recording alone: a page and its picture."""

from __future__ import annotations

from pathlib import Path

from epam.atomic_file import write_atomically
from epam_bench.calibration import Calibration, RatioInterval
from epam_reports.calibration_figure import calibration_figure
from epam_reports.exporters.markdown import page_to_markdown
from epam_reports.figures import render
from epam_reports.measurements import describe_machine
from epam_reports.page import Bullets, Heading, Page, Paragraph, Picture
from epam_reports.tables.calibration import promises_table, spread_trials_table, trial_sizes_table

PAGE_NAME = "README.md"

_PURPOSE = (
    "One model is timed against itself, and against itself slowed, for long; the recording is cut into "
    "many short trials, and each trial is asked what it would have said. A trial that calls equal "
    "models different raises a false alarm; one that does not call the slowed model slower misses it. "
    "This page is made from the recording beside it alone: epam-bench calibrate --minutes 0 makes it "
    "again, make calibrate goes on recording."
)

_METHOD = (
    "In each generation every subject (the model, the same again, the slowed one, an empty one) has a "
    "fresh process, and they take turns in random order, one at a time, as in epam-bench latency. A "
    "turn's median over that of its neighbour is free of what slowed both; the middle half of these "
    "ratios is averaged. The interval is a bootstrap over generations, widened as Student's t does for "
    "few of them; that of a median is at least as wide as three stretches of the trial's time call for by "
    "their differences. Trials do not overlap, none spans two sessions or takes more than three minutes. The "
    "method, and that the longest trials are judged, were settled before this was recorded."
)


def write_calibration(calibration: Calibration, folder: Path) -> tuple[Path, ...]:
    """Write the page and its picture into a folder; the same recording gives the same bytes."""
    size = calibration.judged
    drawing = calibration_figure(calibration, size)
    picture = Picture(drawing.name, drawing.caption, render(drawing, "svg"))
    page = page_to_markdown(calibration_page(calibration, picture))
    return (
        write_atomically(folder / PAGE_NAME, page),
        write_atomically(folder / f"{drawing.name}.svg", picture.svg),
    )


def calibration_page(calibration: Calibration, picture: Picture) -> Page:
    """What was done, what is promised and kept, and every length of trial."""
    recording = calibration.recording
    header, generations = recording.header, recording.generations
    sessions = len({generation.session for generation in generations})
    minutes = sum(generation.seconds for generation in generations) / 60
    versions = header.environment.versions
    usual, most = calibration.others_cpu_fraction
    return Page(
        title="Can these timings be believed?",
        blocks=(
            Paragraph(_PURPOSE),
            Bullets(
                (
                    f"Machine: {describe_machine(header.environment)}, threads: {header.threads}, "
                    f"PyTorch {versions.get('torch', 'unknown')}, {header.created:%Y-%m-%d}.",
                    f"Recorded: {len(generations)} generations of fresh processes in {minutes:.0f} minutes"
                    + (f", in {sessions} sessions" if sessions > 1 else "")
                    + f"; meanwhile others took {usual:.0%} of the processors at the median, "
                    f"{most:.0%} at most.",
                    f"Model: EPAM-Net's pose stream, thin, {header.frames} frames of 32 × 32, eager: "
                    f"{calibration.median_ms:.2f} ms a call at the median of the whole recording.",
                    "The same again: over the whole recording its ratio to the model is "
                    f"{_ratio(calibration.equal_ratio)}; how far that is from 1 is the method's own error.",
                    f"Slowed: after every call, it waits for {100 * header.slowdown:g} % of what the call "
                    f"took; over the whole recording its ratio is {_ratio(calibration.ratio)}.",
                    "Harness: timing a call that does nothing takes "
                    f"{1000 * calibration.overhead_ms:.1f} µs, "
                    f"{100 * calibration.overhead_ms / calibration.median_ms:.2f} % of the model's.",
                )
            ),
            promises_table(calibration),
            picture,
            trial_sizes_table(calibration),
            spread_trials_table(calibration),
            Heading("How"),
            Paragraph(_METHOD),
        ),
    )


def _ratio(found: RatioInterval) -> str:
    ratio, low, high = found
    return f"{ratio:.4f} [{low:.4f}, {high:.4f}]"
