"""`epam-bench conformance`: counters scored on networks whose multiply-adds are known by hand."""

from __future__ import annotations

from typing import Annotated

import typer

from epam_bench.commands.options import Format, FormatOption, OutputFile


def conformance(
    counter: Annotated[str, typer.Option(help="consensus, torch, fvcore, thop, or all of them.")] = "all",
    failures: Annotated[
        bool,
        typer.Option(
            "--failures", help="Only cases that a counter has wrong, and how each truth was worked out."
        ),
    ] = False,
    output_format: FormatOption = Format.TABLE,
    output: OutputFile = None,
) -> None:
    """Score counters on small networks whose multiply-adds are known by hand.

    A count is right if it is exactly right; otherwise its ratio to the truth is printed. No file of
    records is read or written.

    Example: epam-bench conformance --failures
    """
    from epam_bench.commands.output import check_place, emit, progress
    from epam_bench.conformance import CASES, score_counters
    from epam_bench.plan import plan_counters
    from epam_reports.tables.conformance import conformance_scores_table, conformance_table

    counters = plan_counters(counter)
    check_place(output)
    with progress("Scoring", len(CASES) * len(counters)) as advance:
        results = score_counters(counters, CASES, report=advance)
    tables = [conformance_table(results, failures_only=failures)]
    if output_format is not Format.CSV:
        tables.append(conformance_scores_table(results))
    emit(tables, output_format=output_format, output=output)
