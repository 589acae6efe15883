"""A table as LaTeX (booktabs, siunitx, graphicx): quoted figures in italics with a dagger."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import ceil

from epam_reports.table import Cell, Layout, Table, lay_out, plain_text

PACKAGES = ("booktabs", "siunitx", "graphicx")

PAGE_POINTS = (345.0, 550.0)
"""Text block of the class ``article`` on letter paper: across and down."""

CHARACTER_POINTS, COLUMN_GAP_POINTS, LINE_POINTS = 5.0, 12.0, 12.0
"""Estimates at ten points, on which only the look depends: where a table is turned or broken."""

FILLED = 0.66
"""Share of a page that rows may take; the rest is for caption, headers and rules."""

WRAPPED_CHARACTERS, LONG_CHARACTERS, WIDE_CHARACTERS = 22, 34, 75
"""Words longer than the first are wrapped, to a column of at most the second; sentences to the third."""

RAGGED = 1.25
"""How many more lines ragged text takes than full ones."""


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


@dataclass(frozen=True)
class _Grid:
    """How a table's columns are set, estimated in points at the document's own size.

    Attributes:
        specs: of ``tabular``, one a column.
        characters: width of each column; a wrapped one's lines have so many.
    """

    specs: tuple[str, ...]
    characters: tuple[int, ...]

    @property
    def width(self) -> float:
        return sum(CHARACTER_POINTS * count + COLUMN_GAP_POINTS for count in self.characters)

    @property
    def is_rotated(self) -> bool:
        """Whether it stands on its side: across the page it would be scaled to less than two thirds."""
        return self.width > 1.5 * PAGE_POINTS[0]

    @property
    def rows_of_text(self) -> float:
        """Lines of text that fit a page once the table is scaled to its width."""
        across, down = reversed(PAGE_POINTS) if self.is_rotated else PAGE_POINTS
        return FILLED * down / (LINE_POINTS * min(1.0, across / self.width))


def to_latex(table: Table) -> str:
    r"""``table`` environments to ``\input``, and their notes as paragraphs that may break across pages.

    A table too wide to be read across the page stands on its side; one longer than a page becomes
    several, each with its headers. The first line names the packages that it needs.
    """
    layout = lay_out(table)
    grid = _grid(table, layout)
    parts = _pages(layout, grid)
    notes = [rf"\textsuperscript{{{escape(mark)}}}~{_breakable(note)}" for mark, note in layout.footnotes]
    notes += [_breakable(remark) for remark in table.remarks]
    lines = ["% needs " + " ".join(rf"\usepackage{{{package}}}" for package in PACKAGES)]
    for number, rows in enumerate(parts, start=1):
        part = f" Part {number} of {len(parts)}." if len(parts) > 1 else ""
        label = rf"\label{{tab:{_label(table.name)}}}" if number == 1 else ""
        caption = rf"\caption{{{escape(f'{table.title}. {table.caption}{part}')}}}{label}"
        lines += _float(caption, grid, layout.headers, rows)
    return "\n".join([*lines, *_paragraphs(table.name, notes), ""])


def _grid(table: Table, layout: Layout) -> _Grid:
    specs, characters = [], []
    for index, column in enumerate(table.columns):
        cells = [row[index] for row in layout.rows]
        longest = max(
            [_length(cell) for cell in cells] + [max(map(len, layout.headers[index].split() or [""]))]
        )
        if any(cell.figures for cell in cells):
            specs.append("r")
        elif longest <= WRAPPED_CHARACTERS:
            specs.append("l")
        else:
            two_lines = min(max(longest // 2, WRAPPED_CHARACTERS), LONG_CHARACTERS)
            longest = WIDE_CHARACTERS if column.wide else two_lines
            width = CHARACTER_POINTS * longest
            specs.append(rf">{{\raggedright\arraybackslash}}p{{{width:.0f}pt}}")
        characters.append(longest)
    return _Grid(tuple(specs), tuple(characters))


def _length(cell: Cell) -> int:
    return len(plain_text(cell))


def _pages(layout: Layout, grid: _Grid) -> list[list[tuple[Cell, ...]]]:
    """The rows in portions that fit a page, wrapped cells counted with all their lines."""
    pages: list[list[tuple[Cell, ...]]] = [[]]
    filled = 0.0
    for row in layout.rows:
        lines = max(
            ceil(RAGGED * _length(cell) / count) if spec.startswith(">") else 1
            for cell, count, spec in zip(row, grid.characters, grid.specs, strict=True)
        )
        if pages[-1] and filled + lines > grid.rows_of_text:
            pages.append([])
            filled = 0.0
        pages[-1].append(row)
        filled += lines
    return pages


def _float(caption: str, grid: _Grid, headers: Sequence[str], rows: Sequence[Sequence[Cell]]) -> list[str]:
    tabular = [
        rf"\begin{{tabular}}{{@{{}}{''.join(grid.specs)}@{{}}}}",
        r"\toprule",
        _row(_header(header, spec) for header, spec in zip(headers, grid.specs, strict=True)),
        r"\midrule",
        *(
            _row(
                _cell(cell, wrapped=spec.startswith(">")) for cell, spec in zip(row, grid.specs, strict=True)
            )
            for row in rows
        ),
        r"\bottomrule",
    ]
    if grid.width > PAGE_POINTS[0]:
        scaled = [r"\resizebox{\linewidth}{!}{%", *tabular, r"\end{tabular}}"]
    else:
        scaled = [*tabular, r"\end{tabular}"]
    if grid.is_rotated:
        opening = r"\rotatebox{90}{\begin{minipage}{0.95\textheight}"
        scaled = [opening, r"\centering", caption, *scaled, r"\end{minipage}}"]
    else:
        scaled = [caption, *scaled]
    return [r"\begin{table*}", r"\centering", *scaled, r"\end{table*}"]


def _header(header: str, spec: str) -> str:
    """A header above figures is stacked word on word, for it is mostly longer than they are."""
    words = [escape(word) for word in header.split()]
    if spec.startswith(">") or len(words) < 2:
        return " ".join(words)
    stacked = r" \\ ".join(map(_guarded, words))
    return rf"\shortstack[{spec}]{{{stacked}}}"


def _row(cells: Iterable[str]) -> str:
    """One line of a table."""
    return _guarded(" & ".join(cells) + r" \\")


def _guarded(words: str) -> str:
    r"""Words below others: ``\\`` or a rule above would take a bracket for an option."""
    return "{}" + words if words.startswith(("[", "(", "*")) else words


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


def _breakable(text: str) -> str:
    """The same, with places to break lines in what has no spaces: paths."""
    return escape(text).replace("/", r"/\allowbreak{}").replace(r"\_", r"\_\allowbreak{}")


def _escape_sign(sign: str) -> str:
    if sign in _ESCAPES:
        return _ESCAPES[sign]
    if sign.isascii() and sign.isprintable():
        return sign
    # Latin letters with accents: pdfTeX reads these in UTF-8; their unaccented form is ASCII.
    if "\u00c0" <= sign <= "\u017e" and unicodedata.normalize("NFD", sign)[0].isascii():
        return sign
    return f"[U+{ord(sign):04X}]"


def _cell(cell: Cell, *, wrapped: bool = False) -> str:
    text = _numbers(cell) if cell.figures else _breakable(cell.text) if wrapped else escape(cell.text)
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


def _label(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", "-", name.lower())
