"""Explains one cell of a table: which records or published numbers it rests on, or why it is empty."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from epam.errors import InputError, UnknownNameError
from epam_bench.records import (
    AblationTrial,
    AccuracyRecord,
    AnyRecord,
    CountRecord,
    LatencyRecord,
    PipelineRecord,
    RooflineRecord,
    latest_records,
)
from epam_reports.costs import count_views
from epam_reports.evidence import Evidence
from epam_reports.measurements import cite, describe_input, describe_machine
from epam_reports.published import PublishedNumber
from epam_reports.table import Cell, Layout, Table, lay_out, plain_text

EXAMPLE = "efficiency:EPAM-Net:gmacs_per_view"

ROW_NAMES = ("model", "catalogue_name", "title", "name", "claim", "variant")
"""Columns of a frame that name a row, beside what is printed in its first column."""

SEPARATOR = ":"

TOLD_ROWS, TOLD_DETAILS = 12, 30
"""So many rows of one name are told apart, so many lines behind a row are told, and the rest counted."""

Place = Callable[[AnyRecord], str]
"""Where a record is: file and line."""


@dataclass(frozen=True)
class Address:
    """Where a cell is: as it was typed, ``TABLE:ROW:COLUMN``."""

    table: str
    row: str
    column: str


@dataclass(frozen=True)
class Explanation:
    """One cell in words.

    Attributes:
        address: where it is, in full: ``efficiency, row 3 (EPAM-Net), column GMACs/view``.
        value: as it is printed.
        sentences: what it rests on, or why it is empty; further lines of one thing are indented.
    """

    address: str
    value: str
    sentences: tuple[str, ...]


def parse_address(text: str) -> Address:
    """Read ``TABLE:ROW:COLUMN``; a row's name may itself hold colons.

    Raises:
        InputError: it has no such three parts.

    >>> parse_address("latency:2:Clips/s")
    Address(table='latency', row='2', column='Clips/s')
    """
    table, _, rest = text.partition(SEPARATOR)
    row, _, column = rest.rpartition(SEPARATOR)
    if not (table.strip() and row.strip() and column.strip()):
        raise InputError(f"{text!r}: give TABLE:ROW:COLUMN, for example {EXAMPLE}")
    return Address(table.strip(), row.strip(), column.strip())


def explain(
    address: Address, tables: Sequence[Table], records: Iterable[AnyRecord], place: Place
) -> Explanation:
    """Explain the cell at that address.

    Args:
        address: table by name; row by number from 1, name or title; column by key or header.
        tables: those that it may be in.
        records: what they were made from, to find those that a table names in words alone.
        place: says where a record is.

    Raises:
        UnknownNameError: no such table, row or column; the message names the nearest.
        InputError: several rows or columns are called so; the message tells them apart.
    """
    known = {table.name: table for table in tables}
    name = _match(address.table, known)
    if name is None:
        raise UnknownNameError("table", address.table, known)
    table = known[name]
    row, column = find_row(table, address.row), find_column(table, address.column)
    return explain_cell(table, lay_out(table), (row, column), list(records), place)


def explain_cell(
    table: Table, layout: Layout, cell: tuple[int, int], records: Sequence[AnyRecord], place: Place
) -> Explanation:
    """Explain the cell in this row and column, counted from 0; ``layout`` is the table's."""
    row, index = cell
    column, printed = table.columns[index], layout.rows[row][index]
    where = (
        f"{table.name}, row {row + 1} ({_first_words(table, row)}), column {column.header or column.key} "
        f"({column.key})"
    )
    sentences = _sentences(table, row, printed, records, place)
    return Explanation(where, plain_text(printed) or "(empty)", tuple(sentences))


def find_row(table: Table, text: str) -> int:
    """Index of the row with this number from 1, name or title; a name before a number."""
    names = [_names_of(table, index) for index in range(len(table.frame))]
    for alike in (str, str.casefold):
        found = [index for index, known in enumerate(names) if alike(text) in {alike(name) for name in known}]
        if len(found) > 1:
            told = ", ".join(f"{index + 1} ({_distinction(table, index)})" for index in found[:TOLD_ROWS])
            more = f" and {len(found) - TOLD_ROWS} more" if len(found) > TOLD_ROWS else ""
            raise InputError(f"{text!r} are rows {told}{more} of {table.name}: give the row's number")
        if found:
            return found[0]
    if text.isdecimal():
        if 1 <= int(text) <= len(names):
            return int(text) - 1
        raise InputError(f"row {text}: {table.name} has {len(names)} rows, numbered from 1")
    if not names:
        raise InputError(f"{table.name} has no rows: nothing of its kind was measured or published")
    raise UnknownNameError(f"row of {table.name}", text, {name for known in names for name in known})


def find_column(table: Table, text: str) -> int:
    """Index of the printed column with this key or header."""
    for alike in (str, str.casefold):
        for labels in ([column.key for column in table.columns], [column.header for column in table.columns]):
            found = [index for index, label in enumerate(labels) if alike(label) == alike(text)]
            if len(found) > 1:
                keys = " or ".join(table.columns[index].key for index in found)
                raise InputError(f"{text!r} are several columns of {table.name}: give {keys}")
            if found:
                return found[0]
    known = {label for column in table.columns for label in (column.key, column.header) if label}
    raise UnknownNameError(f"column of {table.name}", text, known)


def _match(text: str, known: Iterable[str]) -> str | None:
    return next((name for name in known if name.casefold() == text.casefold()), None)


def _names_of(table: Table, index: int) -> set[str]:
    record = table.frame.iloc[index]
    keys = [*(key for key in ROW_NAMES if key in table.frame), table.columns[0].key]
    return {str(record[key]) for key in keys if isinstance(record[key], str)}


def _first_words(table: Table, index: int) -> str:
    title = next((key for key in ("title", "model", "claim") if key in table.frame), table.columns[0].key)
    return str(table.frame.iloc[index][title])


def _distinction(table: Table, index: int) -> str:
    """The row's printed words, by which one of its namesakes can be told from another."""
    cells = [cell.text for cell in lay_out(table).rows[index] if not cell.figures and not cell.absent]
    return " · ".join(cells[:5])


def _sentences(
    table: Table, row: int, cell: Cell, records: Sequence[AnyRecord], place: Place
) -> Iterator[str]:
    evidence = cell.evidence
    if cell.absent:
        yield f"empty: {_why_empty(cell)}"
    elif evidence and evidence.missing:
        yield f"no figure: {evidence.missing}"
    if evidence is None:
        yield from _in_words(table, row, cell, records, place)
    else:
        yield from _rests_on(evidence, place)
    if cell.note:
        yield f"footnote: {cell.note}"
    if cell.warning:
        yield f"mark {cell.warning}: {_meaning(table, cell.warning)}"
    yield f"table: {table.caption}"


def _why_empty(cell: Cell) -> str:
    missing = cell.evidence.missing if cell.evidence else ""
    return missing or cell.note or cell.text or "nothing to say here"


def _meaning(table: Table, sign: str) -> str:
    """What the table says of a sign; of one with a number in it, ``×10``, by its first character."""
    sentences = (*table.remarks, table.caption)
    return next((sentence for sentence in sentences if sign[0] in sentence), "see the table's remarks")


def _rests_on(evidence: Evidence, place: Place) -> Iterator[str]:
    if evidence.working:
        yield f"worked out: {evidence.working}"
    for index, record in enumerate(evidence.records):
        if record not in evidence.records[:index]:
            yield from describe_record(record, place)
    for number in evidence.numbers:
        yield from describe_number(number)


def _in_words(
    table: Table, row: int, cell: Cell, records: Sequence[AnyRecord], place: Place
) -> Iterator[str]:
    """A table that says only in words what it rests on: the records that it cites, else the whole row."""
    names = _names_of(table, row)
    about = [record for record in latest_records(records) if {record.model.name, record.model.title} & names]
    cited = [record for record in about if cite(record) in cell.source]
    for record in cited:
        yield from describe_record(record, place)
    if cited:
        return
    if cell.source:
        yield f"source: {cell.source}"
    fields = table.frame.iloc[row].dropna()
    yield "its row: " + "; ".join(f"{key} = {value}" for key, value in fields.items() if str(value))
    for record in about:
        yield f"a record of its model: {cite(record)}, {place(record)}"
    yield from _details(table, row)


def _details(table: Table, row: int) -> Iterator[str]:
    """What the table keeps for machines about one row: lines that share its first column and its source."""
    ours = {str(key): value for key, value in table.frame.iloc[row].items()}
    shared = [table.columns[0].key, *(key for key in ours if key.endswith("_source"))]
    for name, detail in table.details.items():
        keys = [key for key in shared if key in detail]
        lines = [
            "; ".join(f"{key} = {value}" for key, value in line.items() if key not in keys)
            for line in detail.to_dict(orient="records")
            if table.columns[0].key in keys and all(str(line[key]) == str(ours[key]) for key in keys)
        ]
        yield from (f"{name} {number}: {line}" for number, line in enumerate(lines[:TOLD_DETAILS], start=1))
        if len(lines) > TOLD_DETAILS:
            yield f"{name}: {len(lines) - TOLD_DETAILS} more, see {table.name}.json"


def describe_record(record: AnyRecord, place: Place) -> Iterator[str]:
    """What was measured, how, when and where; the further lines are indented."""
    environment = record.environment
    commit = environment.git_commit or "unknown commit"
    dirty = ", with uncommitted changes" if environment.git_dirty else ""
    versions = ", ".join(f"{name} {version}" for name, version in sorted(environment.versions.items()))
    yield f"measured: {record.kind} record of {record.model.name}, {place(record)}"
    yield f"  {_what(record)}"
    yield f"  made {record.created:%Y-%m-%d %H:%M:%S} UTC at commit {commit}{dirty}"
    yield f"  on {describe_machine(environment)}, {environment.system}; {versions}"
    for caveat in record.caveats:
        yield f"  caveat: {caveat}"


def _what(record: AnyRecord) -> str:
    card = record.model
    network = f"{describe_input(card)}, {card.num_classes} classes, {card.parameters:,} parameters"
    match record:
        case CountRecord():
            return (
                f"{record.macs:,} MACs of one view of {network}; by {record.counter} "
                f"{record.counter_version}: {record.convention}"
            )
        case LatencyRecord():
            return (
                f"median {record.median_ms:.3f} ms of {len(record.samples_ms)} calls on {record.device}, "
                f"{record.precision}, batch {record.batch_size}, {record.threads} threads, {record.backend}, "
                f"{record.task}, {record.clock}, in {len(record.blocks) or 1} turns; {network}"
            )
        case AccuracyRecord():
            return (
                f"{record.main.top1_hits} of {record.evaluated} samples of {record.dataset} "
                f"{record.protocol} right, {count_views(record.views)}; weights "
                f"{record.weights_sha256[:12]}, {record.backend}, {record.precision}; {network}"
            )
        case AblationTrial():
            return (
                f"{record.hits} of {record.samples} samples right: {record.variant}, {record.recipe}, "
                f"{record.epochs} epochs, seed {record.seed}; {network}"
            )
        case RooflineRecord():
            return (
                f"{record.passes} passes taken apart into {len(record.operations)} operations, which cover "
                f"{record.covered:.0%} of the whole, on {record.device}, {record.precision}, batch "
                f"{record.batch_size}, {record.threads} threads, {record.backend}; {network}"
            )
        case PipelineRecord():
            persons = f"{record.persons} persons" if record.persons else "nobody annotated or found"
            return (
                f"{len(record.whole_ms)} clips of a video of {record.video_frames} frames from file to "
                f"prediction, {persons}, on {record.device}, {record.precision}, "
                f"{record.threads} threads, {record.backend}; {network}"
            )


def describe_number(number: PublishedNumber) -> Iterator[str]:
    """What was printed, where, and of what; the further lines are indented."""
    url = f", {number.source.url}" if number.source.url else ""
    on = f" on {number.protocol}" if number.protocol else ""
    yield f"quoted: {number.citation} ({number.source.kind}{url})"
    printed = f"{number.value} {number.unit}"
    yield f"  printed: {number.metric} of {number.model} ({number.modality}){on}: {printed}"
    convention = f"; {number.convention}" if number.convention else ""
    yield f"  for {count_views(number.views)} of {number.input or 'an input not stated'}{convention}"
    if number.note:
        yield f"  note: {number.note}"
