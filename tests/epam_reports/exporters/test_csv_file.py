"""CSV keeps full precision and cannot run in a spreadsheet."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable

from epam_bench.records import CountRecord
from epam_reports.exporters import to_csv
from epam_reports.tables import efficiency_table


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_figures_keep_full_precision_with_origin_and_source(count: Callable[..., CountRecord]) -> None:
    row = _rows(to_csv(efficiency_table([count(macs=7_618_123_456)])))[0]
    assert float(row["gmacs_per_view"]) == 7.618123456
    assert row["cost_origin"] == "measured"
    assert row["cost_source"].startswith("count record (torch)")


def test_absent_figures_are_empty(count: Callable[..., CountRecord]) -> None:
    assert _rows(to_csv(efficiency_table([count()])))[0]["latency_median_ms"] == ""


def test_text_that_a_spreadsheet_would_run_is_disarmed(count: Callable[..., CountRecord]) -> None:
    row = _rows(to_csv(efficiency_table([count(title='=cmd|"/c calc"')])))[0]
    assert row["title"] == '\'=cmd|"/c calc"'
