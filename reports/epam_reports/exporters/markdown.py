"""A table as GitHub Markdown: quoted figures in italics with a dagger, footnotes below."""

from __future__ import annotations

import re
from collections.abc import Iterable

from epam_reports.table import QUOTED_MARK, Cell, Layout, Table, lay_out

_SPECIAL = re.compile(r"([\\`*_{}\[\]<>|#~])")


def to_markdown(table: Table, *, heading_level: int = 2) -> str:
    """Heading, caption, table, footnotes and remarks.

    Args:
        table: what to print.
        heading_level: number of ``#`` before the title.
    """
    layout = lay_out(table)
    parts = [f"{'#' * heading_level} {escape(table.title)}", escape(table.caption)]
    parts.append(_grid(layout) if layout.rows else "*Nothing to show: no record and no published number.*")
    notes = [f"- {_note_mark(mark)} {escape(note)}" for mark, note in layout.footnotes]
    notes += [f"- {escape(remark)}" for remark in table.remarks]
    if notes:
        parts.append("\n".join(notes))
    return "\n\n".join(parts) + "\n"


def escape(text: str) -> str:
    """Text that Markdown must not read as markup, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _grid(layout: Layout) -> str:
    numeric = [any(row[column].figures for row in layout.rows) for column in range(len(layout.headers))]
    lines = [
        _line(escape(header) for header in layout.headers),
        _line("---:" if right else "---" for right in numeric),
        *(_line(_cell(cell) for cell in row) for row in layout.rows),
    ]
    return "\n".join(lines)


def _line(cells: Iterable[str]) -> str:
    return "| " + " | ".join(cells) + " |"


def _cell(cell: Cell) -> str:
    text = escape(cell.text)
    if cell.quoted:
        text = f"*{text}*{QUOTED_MARK}"
    return text + (f"<sup>{cell.mark}</sup>" if cell.mark else "")


def _note_mark(mark: str) -> str:
    return mark if mark == QUOTED_MARK else f"<sup>{mark}</sup>"
