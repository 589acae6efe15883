"""How far a command is: a bar on a terminal; in a log a line now and then."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from epam.errors import printable

if TYPE_CHECKING:
    from rich.console import Console

SECONDS_BETWEEN_LINES = 15.0


@contextmanager
def show_progress(title: str, total: int) -> Iterator[Callable[[str], None]]:
    """Show progress on standard error; call what it yields once a step, with what was done."""
    from rich.console import Console

    console = Console(stderr=True)
    with _bar(title, total, console) if console.is_terminal else _lines(title, total, console) as advance:
        yield advance


@contextmanager
def _bar(title: str, total: int, console: Console) -> Iterator[Callable[[str], None]]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn(title, markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}", markup=False),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=total)
        yield lambda done: bar.update(task, advance=1, description=printable(done))


@contextmanager
def _lines(title: str, total: int, console: Console) -> Iterator[Callable[[str], None]]:
    start = last = time.monotonic()
    taken = 0

    def advance(done: str) -> None:
        nonlocal taken, last
        taken += 1
        now = time.monotonic()
        if now - last >= SECONDS_BETWEEN_LINES:
            last = now
            line = f"{title} {taken}/{total}, {now - start:.0f} s: {printable(done)}"
            console.print(line, markup=False, highlight=False)

    yield advance
