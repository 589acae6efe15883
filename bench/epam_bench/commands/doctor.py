"""`epam-bench doctor`: is this machine fit to measure today?"""

from __future__ import annotations

from typing import Annotated

import typer

from epam_bench.commands.options import Format, FormatOption, OutputFile

UNFIT = 1
"""Exit status of a machine whose figures should not be believed today."""


def doctor(
    quick: Annotated[
        bool, typer.Option("--quick", help="Half a minute: fewer trials, so less is found.")
    ] = False,
    seconds: Annotated[
        float | None, typer.Option(help="How long it may take.", show_default="55, or 25 with --quick", min=1)
    ] = None,
    threads: Annotated[
        int | None,
        typer.Option(
            help="CPU threads to be used; by default one a physical core.", min=1, show_default=False
        ),
    ] = None,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Is this machine fit to measure today? A grade for each thing looked at, and what to do.

    Timer, harness, neighbours, quota, clocks and memory are looked at; a model of about 4 ms is timed against
    itself, and against itself slowed by 5 %, in fresh processes, and how steady its time is. Exit status: 1
    if it is not fit (poor), else 0: good, fair, or unknown where there was no time for the trials.

    Example: epam-bench doctor --quick
    """
    from epam_bench.commands.calibrate import progress_by_seconds
    from epam_bench.commands.latency import default_threads
    from epam_bench.commands.output import check_place, emit
    from epam_bench.doctor import FULL_SECONDS, QUICK_SECONDS, examine, overall_grade
    from epam_reports.tables.fitness import fitness_table

    check_place(output)
    allowed = seconds or (QUICK_SECONDS if quick else FULL_SECONDS)
    with progress_by_seconds("Examining", allowed) as report:
        checks = examine(seconds=allowed, threads=threads or default_threads(), report=report)
    overall = overall_grade(checks)
    emit([fitness_table(checks, overall)], output_format=output_format, output=output)
    if overall == "poor":
        raise typer.Exit(UNFIT)
