"""Options that several subcommands share, so that they read and behave alike."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

SOME_FAILED, NOTHING_MEASURED, INTERRUPTED = 1, 2, 130
"""Exit statuses of a command that measured only a part of what it was asked to."""

DEFAULT_OUTPUT_DIR = Path("epam-bench-out")
RECORDS_NAME = "records.jsonl"


class Format(StrEnum):
    """How a result is printed."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Models = Annotated[
    list[str] | None,
    typer.Argument(
        help="Names from `epam-bench models`, or package.module:factory for a model of your own; all "
        "of the catalogue when none is given.",
        show_default=False,
    ),
]
Inputs = Annotated[
    list[str] | None,
    typer.Option(
        "--input",
        help="Shape of an input, batch first, as in rgb=1x3x16x224x224; repeat it for each input. Names are "
        "those of forward's parameters; others are given in order. For models given as "
        "package.module:factory if there are any, else for those named.",
        show_default=False,
    ),
]
PluginFolder = Annotated[
    Path | None,
    typer.Option(
        "--plugins",
        help="Folder of .py files with SPEC or SPECS each: models besides the catalogue's. "
        "EPAM_BENCH_PLUGINS names another.",
        show_default=False,
    ),
]
FormatOption = Annotated[
    Format, typer.Option("--format", "-f", help="table for people, json or csv for programs.")
]
OutputFile = Annotated[
    Path | None,
    typer.Option(
        "--output", "-o", help="Write the result to this file instead of the terminal.", show_default=False
    ),
]
RecordsFile = Annotated[
    Path, typer.Option("--records", help="Every measurement is appended to this file as a JSON line.")
]
FromRecords = Annotated[
    Path | None,
    typer.Option("--from", help="Read measurements from this record file.", show_default=False),
]
DEFAULT_RECORDS = DEFAULT_OUTPUT_DIR / RECORDS_NAME
