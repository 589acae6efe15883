"""A timing run prints the tables that have something to say, and no other."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import CountRecord, LatencyRecord
from epam_reports.tables import timing_tables

Latency = Callable[..., LatencyRecord]


def test_one_form_of_each_network_needs_no_comparison_of_forms(latency: Latency) -> None:
    assert [table.name for table in timing_tables([latency()])] == ["latency", "memory"]
    two = timing_tables([latency(), latency("c3d")])
    assert [table.name for table in two] == ["latency", "networks", "memory"]


def test_several_forms_are_compared_and_several_networks_too(
    interleaved: Latency, count: Callable[..., CountRecord]
) -> None:
    one = [interleaved(), interleaved(backend="fused")]
    assert [table.name for table in timing_tables(one)] == ["latency", "speed", "memory"]
    two = [*one, interleaved("c3d")]
    tables = timing_tables(two, [count(), count("c3d", 38.5), interleaved("s3d")])
    assert [table.name for table in tables] == ["latency", "speed", "networks", "best_backends", "memory"]
    assert tables[3].frame["realised_percent"].notna().any()
    assert "s3d" not in tables[1].frame["model"].tolist()
