"""Results on their way out: a table for people, JSON or CSV for programs, a file if asked."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from epam_bench.commands.options import Format

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from epam_bench.records import CountRecord, LatencyRecord
    from epam_reports.table import Layout, Table

SECONDS_BETWEEN_LINES = 15.0
"""How often a log hears of progress."""

PLAIN_WIDTH = 200
"""Columns of an output that is no terminal: a file or a pipe wraps nothing by itself."""


def emit(
    tables: Sequence[Table],
    *,
    output_format: Format,
    output: Path | None,
    records: Iterable[CountRecord | LatencyRecord] = (),
) -> None:
    """Print the tables, or write them to a file; JSON carries the full records as well."""
    if output_format is Format.TABLE and output is None:
        for table in tables:
            print_table(table)
        return
    text = _as_text(tables, output_format, records)
    if output is None:
        sys.stdout.write(text)
        return
    from epam.atomic_file import write_atomically

    write_atomically(output, text)
    console(stderr=True).print(f"wrote {output}", markup=False, highlight=False)


def print_table(table: Table) -> None:
    """Draw one table on the terminal, with its caption above and its footnotes below."""
    from rich import box
    from rich.table import Table as Grid
    from rich.text import Text

    from epam_reports.table import lay_out, plain_text

    layout = lay_out(table)
    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False)
    narrow = [index for index, column in enumerate(table.columns) if not column.wide]
    for index in narrow:
        numeric = any(row[index].figures for row in layout.rows)
        grid.add_column(Text(layout.headers[index]), justify="right" if numeric else "left", overflow="fold")
    for row in layout.rows:
        cells = [row[index] for index in narrow]
        grid.add_row(*(Text(plain_text(cell), style="italic" if cell.quoted else "") for cell in cells))
    out = console()
    out.print(Text(f"\n{table.title}", style="bold"))
    out.print(grid)
    _print_sentences(table, layout, out)
    out.print(Text(table.caption, style="dim"))
    for mark, note in layout.footnotes:
        out.print(Text(f"[{mark}] {note}", style="dim"))
    for remark in table.remarks:
        out.print(Text(remark, style="dim"))


def _print_sentences(table: Table, layout: Layout, out: Console) -> None:
    """Columns of sentences would be squeezed to a few letters; they go below, a paragraph a row."""
    from rich.padding import Padding
    from rich.text import Text

    from epam_reports.table import plain_text

    wide = [index for index, column in enumerate(table.columns) if column.wide]
    for row in layout.rows if wide else ():
        out.print(Text(plain_text(row[0]), style="bold"))
        for index in wide:
            out.print(Padding(Text(f"{layout.headers[index]}: {plain_text(row[index])}"), (0, 0, 0, 2)))


def report_failures(failures: Mapping[str, str]) -> None:
    """One line on standard error for each model that has no result."""
    for name, problem in failures.items():
        console(stderr=True).print(f"{name}: {problem}", style="red", markup=False, highlight=False)


def console(*, stderr: bool = False) -> Console:
    """A console that does not squeeze tables into 80 columns when no terminal is attached."""
    from rich.console import Console

    out = Console(stderr=stderr)
    return out if out.is_terminal else Console(stderr=stderr, width=PLAIN_WIDTH)


@contextmanager
def progress(title: str, steps: int) -> Iterator[Callable[[str], None]]:
    """Show progress on standard error; call what it yields once a step, with what is being done.

    A bar on a terminal; elsewhere (a log, CI) a line now and then.
    """
    out = console(stderr=True)
    with _bar(title, steps, out) if out.is_terminal else _lines(title, steps, out) as advance:
        yield advance


@contextmanager
def _bar(title: str, steps: int, out: Console) -> Iterator[Callable[[str], None]]:
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn(title),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("", total=steps)

        def advance(done: str) -> None:
            bar.update(task, description=done, advance=1)

        yield advance


@contextmanager
def _lines(title: str, steps: int, out: Console) -> Iterator[Callable[[str], None]]:
    start = last = time.monotonic()
    taken = 0

    def advance(done: str) -> None:
        nonlocal taken, last
        taken += 1
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            out.print(f"{title} {taken}/{steps}, {now - start:.0f} s: {done}", markup=False, highlight=False)

    yield advance


def _as_text(
    tables: Sequence[Table], output_format: Format, records: Iterable[CountRecord | LatencyRecord]
) -> str:
    from epam_reports.exporters import to_csv, to_json, to_markdown

    if output_format is Format.CSV:
        return "\n".join(to_csv(table) for table in tables)
    if output_format is Format.TABLE:
        return "\n".join(to_markdown(table) for table in tables)
    document = {
        "tables": [json.loads(to_json(table)) for table in tables],
        "records": [record.model_dump(mode="json") for record in records],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
