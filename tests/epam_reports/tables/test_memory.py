"""Memory is four quantities, each under its name; what is not known is not invented."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import LatencyRecord
from epam_reports.table import text_frame
from epam_reports.tables import memory_table

Latency = Callable[..., LatencyRecord]


def test_four_quantities_and_preparation_have_a_column_each(interleaved: Latency) -> None:
    record = interleaved(reserved_bytes=64 * 1024**2, first_call_ms=80.0, device="cuda")
    row = text_frame(memory_table([record])).iloc[0]
    assert row["Weights (MiB)"] == "4.0"
    assert row["Peak activation (MiB)"] == "32"
    assert row["Reserved (MiB)"] == "64"
    assert row["Process (MiB)"] == "512"
    assert (row["Prepared in (s)"], row["First call (ms)"]) == ("1.5", "80.0")
    assert "Peak memory (MiB)" not in row


def test_older_record_has_the_one_number_that_it_has_and_what_it_was(latency: Latency) -> None:
    table = memory_table([latency()])
    row = text_frame(table).iloc[0]
    assert row["Peak memory (MiB)"] == "64"
    assert not {"Peak activation (MiB)", "Reserved (MiB)", "Process (MiB)"} & set(row.index)
    assert "Peak memory: process" in table.remarks


def test_unknown_memory_is_not_invented(latency: Latency) -> None:
    assert text_frame(memory_table([latency(peak_memory_bytes=None)])).iloc[0]["Peak memory (MiB)"] == (
        "not measured"
    )


def test_reserved_memory_of_a_cpu_beside_a_gpu_is_told_apart_from_none(interleaved: Latency) -> None:
    records = [interleaved(), interleaved(device="cuda", reserved_bytes=0)]
    assert text_frame(memory_table(records))["Reserved (MiB)"].tolist() == ["CUDA only", "0"]


def test_nothing_timed_gives_an_empty_typed_table() -> None:
    assert memory_table([]).frame.empty
