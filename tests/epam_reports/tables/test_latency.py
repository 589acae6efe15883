"""Every latency is shown with its setting; a percentile that the samples cannot support is withheld."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import LatencyRecord
from epam_reports.table import lay_out, text_frame
from epam_reports.tables import latency_table

Latency = Callable[..., LatencyRecord]


def test_row_has_setting_median_and_quartiles(latency: Latency) -> None:
    row = text_frame(latency_table([latency(batch_size=2)])).iloc[0]
    assert (row["Device"], row["Batch"], row["Threads"]) == ("cpu", "2", "2")
    assert row["Latency (ms)"] == "3.0 [2.0, 4.0]"
    assert row["Clips/s"] == "666.67"


def test_ninetieth_percentile_needs_sixty_four_samples(latency: Latency) -> None:
    frame = text_frame(latency_table([latency("c3d"), latency("s3d", samples_ms=(2.0,) * 64)]))
    assert dict(zip(frame["Model"], frame["p90 (ms)"], strict=True)) == {"S3D": "2.0", "C3D": "withheld"}


def test_settings_are_kept_together_fastest_first(latency: Latency) -> None:
    records = [
        latency("c3d", samples_ms=(9.0,)),
        latency("s3d", threads=1),
        latency("r3d_18", samples_ms=(2.0,)),
    ]
    frame = latency_table(records).frame
    assert list(zip(frame["threads"], frame["title"], strict=True)) == [(1, "S3D"), (2, "R3D-18"), (2, "C3D")]


def test_unknown_memory_and_load_are_not_invented(latency: Latency) -> None:
    row = text_frame(
        latency_table([latency(peak_memory_bytes=None, load_average_before=None, load_average_after=None)])
    ).iloc[0]
    assert row["Peak memory (MiB)"] == "not measured"
    assert row["Load before"] == row["Load after"] == "unknown"


def test_no_latency_gives_an_empty_typed_table() -> None:
    frame = latency_table([]).frame
    assert frame.empty
    assert str(frame["latency_median_ms"].dtype) == "Float64"


def test_machine_is_a_column_only_when_there_are_several(latency: Latency) -> None:
    one = latency_table([latency("c3d")])
    assert "Machine" not in text_frame(one).columns
    assert "Machine: Test CPU (2 logical cores)." in one.caption
    two = latency_table([latency("c3d"), latency("c3d", environment={"processor": "Other CPU"})])
    assert set(text_frame(two)["Machine"]) == {"Test CPU (2 logical cores)", "Other CPU (2 logical cores)"}
    assert "2 machines" in two.caption


def test_row_of_another_run_and_interrupted_row_have_footnotes(latency: Latency) -> None:
    records = [
        latency("c3d", run="a"),
        latency("s3d", run="a"),
        latency("r3d_18", run="b", interrupted=True, caveats=("interrupted after 5 of 20 samples",)),
    ]
    table = latency_table(records)
    assert lay_out(table).footnotes == (
        (
            "a",
            "timed in another run, not interleaved with the other models; interrupted after 5 of 20 samples",
        ),
    )
    assert table.frame.set_index("model").loc["r3d_18", "interrupted"]
