"""A table, or a whole report, as GitHub Markdown: quoted figures in italics with a dagger, notes below."""

from __future__ import annotations

import re
from collections.abc import Iterable

from epam_reports.page import Block, Bullets, Heading, Page, Paragraph, Picture, Pointer
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


def page_to_markdown(page: Page) -> str:
    """A whole report; its pictures are the files beside it."""
    sections = [f"# {escape(page.title)}", *map(_block, page.blocks)]
    return "\n\n".join(section.strip() for section in sections) + "\n"


def _block(block: Block) -> str:
    match block:
        case Heading():
            return f"## {escape(block.text)}"
        case Paragraph():
            return escape(block.text)
        case Bullets():
            return "\n".join(f"- {escape(sentence)}" for sentence in block.sentences)
        case Pointer():
            return f"{escape(block.text)} [{escape(block.stem)}.md]({block.stem}.md)"
        case Picture():
            alternative = escape(block.name.replace("_", "–"))
            return f"![{alternative}]({block.name}.svg)\n\n{escape(block.caption)}"
        case Table():
            return to_markdown(block)


def escape(text: str) -> str:
    """Text that Markdown must not read as markup, on one line."""
    return _SPECIAL.sub(r"\\\1", " ".join(text.split()))


def _grid(layout: Layout) -> str:
    numeric = [layout.is_numeric(column) for column in range(len(layout.headers))]
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
    text += escape(cell.warning)
    return text + (f"<sup>{cell.mark}</sup>" if cell.mark else "")


def _note_mark(mark: str) -> str:
    return mark if mark == QUOTED_MARK else f"<sup>{mark}</sup>"
