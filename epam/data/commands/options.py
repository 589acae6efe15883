"""Options and exit statuses that the subcommands of ``epam-data`` share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

SOMETHING_WRONG, INTERRUPTED = 3, 130
"""Exit statuses: a sample could not be used, or a check found something; stopped by the user."""

LINES_SHOWN = 20
"""Problems that are printed; all of a check's are in its manifest."""

DatasetArgument = Annotated[
    str,
    typer.Argument(metavar="DATASET", help="ntu60, ntu120, pku_mmd, toyota_smarthome, embedded or custom."),
]
RootOption = Annotated[Path, typer.Option("--root", metavar="DIR", help="The prepared folder.")]
WorkersOption = Annotated[
    int | None,
    typer.Option("--workers", "-j", min=1, help="Processes; by default one a core.", show_default=False),
]


def choose_workers(given: int | None) -> int:
    """As many as were asked for, or as this process may use cores."""
    if given is not None:
        return given
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@contextmanager
def stop_told(what_is_kept: str) -> Iterator[None]:
    """Let Ctrl-C end a command with its own exit status and a line that says what is kept."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"stopped; {what_is_kept}", err=True)
        raise typer.Exit(INTERRUPTED) from None


def print_problems(lines: list[str]) -> None:
    """Print the first problems on standard error, each on one line, and count the others."""
    for line in lines[:LINES_SHOWN]:
        typer.echo(f"  {line}", err=True)
    if len(lines) > LINES_SHOWN:
        typer.echo(f"  … and {len(lines) - LINES_SHOWN} more", err=True)
