"""Right, wrong and crashed are told apart; a failure comes with the truth's working."""

from __future__ import annotations

from dataclasses import dataclass

from epam_reports.table import lay_out, plain_text
from epam_reports.tables.conformance import conformance_scores_table, conformance_table


@dataclass(frozen=True)
class Result:
    case: str
    counter: str
    macs: int | None
    truth: int = 100
    group: str = "matrix product"
    working: str = "10 × 10"
    problem: str | None = None


RESULTS = [
    Result("linear", "ours", 100),
    Result("linear", "theirs", 100),
    Result("mv", "ours", 100),
    Result("mv", "theirs", 0),
    Result("einsum", "ours", 100),
    Result("einsum", "theirs", None, problem="ValueError: no"),
    Result("norms", "ours", 0, truth=0, group="structure", working="element by element"),
    Result("norms", "theirs", 30, truth=0, group="structure", working="element by element"),
]


def cells(table) -> list[list[str]]:
    return [[plain_text(cell) for cell in row] for row in lay_out(table).rows]


def test_a_cell_says_right_or_how_wrong_or_of_what_it_crashed() -> None:
    table = conformance_table(RESULTS)
    assert cells(table) == [
        ["linear", "matrix product", "100", "right", "right"],
        ["mv", "matrix product", "100", "right", "0×"],
        ["einsum", "matrix product", "100", "right", "crash[a]"],
        ["norms", "structure", "0", "right", "30 for 0"],
    ]
    assert lay_out(table).footnotes == (("a", "ValueError: no"),)


def test_the_score_of_each_counter_stands_below() -> None:
    assert conformance_table(RESULTS).remarks == (
        "ours: 4 of 4 right (100.0 %), 0 wrong, 0 crashed",
        "theirs: 1 of 4 right (25.0 %), 2 wrong, 1 crashed",
    )


def test_failures_leave_out_what_all_have_right_and_show_the_working() -> None:
    rows = cells(conformance_table(RESULTS, failures_only=True))
    assert [row[0] for row in rows] == ["mv", "einsum", "norms"]
    assert [row[-1] for row in rows] == ["100 = 10 × 10", "100 = 10 × 10", "0: element by element"]


def test_scores_do_not_change_when_only_failures_are_shown() -> None:
    assert conformance_table(RESULTS, failures_only=True).remarks == conformance_table(RESULTS).remarks


def test_machines_get_numbers() -> None:
    frame = conformance_table([Result("half", "theirs", 50), Result("none", "theirs", None)]).frame
    assert frame["theirs_ratio"].tolist()[0] == 0.5
    assert frame["theirs_macs"].isna().tolist() == [False, True]


def test_scores_by_group() -> None:
    assert cells(conformance_scores_table(RESULTS)) == [
        ["ours", "3 of 3", "1 of 1", "4", "0", "0", "100.0"],
        ["theirs", "1 of 3", "0 of 1", "1", "2", "1", "25.0"],
    ]


def test_how_torchs_counter_was_asked_is_said_where_it_was() -> None:
    remarks = conformance_table([Result("linear", "torch", 100)]).remarks
    assert "by itself it counts none of the CPU's fused attention" in remarks[-1]
    assert len(conformance_table(RESULTS).remarks) == 2
