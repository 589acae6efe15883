"""Figures become cells: quoted ones are marked, equal notes share a mark, absent ones say so."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from epam_reports.evidence import ROW, Evidence
from epam_reports.published import load_published
from epam_reports.table import Column, Table, join_notes, lay_out, plain_text, text_frame, typed_frame

DTYPES = {
    "model": "string",
    "ms": "Float64",
    "low": "Float64",
    "high": "Float64",
    "origin": "string",
    "notes": "string",
}
COLUMNS = (
    Column(key="model", header="Model"),
    Column(key="ms", header="ms", decimals=1, interval=("low", "high"), origin="origin", notes="notes"),
)


def _table(*rows: dict[str, object]) -> Table:
    return Table(name="t", title="T", caption="", frame=typed_frame(list(rows), DTYPES), columns=COLUMNS)


def _texts(table: Table) -> list[list[str]]:
    return [[plain_text(cell) for cell in row] for row in lay_out(table).rows]


def test_number_is_rounded_and_its_interval_follows_in_brackets() -> None:
    assert _texts(_table({"model": "a", "ms": 2.04, "low": 1.96, "high": 3.0})) == [["a", "2.0 [2.0, 3.0]"]]


def test_small_number_is_not_printed_as_zero() -> None:
    table = _table({"model": "a", "ms": 0.00123}, {"model": "b", "ms": 0.0}, {"model": "c", "ms": 0.06})
    column = Column(key="ms", header="ms", decimals=1, never_zero=True)
    assert _texts(replace(table, columns=(column,))) == [["0.0012"], ["0.0"], ["0.1"]]


def test_small_number_and_its_bounds_have_as_many_digits_as_are_asked_for() -> None:
    rows: list[dict[str, object]] = [
        {"model": "a", "ms": 0.157, "low": 0.149, "high": 0.2},
        {"model": "b", "ms": 3.04, "low": 2.96, "high": 12.0},
        {"model": "c", "ms": 0.0},
    ]
    column = Column(key="ms", header="ms", decimals=1, digits=2, interval=("low", "high"))
    printed = _texts(replace(_table(*rows), columns=(column,)))
    assert printed == [["0.16 [0.15, 0.20]"], ["3.0 [3.0, 12.0]"], ["0.0"]]


def test_columns_of_numbers_are_told_from_words_whatever_is_absent() -> None:
    rows: list[dict[str, object]] = [{"model": "a", "ms": 1.0, "n": 3}, {"model": "b", "ms": None, "n": None}]
    frame = typed_frame(rows, DTYPES | {"n": "Int64"})
    columns = (*COLUMNS, Column(key="n", header="n"), Column(key="low", header="low"))
    layout = lay_out(replace(_table(*rows), frame=frame, columns=columns))
    assert [layout.is_numeric(index) for index in range(4)] == [False, True, True, False]


def test_figures_that_differ_by_powers_of_ten_are_printed_so() -> None:
    table = _table({"model": "a", "ms": 3.14e-7}, {"model": "b", "ms": 0.0})
    column = Column(key="ms", header="ms", decimals=1, scientific=True)
    assert _texts(replace(table, columns=(column,))) == [["3.1e-07"], ["0.0e+00"]]


def test_notes_that_are_joined_keep_no_full_stop_before_the_semicolon() -> None:
    assert join_notes("One stream.", None, "Two heads.") == "One stream; Two heads."
    assert join_notes(None, None) is None


def test_quoted_figure_is_marked_and_explained() -> None:
    layout = lay_out(_table({"model": "a", "ms": 2.0, "origin": "quoted"}))
    assert plain_text(layout.rows[0][1]) == "2.0†"
    assert layout.footnotes[0][0] == "†"


def test_equal_notes_share_a_mark_and_new_ones_get_the_next() -> None:
    rows = [{"model": name, "ms": 1.0, "notes": note} for name, note in (("a", "x"), ("b", "y"), ("c", "x"))]
    table = _table(*rows)
    assert [row[1] for row in _texts(table)] == ["1.0[a]", "1.0[b]", "1.0[a]"]
    assert lay_out(table).footnotes == (("a", "x"), ("b", "y"))


def test_notes_that_differ_in_their_counts_share_a_mark_and_each_cell_keeps_its_own() -> None:
    notes = [f"known to ±{percent}%, not to ±2.0%" for percent in (9, 7, 9)]
    table = _table(*({"model": "a", "ms": 1.0, "notes": note} for note in notes))
    layout = lay_out(table)
    assert layout.footnotes == (("a", "known to ±9% / ±7%, not to ±2.0%"),)
    assert [(row[1].mark, row[1].note) for row in layout.rows] == [("a", note) for note in notes]


def test_twenty_seventh_note_is_aa() -> None:
    rows = [{"model": str(index), "ms": 1.0, "notes": f"note {index}"} for index in range(27)]
    assert lay_out(_table(*rows)).footnotes[-1][0] == "aa"


def test_absent_figure_says_not_measured() -> None:
    assert _texts(_table({"model": "a"})) == [["a", "not measured"]]


def test_frame_keeps_its_types_without_rows() -> None:
    assert typed_frame([], DTYPES).dtypes.map(str).to_dict() == DTYPES
    assert text_frame(_table()).empty


def test_text_frame_has_printed_headers() -> None:
    frame = text_frame(_table({"model": "a", "ms": 1.0}))
    assert list(frame.columns) == ["Model", "ms"]
    assert isinstance(frame, pd.DataFrame)


def test_quotation_keeps_its_digits_where_a_measured_figure_is_rounded() -> None:
    columns = (Column(key="ms", header="ms", decimals=1, origin="origin", quoted_as_printed=True),)
    rows: list[dict[str, object]] = [
        {"model": "a", "ms": 67.463, "origin": "quoted"},
        {"model": "b", "ms": 67.463, "origin": "measured"},
    ]
    table = Table(name="t", title="T", caption="", frame=typed_frame(rows, DTYPES), columns=columns)
    assert _texts(table) == [["67.463†"], ["67.5"]]


def test_warning_stands_behind_the_figure_and_before_the_footnote() -> None:
    columns = (Column(key="ms", header="ms", decimals=1, origin="origin", notes="notes", warning="low"),)
    frame = typed_frame(
        [{"ms": 2.0, "origin": "quoted", "notes": "n", "low": "≠"}, {"low": "≠"}], DTYPES | {"low": "string"}
    )
    table = Table(name="t", title="T", caption="", frame=frame, columns=columns)
    assert _texts(table) == [["2.0†≠[a]"], ["not measured≠"]]


def test_cell_has_the_evidence_that_its_column_names_or_its_rows() -> None:
    row, of_ms = Evidence(missing="row"), Evidence(missing="ms")
    columns = (Column(key="model", header="Model"), Column(key="ms", header="ms", evidence="time"))
    frame = typed_frame([{"model": "a", "ms": 1.0}, {"model": "b"}], DTYPES)
    evidence = ({ROW: row, "time": of_ms}, {ROW: row})
    table = Table(name="t", title="T", caption="", frame=frame, columns=columns, evidence=evidence)
    found = [[cell.evidence and cell.evidence.missing for cell in line] for line in lay_out(table).rows]
    assert found == [["row", "ms"], ["row", None]]
    assert [cell.absent for cell in lay_out(table).rows[1]] == [False, True]


def test_single_quotation_has_its_sources_very_digits() -> None:
    number = next(number for number in load_published() if str(number.value) == "196")
    columns = (Column(key="ms", header="ms", origin="origin"),)
    frame = typed_frame([{"ms": 196.0, "origin": "quoted"}], DTYPES)
    evidence = ({ROW: Evidence(numbers=(number,))},)
    table = Table(name="t", title="T", caption="", frame=frame, columns=columns, evidence=evidence)
    assert _texts(table) == [["196†"]]
