"""`epam-bench tables`: the paper's tables and figures, from records and published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epam_bench.commands.options import DEFAULT_RECORDS, Format, FormatOption, FromRecords


def tables(
    from_records: FromRecords = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write all tables (Markdown, CSV, LaTeX) and figures (SVG, PNG) into this folder.",
            show_default=False,
        ),
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Build the paper's tables from records; nothing is measured.

    Measured and published figures are told apart everywhere; what was not measured says so.

    Example: epam-bench tables --from epam-bench-out/records.jsonl -o report
    """
    from epam_bench.commands.output import console, emit
    from epam_bench.records import read_records
    from epam_reports.report import write_report
    from epam_reports.tables import accuracy_table, counters_table, efficiency_table, latency_table

    records, left_out = read_records(from_records or DEFAULT_RECORDS)
    shown = [
        efficiency_table(records),
        counters_table(records),
        latency_table(records),
        accuracy_table(),
    ]
    emit(shown, output_format=output_format, output=None, records=records)
    for sentence in left_out:
        console(stderr=True).print(sentence, style="yellow", markup=False, highlight=False)
    if output_dir is not None:
        for path in write_report(records, output_dir, notes=tuple(left_out)):
            console(stderr=True).print(f"wrote {path}", markup=False, highlight=False)
