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
        help="Names from `epam-bench models`; all of them when none is given.", show_default=False
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
