"""JSON holds the same figures, absent ones as null."""

from __future__ import annotations

import json
from collections.abc import Callable

from epam_bench.records import CountRecord
from epam_reports.exporters import to_json
from epam_reports.tables import counters_table, efficiency_table


def test_rows_hold_figures_and_null_for_absent_ones(count: Callable[..., CountRecord]) -> None:
    document = json.loads(to_json(efficiency_table([count()])))
    assert document["name"] == "efficiency"
    assert document["rows"][0]["gmacs_per_view"] == 7.618
    assert document["rows"][0]["latency_median_ms"] is None


def test_infinite_disagreement_is_still_valid_json(count: Callable[..., CountRecord]) -> None:
    document = json.loads(to_json(counters_table([count(), count(gmacs=0.0, counter="thop")])))
    assert document["rows"][0]["disagreement_percent"] is None
