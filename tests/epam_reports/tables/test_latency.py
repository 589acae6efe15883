"""Every latency is shown with its setting; a percentile that the samples cannot support is withheld."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import LatencyRecord
from epam_reports.table import lay_out, text_frame
from epam_reports.tables import latency_table

Latency = Callable[..., LatencyRecord]


def test_row_has_median_and_quartiles_and_the_caption_what_all_rows_share(latency: Latency) -> None:
    table = latency_table([latency(batch_size=2)])
    row = text_frame(table).iloc[0]
    assert row["Latency (ms)"] == "3.0 [2.0, 4.0]"
    assert row["Clips/s"] == "666.67"
    assert table.caption.endswith("All: cpu, fp32, batch 2, 2 threads, on Test CPU (2 logical cores).")
    assert not {"Device", "Batch", "Threads"} & set(text_frame(table).columns)


def test_what_sets_rows_apart_is_a_column(latency: Latency) -> None:
    frame = text_frame(latency_table([latency(batch_size=1), latency(batch_size=8)]))
    assert frame["Batch"].tolist() == ["1", "8"]
    assert "Threads" not in frame


def test_records_of_before_backends_have_no_column_of_what_they_lack(latency: Latency) -> None:
    columns = set(text_frame(latency_table([latency()])).columns)
    assert not {"Speed-up", "Relative error", "Top-1 agreement (%)"} & columns


def test_fast_form_has_its_speed_up_its_error_and_what_its_backend_says(interleaved: Latency) -> None:
    records = [interleaved(), interleaved(backend="openvino", milliseconds=25, backend_notes=("a trial",))]
    table = latency_table(records)
    row = text_frame(table).set_index("Backend").loc["openvino[a]"]
    assert row["Speed-up"] == "4.00 [4.00, 4.00]"
    assert row["Relative error"] == "3.1e-07"
    assert row["Top-1 agreement (%)"] == "100"
    assert ("a", "a trial") in lay_out(table).footnotes
    assert any(remark.startswith("Relative error: largest difference") for remark in table.remarks)


def test_ninety_ninth_percentile_needs_662_samples(latency: Latency) -> None:
    frame = text_frame(latency_table([latency("c3d"), latency("s3d", samples_ms=(2.0,) * 662)]))
    assert dict(zip(frame["Model"], frame["p99 (ms)"], strict=True)) == {"S3D": "2.0", "C3D": "withheld"}


def test_clocks_and_temperatures_are_kept_for_machines(latency: Latency) -> None:
    before = {"clock_mhz": 2400.0, "temperature_celsius": 51.0}
    row = latency_table([latency(device_before=before)]).frame.iloc[0]
    assert (row["clock_mhz_before"], row["temperature_celsius_before"]) == (2400.0, 51.0)


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


def test_time_below_a_millisecond_is_told_from_one_that_is_a_little_longer(latency: Latency) -> None:
    table = latency_table([latency("c3d", samples_ms=(0.151,)), latency("s3d", samples_ms=(0.162,))])
    assert text_frame(table)["Latency (ms)"].tolist() == ["0.15 [0.15, 0.15]", "0.16 [0.16, 0.16]"]


def test_load_that_all_rows_share_is_a_sentence_and_unknown_load_is_not_invented(latency: Latency) -> None:
    table = latency_table([latency("c3d"), latency("s3d")])
    assert "Load average over a minute: 0.10 before, 1.50 after." in table.remarks
    assert "Load before" not in text_frame(table)
    unknown = latency_table([latency(load_average_before=None, load_average_after=None)])
    assert "Load average over a minute: unknown before, unknown after." in unknown.remarks
    several = [latency("c3d"), latency("s3d", load_average_before=None, load_average_after=None)]
    frame = text_frame(latency_table(several)).set_index("Model")
    assert frame.loc["C3D", ["Load before", "Load after"]].tolist() == ["0.10", "1.50"]
    assert frame.loc["S3D", ["Load before", "Load after"]].tolist() == ["unknown", "unknown"]


def test_inputs_are_told_once_a_model_and_kept_for_machines(latency: Latency) -> None:
    table = latency_table([latency("c3d"), latency("c3d", threads=1), latency("s3d")])
    assert table.remarks[0] == "One clip: rgb 3×16×112×112 for C3D; rgb 3×16×224×224 for S3D."
    assert "Input" not in text_frame(table)
    assert set(table.frame["input"]) == {"rgb 3×16×112×112", "rgb 3×16×224×224"}


def test_inputs_that_set_rows_of_a_model_apart_are_a_column(latency: Latency) -> None:
    frame = text_frame(latency_table([latency("c3d"), latency("c3d", inputs={"rgb": (3, 4, 9, 9)})]))
    assert sorted(frame["Input"]) == ["rgb 3×16×112×112", "rgb 3×4×9×9"]


def test_percentile_that_no_row_can_support_has_no_column(latency: Latency) -> None:
    table = latency_table([latency()])
    assert not {"p90 (ms)", "p99 (ms)"} & set(text_frame(table).columns)
    assert "A 90th percentile is withheld under 64 samples" in table.caption


def test_no_latency_gives_an_empty_typed_table() -> None:
    frame = latency_table([]).frame
    assert frame.empty
    assert str(frame["latency_median_ms"].dtype) == "Float64"


def test_machine_is_a_column_only_when_there_are_several(latency: Latency) -> None:
    one = latency_table([latency("c3d")])
    assert "Machine" not in text_frame(one).columns
    assert "on Test CPU (2 logical cores)." in one.caption
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
