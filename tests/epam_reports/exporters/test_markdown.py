"""Markdown shows quoted figures in italics and never lets a record's text become markup."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import CountRecord
from epam_reports.exporters import to_markdown
from epam_reports.exporters.markdown import escape
from epam_reports.tables import counters_table, efficiency_table, latency_table


def test_quoted_figure_is_italic_with_a_dagger_and_measured_upright(
    count: Callable[..., CountRecord],
) -> None:
    (row,) = [
        line for line in to_markdown(efficiency_table([count()])).splitlines() if line.startswith("| EPAM")
    ]
    assert "| 7.62 |" in row
    assert "*96.1*†<sup>" in row


def test_every_row_has_as_many_cells_as_the_header(count: Callable[..., CountRecord]) -> None:
    hostile = count(title="a|b\nc <img src=x> [x](y) `z`")
    lines = [line for line in to_markdown(efficiency_table([hostile])).splitlines() if line.startswith("|")]
    assert len({line.replace("\\|", "").count("|") for line in lines}) == 1


def test_markup_in_text_is_escaped() -> None:
    assert escape("a|b\n<b> *c* _d_") == r"a\|b \<b\> \*c\* \_d\_"


def test_footnotes_and_remarks_follow_the_table(count: Callable[..., CountRecord]) -> None:
    text = to_markdown(counters_table([count(uncounted={"mv": 1})]))
    assert "- <sup>a</sup> torch has no rule for mv ×1" in text
    assert "- torch 1: what torch counts" in text


def test_empty_table_says_so() -> None:
    assert "Nothing to show" in to_markdown(latency_table([]))
