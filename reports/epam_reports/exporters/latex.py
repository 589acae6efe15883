"""A table as LaTeX (booktabs, siunitx, graphicx): quoted figures in italics with a dagger."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

from epam_reports.table import Cell, Column, Table, lay_out

PACKAGES = ("booktabs", "siunitx", "graphicx")

ROWS_A_PAGE = 36
"""More would not fit a page at the size that the widest tables are scaled to."""

_NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][+-]?\d+)?")
"""What siunitx sets; infinity, say, is an error to it."""

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # \textquotedbl is not there in every encoding.
    '"': r"\char34{}",
    "×": r"$\times$",
    "−": r"$-$",
    "±": r"$\pm$",
    "≠": r"$\neq$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "→": r"$\rightarrow$",
    "·": r"$\cdot$",
    "π": r"$\pi$",
    "µ": r"$\mu$",
    "†": r"\textdagger{}",
    "∞": r"$\infty$",
    "²": r"\textsuperscript{2}",
    "³": r"\textsuperscript{3}",
    "⁹": r"\textsuperscript{9}",
    "–": "--",
    "—": "---",
    "…": r"\ldots{}",
    "’": "'",
    "“": "``",
    "”": "''",
}


def to_latex(table: Table) -> str:
    r"""``table`` environments to ``\input``, and their notes as paragraphs that may break across pages.

    A table longer than a page becomes several, each with its headers. The first line names the
    packages that it needs.
    """
    layout = lay_out(table)
    numeric = [any(row[index].figures for row in layout.rows) for index in range(len(layout.headers))]
    columns = "".join(_column(column, right) for column, right in zip(table.columns, numeric, strict=True))
    parts = [
        layout.rows[start : start + ROWS_A_PAGE] for start in range(0, max(len(layout.rows), 1), ROWS_A_PAGE)
    ]
    notes = [rf"\textsuperscript{{{escape(mark)}}}~{escape(note)}" for mark, note in layout.footnotes]
    notes += [escape(remark) for remark in table.remarks]
    lines = ["% needs " + " ".join(rf"\usepackage{{{package}}}" for package in PACKAGES)]
    for number, rows in enumerate(parts, start=1):
        part = f" Part {number} of {len(parts)}." if len(parts) > 1 else ""
        label = rf"\label{{tab:{_label(table.name)}}}" if number == 1 else None
        caption = f"{table.title}. {table.caption}{part}"
        lines += _float(caption, label, columns, layout.headers, rows)
    return "\n".join([*lines, *_paragraphs(table.name, notes), ""])


def _float(
    caption: str, label: str | None, columns: str, headers: Sequence[str], rows: Sequence[Sequence[Cell]]
) -> list[str]:
    return [
        r"\begin{table*}",
        r"\centering",
        rf"\caption{{{escape(caption)}}}",
        *([label] if label else []),
        r"\resizebox{\textwidth}{!}{%",
        rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
        r"\toprule",
        _row(escape(header) for header in headers),
        r"\midrule",
        *(_row(_cell(cell) for cell in row) for row in rows),
        r"\bottomrule",
        r"\end{tabular}}",
        r"\end{table*}",
    ]


def _row(cells: Iterable[str]) -> str:
    r"""One line of a table; what ends the line above (``\\``, a rule) would take a bracket for its option."""
    line = " & ".join(cells) + r" \\"
    return "{}" + line if line.startswith(("[", "(", "*")) else line


def _paragraphs(name: str, notes: list[str]) -> list[str]:
    """Notes outside the float, which must fit a page; a long list of them does not."""
    if not notes:
        return []
    return [
        r"\begingroup\scriptsize\sloppy\setlength{\parindent}{0pt}",
        rf"\par Notes to Table~\ref{{tab:{_label(name)}}}:",
        *(rf"\par {note}" for note in notes),
        r"\par\endgroup",
    ]


def escape(text: str) -> str:
    """Text that TeX prints as it is; a sign that pdfTeX does not know becomes its code point."""
    return "".join(_escape_sign(sign) for sign in " ".join(text.split()))


def _escape_sign(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    if sign.isascii() and sign.isprintable():
        return sign
    # Latin letters with accents: pdfTeX reads these in UTF-8; their unaccented form is ASCII.
    if "\u00c0" <= sign <= "\u017e" and unicodedata.normalize("NFD", sign)[0].isascii():
        return sign
    return f"[U+{ord(sign):04X}]"


def _cell(cell: Cell) -> str:
    text = _numbers(cell) if cell.figures else escape(cell.text)
    if cell.quoted:
        text = rf"\textit{{{text}}}\textsuperscript{{\textdagger}}"
    text += escape(cell.warning)
    return text + (rf"\textsuperscript{{{escape(cell.mark)}}}" if cell.mark else "")


def _numbers(cell: Cell) -> str:
    r"""``\num`` sets every digit in maths, which would drop a quoted figure's italics."""
    printed = [
        rf"\num{{{figure}}}" if not cell.quoted and _NUMBER.fullmatch(figure) else escape(figure)
        for figure in cell.figures
    ]
    return printed[0] if len(printed) == 1 else f"{printed[0]} [{printed[1]}, {printed[2]}]"


def _column(column: Column, right: bool) -> str:
    if column.wide:
        return "p{14cm}"
    return "r" if right else "l"


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", "-", name.lower())
