"""`epam-bench explain`: what one cell of a table rests on, or why it is empty."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from epam_bench.commands.options import DEFAULT_RECORDS, FromRecords

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from epam_bench.records import AnyRecord


def explain(
    cells: Annotated[
        list[str],
        typer.Argument(
            metavar="TABLE:ROW:COLUMN...",
            help="Table by name; row by number from 1, name or title; column by key or header.",
            show_default=False,
        ),
    ],
    from_records: FromRecords = None,
) -> None:
    """Say of a cell which record it was made from (file, line, date, operands, machine), or who published it.

    An empty cell says why it is empty. Without records, cells of published numbers can still be
    explained.

    Example: epam-bench explain efficiency:EPAM-Net:gmacs_per_video --from epam-bench-out/records.jsonl
    """
    from epam_bench.commands.output import tell
    from epam_bench.records import read_records
    from epam_reports import explanation
    from epam_reports.published import load_published
    from epam_reports.report import all_tables

    addresses = [explanation.parse_address(cell) for cell in cells]
    file = from_records or DEFAULT_RECORDS
    records: list[AnyRecord] = []
    if from_records or file.exists():
        records, left_out = read_records(file)
        tell(*left_out)
    tables = all_tables(records, load_published())
    place = place_in(file)
    for address in addresses:
        found = explanation.explain(address, tables, records, place)
        typer.echo(f"{found.address}: {found.value}")
        for sentence in found.sentences:
            typer.echo(f"  {sentence}")


def place_in(file: Path) -> Callable[[AnyRecord], str]:
    """Says of a record in which line of the file it is; of equal lines, the first."""
    from functools import cache

    @cache
    def lines() -> list[tuple[int, AnyRecord]]:
        return list(_numbered(file))

    def place(record: AnyRecord) -> str:
        number = next((number for number, written in lines() if written == record), None)
        return f"{file}, line {number}" if number else str(file)

    return place


def _numbered(file: Path) -> Iterator[tuple[int, AnyRecord]]:
    """The records with their lines, counted from 1; what `read_records` left out is left out here too."""
    from pydantic import TypeAdapter, ValidationError

    from epam_bench.records import Record

    known: TypeAdapter[AnyRecord] = TypeAdapter(Record)
    # Lines end with a newline alone, as `read_records` takes them.
    for number, line in enumerate(file.read_text(encoding="utf-8").split("\n"), start=1):
        with suppress(ValidationError):
            yield number, known.validate_json(line)
