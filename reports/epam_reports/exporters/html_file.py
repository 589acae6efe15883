"""A table, or a whole report, as one HTML file that needs nothing else: no script, no font, no network."""

from __future__ import annotations

import base64
import html
from collections.abc import Iterable, Iterator, Sequence

from epam_reports.page import Bullets, Heading, Page, Paragraph, Picture, Pointer
from epam_reports.table import QUOTED_MARK, Cell, Column, Table, lay_out

LINKED = ("https://", "http://")
"""What a source's address must begin with to become a link: nothing that a browser would run."""

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
"""Even if a title got through unescaped, the browser would fetch and run nothing."""

_LEGEND = (
    "Upright figures are measured; slanted ones on a tinted ground, with a dagger (†), are quoted. "
    "Point at a cell to see what it rests on; a quoted one leads to its source where that is on the web."
)

_STYLE = """
:root { color-scheme: light dark; --ink: #1c1c1c; --faint: #6b6b6b; --line: #d5d5d5; --quoted: #fff3dc;
  --paper: #ffffff; --link: #1f4f8f; }
@media (prefers-color-scheme: dark) { :root { --ink: #e4e4e4; --faint: #9a9a9a; --line: #3d3d3d;
  --quoted: #3a2f17; --paper: #161616; --link: #8fb8f0; } }
body { margin: 2rem auto; max-width: 100rem; padding: 0 1rem; color: var(--ink); background: var(--paper);
  font: 15px/1.45 system-ui, sans-serif; }
h1 { font-size: 1.5rem; } h2 { font-size: 1.15rem; margin-top: 2.2rem; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; border-top: 2px solid var(--ink); border-bottom: 2px solid var(--ink);
  font-size: 0.86rem; }
th, td { padding: 0.25rem 0.6rem; text-align: left; vertical-align: top; }
th { border-bottom: 1px solid var(--ink); }
tbody tr + tr td { border-top: 1px solid var(--line); }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
.sentence { min-width: 24rem; }
.quoted { font-style: italic; background: var(--quoted); }
.absent { color: var(--faint); }
.warning { font-style: normal; font-weight: bold; }
.notes, figcaption { color: var(--faint); font-size: 0.82rem; }
.notes p { margin: 0.15rem 0; }
.notes :target { color: var(--ink); outline: 1px solid var(--line); }
figure { margin: 1.5rem 0; } figure img { max-width: 100%; background: #ffffff; }
a { color: var(--link); } td a { color: inherit; text-decoration-color: var(--faint); }
sup { line-height: 0; } sup a { text-decoration: none; }
""".strip()


def to_html(table: Table) -> str:
    """The table as a document: quoted cells slanted and tinted, every cell with its source as its title."""
    return _document(table.title, [f"<h1>{escape(table.title)}</h1>", _words(_LEGEND), *_table(table)])


def page_to_html(page: Page) -> str:
    """A whole report as one document, its pictures in it."""
    body = [f"<h1>{escape(page.title)}</h1>", _words(_LEGEND)]
    for block in page.blocks:
        match block:
            case Heading():
                body.append(f"<h2>{escape(block.text)}</h2>")
            case Paragraph():
                body.append(_words(block.text))
            case Bullets():
                body += ["<ul>", *(f"<li>{escape(sentence)}</li>" for sentence in block.sentences), "</ul>"]
            case Pointer():
                name = escape(f"{block.stem}.html")
                body.append(f'<p>{escape(block.text)} <a href="{name}">{name}</a></p>')
            case Picture():
                body.append(_picture(block))
            case Table():
                heading = f'<h2 id="{escape(block.name)}">{escape(block.title)}</h2>'
                body += [heading, *_table(block)]
    return _document(page.title, body)


def escape(text: str) -> str:
    """Text that a browser shows as it is, in an element or between quotation marks."""
    printable = "".join(sign if sign.isprintable() else " " for sign in text)
    return html.escape(" ".join(printable.split()), quote=True)


def _document(title: str, body: Iterable[str]) -> str:
    return "\n".join(
        [
            "<!DOCTYPE html>",
            '<html lang="en">',
            "<head>",
            '<meta charset="utf-8">',
            f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
            '<meta name="viewport" content="width=device-width, initial-scale=1">',
            '<meta name="referrer" content="no-referrer">',
            f"<title>{escape(title)}</title>",
            f"<style>\n{_STYLE}\n</style>",
            "</head>",
            "<body>",
            *body,
            "</body>",
            "</html>",
            "",
        ]
    )


def _table(table: Table) -> list[str]:
    layout = lay_out(table)
    if not layout.rows:
        return [_words(table.caption), "<p><em>Nothing to show: no record and no published number.</em></p>"]
    numeric = [layout.is_numeric(index) for index in range(len(layout.headers))]
    styles = [_style(column, right) for column, right in zip(table.columns, numeric, strict=True)]
    heads = (
        f'<th scope="col"{_attribute("class", style)}>{escape(header)}</th>'
        for header, style in zip(layout.headers, styles, strict=True)
    )
    rows = (
        f"<tr>{''.join(_row(table, number, row, styles))}</tr>"
        for number, row in enumerate(layout.rows, start=1)
    )
    return [
        _words(table.caption),
        f'<div class="wide"><table id="table-{escape(table.name)}">',
        "<thead>",
        f"<tr>{''.join(heads)}</tr>",
        "</thead>",
        "<tbody>",
        *rows,
        "</tbody>",
        "</table></div>",
        *_notes(table, layout.footnotes),
    ]


def _style(column: Column, right: bool) -> str:
    return "sentence" if column.wide else "number" if right else ""


def _row(table: Table, number: int, row: Sequence[Cell], styles: Sequence[str]) -> Iterator[str]:
    for cell, style, column in zip(row, styles, table.columns, strict=True):
        yield _cell(table.name, cell, style, column.key, number)


def _cell(table: str, cell: Cell, style: str, key: str, row: int) -> str:
    """A cell with its source as its title, and with what `epam-bench explain` calls it."""
    states = [style, "quoted" if cell.quoted else "", "absent" if cell.absent else ""]
    content = escape(cell.text)
    if cell.quoted or key.endswith("source"):
        content = _linked(content, cell)
    if cell.quoted:
        content += QUOTED_MARK
    if cell.warning:
        content += f'<span class="warning">{escape(cell.warning)}</span>'
    if cell.mark:
        mark = escape(cell.mark)
        content += f'<sup><a href="#{_note_id(table, mark)}">{mark}</a></sup>'
    attributes = _attribute("class", " ".join(filter(None, states)))
    attributes += _attribute("title", _title(cell)) + _attribute("data-cell", f"{table}:{row}:{key}")
    return f"<td{attributes}>{content}</td>"


def _linked(text: str, cell: Cell) -> str:
    url = cell.evidence.url if cell.evidence and not cell.absent else None
    if not url or not url.startswith(LINKED) or not text:
        return text
    return f'<a href="{escape(url)}" rel="noreferrer">{text}</a>'


def _title(cell: Cell) -> str:
    """What the cell rests on, in one line; why it is empty, where it is."""
    evidence = cell.evidence
    if evidence is None:
        return cell.source
    if evidence.missing:
        return evidence.missing
    working = f" ({evidence.working})" if evidence.working else ""
    return f"{evidence.origin}: {cell.source}{working}"


def _notes(table: Table, footnotes: Sequence[tuple[str, str]]) -> list[str]:
    """Each footnote under the mark that leads to it."""
    notes = []
    for mark, note in footnotes:
        if mark == QUOTED_MARK:
            notes.append(f"<p>{mark} {escape(note)}</p>")
        else:
            notes.append(f'<p id="{_note_id(table.name, mark)}"><sup>{escape(mark)}</sup> {escape(note)}</p>')
    notes += [_words(remark) for remark in table.remarks]
    return ['<div class="notes">', *notes, "</div>"] if notes else []


def _note_id(table: str, mark: str) -> str:
    return escape(f"{table}-note-{mark}")


def _attribute(name: str, value: str) -> str:
    return f' {name}="{escape(value)}"' if value else ""


def _words(text: str) -> str:
    return f"<p>{escape(text)}</p>" if text else ""


def _picture(picture: Picture) -> str:
    data = base64.b64encode(picture.svg).decode("ascii")
    return (
        f'<figure><img alt="{escape(picture.name)}" src="data:image/svg+xml;base64,{data}">'
        f"<figcaption>{escape(picture.caption)}</figcaption></figure>"
    )
