"""`epam-bench calibrate`: timing put to the test on this machine, and written up."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from epam.errors import InputError
from epam_bench.commands.options import INTERRUPTED, Format, FormatOption

DEFAULT_FOLDER = Path("epam-bench-out/calibration")
RECORDING_NAME = "recording.jsonl"


def calibrate(
    minutes: Annotated[
        float, typer.Option(help="How long to record; 0 only writes up what is recorded.", min=0)
    ] = 20.0,
    threads: Annotated[
        int | None,
        typer.Option(help="CPU threads; by default one a physical core.", min=1, show_default=False),
    ] = None,
    output_dir: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the recording and its write-up.")
    ] = DEFAULT_FOLDER,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Put timing to the test: equal models called different, a planted slowdown found, intervals that cover.

    Records a model of about 4 ms, the same again, and one slowed by 5 %, in many generations of fresh
    processes, and cuts the recording into trials. A folder that holds a recording is gone on with, also
    after a run that was killed. Leave the machine alone meanwhile.

    Example: epam-bench calibrate --minutes 20 -o reports/calibration
    """
    from epam_bench.calibration import EVALUATION_STEPS, evaluate_calibration, read_recording
    from epam_bench.commands.output import check_place, emit, progress, tell
    from epam_reports.calibration_page import write_calibration
    from epam_reports.tables.calibration import promises_table, spread_trials_table, trial_sizes_table

    path = output_dir / RECORDING_NAME
    check_place(path)
    interrupted = False
    if minutes > 0:
        try:
            _record(path, minutes, threads)
        except KeyboardInterrupt:
            interrupted = True
    try:
        recording = read_recording(path)
        with progress("Judging trials", EVALUATION_STEPS) as advance:
            calibration = evaluate_calibration(recording, advance)
    except InputError:
        if not interrupted:
            raise
        tell(f"stopped; the same command goes on with what is in {path}")
        raise typer.Exit(INTERRUPTED) from None
    tell(*(f"wrote {written}" for written in write_calibration(calibration, output_dir)))
    tables = [promises_table(calibration), trial_sizes_table(calibration), spread_trials_table(calibration)]
    emit(tables[: 1 if output_format is Format.CSV else 2], output_format=output_format, output=None)
    if interrupted:
        raise typer.Exit(INTERRUPTED)


def _record(path: Path, minutes: float, threads: int | None) -> None:
    from epam_bench.calibration_run import record
    from epam_bench.commands.latency import default_threads

    with progress_by_seconds("Recording", 60 * minutes) as report:
        record(path, seconds=60 * minutes, threads=threads or default_threads(), report=report)


@contextmanager
def progress_by_seconds(title: str, seconds: float) -> Iterator[Callable[[str], None]]:
    """Show how much of its time something has taken, whenever it tells what it has done."""
    from epam_bench.commands.output import progress

    total, start, shown = max(1, round(seconds)), time.monotonic(), 0
    with progress(f"{title}, seconds", total) as advance:

        def report(done: str) -> None:
            nonlocal shown
            now = min(total, round(time.monotonic() - start))
            for _ in range(now - shown):
                advance(done)
            shown = now

        yield report
