"""A table as LaTeX (booktabs, siunitx, graphicx): quoted figures in italics with a dagger."""

from __future__ import annotations

import re
import unicodedata

from epam_reports.table import Cell, Column, Table, lay_out

PACKAGES = ("booktabs", "siunitx", "graphicx")

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
    '"': r"\textquotedbl{}",
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
    r"""A ``table`` environment to ``\input``, and its notes as paragraphs that may break across pages.

    The first line names the packages that it needs.
    """
    layout = lay_out(table)
    body = "\n".join(" & ".join(_cell(cell) for cell in row) + r" \\" for row in layout.rows)
    numeric = [any(row[index].figures for row in layout.rows) for index in range(len(layout.headers))]
    columns = "".join(_column(column, right) for column, right in zip(table.columns, numeric, strict=True))
    notes = [rf"\textsuperscript{{{escape(mark)}}}~{escape(note)}" for mark, note in layout.footnotes]
    notes += [escape(remark) for remark in table.remarks]
    return "\n".join(
        [
            "% needs " + " ".join(rf"\usepackage{{{package}}}" for package in PACKAGES),
            r"\begin{table*}",
            r"\centering",
            rf"\caption{{{escape(table.title)}. {escape(table.caption)}}}",
            rf"\label{{tab:{_label(table.name)}}}",
            r"\resizebox{\textwidth}{!}{%",
            rf"\begin{{tabular}}{{@{{}}{columns}@{{}}}}",
            r"\toprule",
            " & ".join(escape(header) for header in layout.headers) + r" \\",
            r"\midrule",
            *([body] if body else []),
            r"\bottomrule",
            r"\end{tabular}}",
            r"\end{table*}",
            *_paragraphs(table.name, notes),
            "",
        ]
    )


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
    return text + (rf"\textsuperscript{{{escape(cell.mark)}}}" if cell.mark else "")


def _numbers(cell: Cell) -> str:
    r"""``\num`` sets every digit in maths, which would drop a quoted figure's italics."""
    printed = [figure if cell.quoted else rf"\num{{{figure}}}" for figure in cell.figures]
    return printed[0] if len(printed) == 1 else f"{printed[0]} [{printed[1]}, {printed[2]}]"


def _column(column: Column, right: bool) -> str:
    if column.wide:
        return "p{14cm}"
    return "r" if right else "l"


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", "-", name.lower())
