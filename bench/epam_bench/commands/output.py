"""Results on their way out: a table for people, JSON or CSV for programs, a file if asked."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from epam.errors import InputError
from epam_bench.commands.options import Format

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table as Grid
    from rich.text import Text

    from epam_bench.records import AnyRecord
    from epam_reports.table import Cell, Layout, Table

SECONDS_BEFORE_FIRST_LINE = 2.0
"""Runs that are over sooner leave a log without a word."""

SECONDS_BETWEEN_LINES = 15.0
"""How often a log, which has no progress bar, hears of progress."""

CELL_PADDING = 2
"""Columns between two cells: a blank, and one where other boxes draw a line."""

PLAIN_WIDTH = 200
"""Columns of an output that is no terminal: a file or a pipe wraps nothing by itself."""


def emit(
    tables: Sequence[Table],
    *,
    output_format: Format,
    output: Path | None,
    records: Iterable[AnyRecord] = (),
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
    tell(f"wrote {output}")


def check_outputs(records: Path, output: Path | None) -> None:
    """Raise unless both can be written, before minutes are spent on what would go there."""
    from epam_bench.records import check_writable

    check_writable(records)
    check_place(output)


def check_place(output: Path | None) -> None:
    """Raise unless there is nothing to write, or it can be."""
    if output is not None and not _can_be_written(output):
        raise InputError(f"{output}: cannot be written; name a file, in a folder that can be written to")


def _can_be_written(path: Path) -> bool:
    """Whether the file, or the nearest folder above it that is there, lets itself be written to."""
    if path.exists():
        return not path.is_dir() and os.access(path, os.W_OK)
    above = next(part for part in path.absolute().parents if part.exists())
    return above.is_dir() and os.access(above, os.W_OK)


def print_table(table: Table) -> None:
    """Draw one table on the terminal, with its caption above and its footnotes below."""
    from epam_reports.table import lay_out

    layout = lay_out(table)
    out = console()
    out.print(_text(f"\n{table.title}", "bold"))
    widths = _least_widths(table, layout, out.width)
    if widths:
        out.print(_grid(layout, widths, out.width))
    else:
        _print_blocks(table, layout, out)
    _print_sentences(table, layout, out)
    notes = [f"[{mark}] {note}" for mark, note in layout.footnotes]
    for sentence in (table.caption, *notes, *table.remarks):
        out.print(_text(sentence, "dim"))


def _least_widths(table: Table, layout: Layout, room: int) -> dict[int, int]:
    """Of each narrow column, what its cells need if no number and no word is to be broken; none without room.

    Names in the first column are whole where there is room for that.
    """
    for whole_names in (True, False):
        widths = {index: _least_width(layout, index, whole_names) for index in _narrow(table)}
        if _taken(widths) <= room:
            return widths
    return {}


def _least_width(layout: Layout, index: int, whole_names: bool) -> int:
    """The longest word; of numbers, and of names that are to be whole, the longest cell."""
    from epam_reports.table import plain_text

    texts = [plain_text(row[index]) for row in layout.rows]
    words = [word for text in (*texts, layout.headers[index]) for word in text.split()]
    whole = texts if (index == 0 and whole_names) or layout.is_numeric(index) else []
    return max((len(text) for text in (*words, *whole)), default=0)


def _taken(widths: Mapping[int, int]) -> int:
    """Columns of a terminal that a grid of such columns takes."""
    return sum(CELL_PADDING + width for width in widths.values())


def _grid(layout: Layout, least: Mapping[int, int], width: int) -> Grid:
    """These columns as a grid in which no number is ever broken; headers may be.

    The columns' widths are settled here, for a grid left to itself breaks the widest first, numbers and
    all; what is left of ``width`` beyond the least is for those whose lines are longer.
    """
    from rich import box
    from rich.table import Table as Grid

    from epam_reports.table import plain_text

    grid = Grid(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    room = width - _taken(least)
    for index, needed in least.items():
        justify: Literal["left", "right"] = "right" if layout.is_numeric(index) else "left"
        lines = (layout.headers[index], *(plain_text(row[index]) for row in layout.rows))
        more = min(max(map(len, lines)) - needed, room)
        room -= more
        grid.add_column(_text(layout.headers[index]), justify=justify, width=needed + more)
    for row in layout.rows:
        grid.add_row(*(_cell(row[index]) for index in least))
    return grid


def _print_blocks(table: Table, layout: Layout, out: Console) -> None:
    """A terminal too narrow for the grid gets a paragraph a row, a line a column."""
    for row in layout.rows:
        first, *others = _narrow(table)
        out.print(_cell(row[first]), style="bold")
        for index in others:
            if row[index].text:
                out.print(_text(f"  {layout.headers[index]}: "), _cell(row[index]), sep="", soft_wrap=True)
    out.print()


def _narrow(table: Table) -> list[int]:
    return [index for index, column in enumerate(table.columns) if not column.wide]


def _cell(cell: Cell) -> Text:
    from epam_reports.table import plain_text

    return _text(plain_text(cell), "italic" if cell.quoted else "")


def _text(words: str, style: str = "") -> Text:
    """Text that is printed as it is, whatever looks like markup in it."""
    from rich.text import Text

    return Text(words, style=style)


def _print_sentences(table: Table, layout: Layout, out: Console) -> None:
    """Columns of sentences would be squeezed to a few letters; they go below, a paragraph a row."""
    from rich.padding import Padding

    from epam_reports.table import plain_text

    wide = [index for index, column in enumerate(table.columns) if column.wide]
    for row in layout.rows if wide else ():
        out.print(_cell(row[0]), style="bold")
        for index in wide:
            out.print(Padding(_text(f"{layout.headers[index]}: {plain_text(row[index])}"), (0, 0, 0, 2)))


def report_failures(failures: Mapping[str, str]) -> None:
    """One line on standard error for each model that has no result."""
    # A network's own message may begin with its name.
    tell(*(f"{name}: {problem.removeprefix(f'{name}: ')}" for name, problem in failures.items()))


def tell(*sentences: str) -> None:
    """Say something about the run on standard error, a line each."""
    for sentence in sentences:
        console(stderr=True).print(sentence, markup=False, highlight=False, soft_wrap=True)


@contextmanager
def kept_when_stopped(records: Path, next_command: str) -> Iterator[None]:
    """Where the user stops a run half-way: say where its counts are, and what makes use of them."""
    try:
        yield
    except KeyboardInterrupt:
        tell(f"stopped; what was counted is in {records}: {next_command}")
        raise


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
def timed_progress(title: str, seconds: float) -> Iterator[Callable[[str], None]]:
    """As :func:`progress`, of a task that has a budget of seconds and not a number of steps."""
    out = console(stderr=True)
    with _clock(title, seconds, out) if out.is_terminal else _log(title, seconds, out) as advance:
        yield advance


@contextmanager
def _clock(title: str, seconds: float, out: Console) -> Iterator[Callable[[str], None]]:
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn(title),
        BarColumn(),
        TimeElapsedColumn(),
        TextColumn(f"of {seconds:.0f} s; {{task.description}}"),
    )
    start = time.monotonic()
    with Progress(*columns, console=out, transient=True) as bar:
        task = bar.add_task("", total=max(seconds, 1.0))

        def advance(done: str) -> None:
            bar.update(task, description=done, completed=min(time.monotonic() - start, seconds))

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


def _lines(title: str, steps: int, out: Console) -> AbstractContextManager[Callable[[str], None]]:
    return _now_and_then(out, lambda taken, seconds: f"{title} {taken}/{steps}, {seconds:.0f} s")


def _log(title: str, budget: float, out: Console) -> AbstractContextManager[Callable[[str], None]]:
    return _now_and_then(out, lambda _, seconds: f"{title} {seconds:.0f} of {budget:.0f} s")


@contextmanager
def _now_and_then(out: Console, head: Callable[[int, float], str]) -> Iterator[Callable[[str], None]]:
    """Print a line with what was done last; its head tells the steps taken and the seconds."""
    start = time.monotonic()
    due = start + min(SECONDS_BEFORE_FIRST_LINE, SECONDS_BETWEEN_LINES)
    taken = 0

    def advance(done: str) -> None:
        nonlocal taken, due
        taken += 1
        now = time.monotonic()
        if now >= due:
            due = now + SECONDS_BETWEEN_LINES
            out.print(f"{head(taken, now - start)}: {done}", markup=False, highlight=False)

    yield advance


def _as_text(tables: Sequence[Table], output_format: Format, records: Iterable[AnyRecord]) -> str:
    from epam_reports.exporters import to_csv, to_json, to_markdown

    if output_format is Format.CSV:
        if len(tables) > 1:
            names = ", ".join(table.name for table in tables)
            raise InputError(f"CSV holds one table: choose one with --table, of {names}")
        return to_csv(tables[0])
    if output_format is Format.TABLE:
        return "\n".join(to_markdown(table) for table in tables)
    document = {
        "tables": [json.loads(to_json(table)) for table in tables],
        "records": [record.model_dump(mode="json") for record in records],
    }
    return json.dumps(document, ensure_ascii=False, indent=2) + "\n"
