"""A table: typed figures in a data frame, and how they are laid out as text for a reader."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import pandas as pd

from epam_reports.alike_notes import outline_of, tell_together
from epam_reports.evidence import ROW, Evidence

QUOTED_MARK = "†"
QUOTED_REMARK = "quoted from the source named, not from this report's records"


@dataclass(frozen=True, kw_only=True)
class Column:
    """How one figure of the frame, with its spread and its notes, becomes one printed column.

    Attributes:
        key: the frame's column that is printed.
        header: what stands above it, unit included.
        decimals: printed digits after the point; none prints the value as it is, as a quotation is due.
        never_zero: what so many decimals would make zero gets as many as its first two digits take.
        digits: printed at least, zeros before them not counted, where so many decimals would show fewer.
        scientific: so many decimals of ``3.1e-07``, for figures that differ by powers of ten.
        interval: frame columns of the lower and upper bound, printed in brackets.
        origin: frame column that says ``measured`` or ``quoted`` of this figure.
        quoted_as_printed: a quoted figure keeps its source's digits whatever ``decimals`` says.
        notes: frame column with a sentence about this figure, printed as a footnote.
        warning: frame column with a sign that stands behind this figure; the table says what it means.
        evidence: name of what this figure rests on, in the table's ``evidence``.
        absent: what is printed where there is no figure.
        wide: holds sentences, so that it may be wrapped.
    """

    key: str
    header: str
    decimals: int | None = None
    never_zero: bool = False
    digits: int = 0
    scientific: bool = False
    interval: tuple[str, str] | None = None
    origin: str | None = None
    quoted_as_printed: bool = False
    notes: str | None = None
    warning: str | None = None
    evidence: str = ROW
    absent: str = "not measured"
    wide: bool = False


@dataclass(frozen=True, kw_only=True)
class Table:
    """Figures, and how to print them.

    Attributes:
        name: stem of the files that it is written to.
        caption: what holds of the whole table: device, counter, setting.
        frame: one row a line, typed, one unit a column; machines read this.
        columns: what of it is printed, in order.
        remarks: sentences below the table.
        details: further frames by name, for machines only: what is behind the rows.
        evidence: what the figures of each row rest on, by name; empty where a table has it in words alone.
    """

    name: str
    title: str
    caption: str
    frame: pd.DataFrame
    columns: tuple[Column, ...]
    remarks: tuple[str, ...] = ()
    details: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    evidence: tuple[Mapping[str, Evidence], ...] = ()


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One printed cell.

    Attributes:
        figures: ``text`` and the bounds in it, where the cell is a number.
        absent: there is no figure, and the text says so.
        warning: a sign that the figure must not be read without.
        mark: of its footnote; empty without one.
        note: that footnote.
        evidence: what it rests on, as far as the table says.
        source: the same in words, also where a table has it in words alone.
    """

    text: str
    figures: tuple[str, ...] = ()
    quoted: bool = False
    absent: bool = False
    warning: str = ""
    mark: str = ""
    note: str = ""
    evidence: Evidence | None = None
    source: str = ""


@dataclass(frozen=True)
class Layout:
    """A table as text: headers, cells, and each footnote with its mark."""

    headers: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    footnotes: tuple[tuple[str, str], ...]

    def is_numeric(self, index: int) -> bool:
        """Whether a column's cells are numbers, which stand right-aligned."""
        texts = [row[index].text for row in self.rows if not row[index].absent]
        whole = bool(texts) and all(text.isdecimal() for text in texts)
        return whole or any(row[index].figures for row in self.rows)


def lay_out(table: Table) -> Layout:
    """Turn figures into cells; notes that are equal but for their counts share one mark: a, b, c …"""
    notes = _Notes()
    records = table.frame.to_dict(orient="records")
    evidence = table.evidence or ({},) * len(records)
    rows = tuple(
        tuple(
            _cell({str(key): value for key, value in record.items()}, column, notes, known)
            for column in table.columns
        )
        for record, known in zip(records, evidence, strict=True)
    )
    footnotes = notes.footnotes()
    if any(cell.quoted for row in rows for cell in row):
        footnotes.insert(0, (QUOTED_MARK, QUOTED_REMARK))
    return Layout(tuple(column.header for column in table.columns), rows, tuple(footnotes))


class _Notes:
    """Of a table, those met so far: by outline, each wording of it once."""

    def __init__(self) -> None:
        self._alike: dict[str, dict[str, None]] = {}

    def mark(self, note: str) -> str:
        """The letter of its footnote."""
        outline = outline_of(note)
        self._alike.setdefault(outline, {})[note] = None
        return _letter(list(self._alike).index(outline))

    def footnotes(self) -> list[tuple[str, str]]:
        """Marks, and what each stands for."""
        return [(_letter(index), tell_together([*alike])) for index, alike in enumerate(self._alike.values())]


def text_frame(table: Table) -> pd.DataFrame:
    """The table as strings under its printed headers, marks included: what a reader sees, to search in."""
    layout = lay_out(table)
    return pd.DataFrame(
        [[plain_text(cell) for cell in row] for row in layout.rows],
        columns=list(layout.headers),
        dtype="string",
    )


def plain_text(cell: Cell) -> str:
    """A cell without any markup: ``96.1†≠[a]``."""
    signs = (QUOTED_MARK if cell.quoted else "") + cell.warning
    return cell.text + signs + (f"[{cell.mark}]" if cell.mark else "")


def typed_frame(rows: Sequence[dict[str, object]], dtypes: dict[str, str]) -> pd.DataFrame:
    """A frame with exactly these columns and types, absent figures as NA, also when there is no row."""
    frame = pd.DataFrame(list(rows), columns=list(dtypes))
    return frame.astype(dtypes)


def join_notes(*notes: str | None) -> str | None:
    """Several sentences about one figure as one note; none when there is nothing to say.

    >>> join_notes("One stream.", None, "Two heads.")
    'One stream; Two heads.'
    """
    said = [note for note in notes if note]
    return "; ".join([*(note.removesuffix(".") for note in said[:-1]), *said[-1:]]) or None


def _cell(record: dict[str, object], column: Column, notes: _Notes, evidence: Mapping[str, Evidence]) -> Cell:
    note = _words(record, column.notes)
    found = evidence.get(column.evidence)
    about = Cell(
        text=column.absent,
        absent=True,
        warning=_words(record, column.warning),
        mark=notes.mark(note) if note else "",
        note=note,
        evidence=found,
        source=found.citation if found else _source_in_words(record, column),
    )
    value = record[column.key]
    if _is_absent(value):
        return about
    quoted = column.origin is not None and record[column.origin] == "quoted"
    printed = replace(about, text=str(value), absent=False, quoted=quoted)
    if column.decimals is None or (quoted and column.quoted_as_printed):
        text = _as_printed(value, about.evidence)
        return replace(printed, text=text, figures=(text,) if isinstance(value, float) else ())
    style: Literal["e", "f"] = "e" if column.scientific else "f"
    decimals = _decimals(value, column)
    figures = [_format(value, decimals, style)]
    text = figures[0]
    if column.interval and not any(_is_absent(record[bound]) for bound in column.interval):
        figures += [_format(record[bound], decimals, style) for bound in column.interval]
        text += f" [{figures[1]}, {figures[2]}]"
    return replace(printed, text=text, figures=tuple(figures))


def _source_in_words(record: dict[str, object], column: Column) -> str:
    """A column's own source among a row's fields, ``torch_source`` of ``torch_gmacs``, else all of them."""
    own = _words(record, f"{column.key.partition('_')[0]}_source")
    sources = [own] if own else [_words(record, key) for key in record if key.endswith("_source")]
    return "; ".join(dict.fromkeys(source for source in sources if source))


def _as_printed(value: object, evidence: Evidence | None) -> str:
    """A quotation has its source's digits: ``196``, not ``196.0``."""
    sources = evidence.numbers if evidence and not evidence.working else ()
    printed = next((str(number.value) for number in sources if float(number.value) == value), None)
    return printed or str(value)


def _words(record: dict[str, object], key: str | None) -> str:
    words = record.get(key) if key else None
    return words if isinstance(words, str) else ""


def _decimals(value: object, column: Column) -> int:
    """Printed digits after the point: the column's, or more where these would hide a small cost."""
    assert column.decimals is not None
    size = abs(float(str(value)))
    is_hidden = column.never_zero and size < 0.5 * 10.0**-column.decimals
    digits = 2 if is_hidden else column.digits
    if not digits or not 0 < size < math.inf:
        return column.decimals
    return max(column.decimals, digits - 1 - math.floor(math.log10(size)))


def _format(value: object, decimals: int, style: Literal["e", "f"]) -> str:
    return f"{float(str(value)):.{decimals}{style}}"


def _is_absent(value: object) -> bool:
    return value is None or value is pd.NA or (isinstance(value, float) and math.isnan(value))


def _letter(index: int) -> str:
    """0 → a … 25 → z, 26 → aa."""
    prefix = _letter(index // 26 - 1) if index >= 26 else ""
    return prefix + chr(ord("a") + index % 26)
