"""`epam-bench tables`: the paper's tables and figures, from records and published numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from epam.errors import InputError, UnknownNameError
from epam_bench.commands.options import DEFAULT_RECORDS, Format, FormatOption, FromRecords


def tables(
    from_records: FromRecords = None,
    table: Annotated[
        list[str] | None,
        typer.Option(
            "--table",
            help="Print only this one: efficiency, claims, printed_costs (the paper's Table 1), ntu60, "
            "ntu120, pku_mmd, toyota_smarthome, counters, latency, speed, best_backends, memory, roofline, "
            "pipeline, pipeline_steps, accuracy, classes or ablation; may be repeated.",
            show_default=False,
        ),
    ] = None,
    output_dir: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="Write all tables (Markdown, HTML, CSV, LaTeX, JSON), figures (SVG, PNG) and report.html, "
            "which has them all in it, into this folder, and print none.",
            show_default=False,
        ),
    ] = None,
    output_format: FormatOption = Format.TABLE,
) -> None:
    """Build the paper's tables from records; nothing is measured.

    Measured and published figures are told apart everywhere; what was not measured says so. What a
    cell rests on: epam-bench explain TABLE:ROW:COLUMN.

    Example: epam-bench tables --from epam-bench-out/records.jsonl -o report
    """
    from epam_bench.commands.output import emit, tell
    from epam_bench.records import read_records
    from epam_reports.published import load_published
    from epam_reports.report import all_tables, write_report

    if table and output_dir is not None:
        raise InputError(
            f"--table {table[0]} and --output: the folder gets every table; leave out --table, or leave out "
            "--output and send what is printed to a file with >"
        )
    records, left_out = read_records(from_records or DEFAULT_RECORDS)
    tell(*left_out)
    if output_dir is not None:
        tell(*(f"wrote {path}" for path in write_report(records, output_dir, notes=tuple(left_out))))
        return
    known = {built.name: built for built in all_tables(records, load_published())}
    for name in table or ():
        if name not in known:
            raise UnknownNameError("table", name, known)
    shown = [known[name] for name in table or known]
    emit(shown, output_format=output_format, output=None, records=records)
