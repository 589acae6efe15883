"""Two runs on the same samples: who was right where, and what the test says."""

from __future__ import annotations

from typing import Any

import pytest

from epam.errors import InputError
from epam_reports.table import text_frame
from epam_reports.tables import RunComparison, comparison_table


def _comparison(**changes: Any) -> RunComparison:
    fields: dict[str, Any] = {
        "name_a": "fused",
        "name_b": "pose",
        "only_a": 8,
        "only_b": 2,
        "both": 80,
        "neither": 10,
        "p_value": 0.109375,
    }
    return RunComparison(**fields | changes)


def test_row_adds_up() -> None:
    (row,) = text_frame(comparison_table([_comparison()])).to_dict(orient="records")
    assert row == {
        "A": "fused",
        "B": "pose",
        "Samples": "100",
        "Top-1 of A (%)": "88.00",
        "Top-1 of B (%)": "82.00",
        "A − B (points)": "6.00",
        "Only A right": "8",
        "Only B right": "2",
        "Both": "80",
        "Neither": "10",
        "p": "0.1094",
    }


def test_difference_that_luck_explains_is_not_called_more() -> None:
    assert comparison_table([_comparison()]).remarks == (
        "fused is right more often than pose, which luck may explain at the 5 % level.",
    )
    assert comparison_table([_comparison(only_a=1, only_b=30, p_value=1e-8)]).remarks == (
        "pose is right more often than fused, beyond luck at the 5 % level.",
    )
    assert comparison_table([_comparison(only_a=2, p_value=1.0)]).remarks == (
        "fused and pose are right equally often.",
    )


def test_tiny_probability_is_not_printed_as_zero() -> None:
    table = comparison_table([_comparison(p_value=1e-300)])
    assert text_frame(table)["p"].tolist() == ["< 0.0001"]
    assert table.frame["p_value"].tolist() == [1e-300]


def test_several_tests_come_with_a_warning() -> None:
    assert "of 2 tests on equal networks" in comparison_table([_comparison(), _comparison()]).remarks[-1]


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"only_a": -1}, "number of each outcome"),
        ({"only_a": 0, "only_b": 0, "both": 0, "neither": 0}, "at least one"),
        ({"p_value": 1.5}, "p value 1.5"),
    ],
)
def test_impossible_figures_are_refused(changes: dict[str, Any], problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        _comparison(**changes)
