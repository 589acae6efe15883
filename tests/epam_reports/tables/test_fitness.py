from __future__ import annotations

from types import SimpleNamespace

from epam_reports.table import text_frame
from epam_reports.tables.fitness import fitness_table


def test_a_row_a_check_and_the_grade_of_the_whole_below() -> None:
    checks = [
        SimpleNamespace(name="timer", grade="good", seen="steps of 40 ns", advice=""),
        SimpleNamespace(name="swap", grade="poor", seen="9 MB moved", advice="free memory"),
    ]
    table = fitness_table(checks, "poor")
    assert list(text_frame(table)["Grade"]) == ["good", "poor"]
    assert table.remarks == ("Overall: poor, the worst of what is known.",)
