"""Each backend beside the plain form of the same network, in one run, with what that run could see."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import AnyRecord, CountRecord, LatencyRecord
from epam_reports.table import Table, lay_out, text_frame
from epam_reports.tables import best_backends_table, memory_table, speed_table

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]


@pytest.fixture
def records(count: Count, interleaved: Latency) -> list[AnyRecord]:
    """EPAM-Net five times as fast as its twin and C3D twice as fast as itself, in their best backends."""
    return [
        interleaved(backend="reference", milliseconds=500),
        interleaved(backend="eager", milliseconds=400),
        interleaved(backend="openvino", milliseconds=100),
        interleaved("c3d", backend="eager", milliseconds=400),
        interleaved("c3d", backend="openvino", milliseconds=200),
        count(gmacs=10.0),
        count("c3d", 40.0),
    ]


def test_speed_up_is_over_the_twin_or_over_the_eager_form_where_there_is_none(
    records: list[AnyRecord],
) -> None:
    frame = text_frame(speed_table(records)).set_index(["Model", "Backend"])
    assert frame.loc[("EPAM-Net", "openvino"), "Speed-up"] == "5.00 [5.00, 5.00]"
    assert frame.loc[("EPAM-Net", "openvino"), "over"] == "reference"
    assert frame.loc[("C3D", "openvino"), "Speed-up"] == "2.00 [2.00, 2.00]"
    assert frame.loc[("C3D", "openvino"), "over"] == "eager"
    assert frame["Verdict"].tolist() == ["faster", "faster", "base", "faster", "base"]


def test_best_backend_is_marked_and_says_how_much_of_the_mac_ratio_is_realised(
    records: list[AnyRecord],
) -> None:
    table = speed_table(records)
    frame = text_frame(table).set_index(["Model", "Backend"])
    assert frame["Best"].tolist() == ["best", "", "", "best", ""]
    # Twice as fast with a quarter of the multiply-adds: half of them are realised.
    assert frame.loc[("EPAM-Net", "openvino"), "MAC ratio realised (%)"] == "50"
    realised = table.evidence[0]["realised"]
    assert "(40.00 G / 10.00 G)" in realised.working
    assert {record.kind for record in realised.records} == {"latency", "count"}


def test_missing_count_or_missing_yardstick_is_said(records: list[AnyRecord]) -> None:
    uncounted = [record for record in records if record.kind == "latency"]
    notes = [note for _, note in lay_out(speed_table(uncounted)).footnotes]
    assert "no count record of epam_net and c3d: epam-bench flops epam_net c3d" in notes
    other_threads = [record for record in records if record.model.name == "epam_net"]
    other_threads.append(records[3].model_copy(update={"threads": 7}))
    notes = [note for _, note in lay_out(speed_table(other_threads)).footnotes]
    assert "no latency of c3d in these circumstances: epam-bench latency c3d" in notes


def test_without_c3d_nothing_is_said_of_it(records: list[AnyRecord]) -> None:
    table = speed_table([record for record in records if record.model.name == "epam_net"])
    assert "MAC ratio realised (%)" not in text_frame(table)
    assert "C3D" not in " ".join(table.remarks)


@pytest.mark.parametrize("table", [speed_table, best_backends_table])
def test_intervals_of_a_short_run_are_said_to_be_of_those_moments(
    interleaved: Latency, table: Callable[[list[AnyRecord]], Table]
) -> None:
    short = interleaved("c3d", backend="openvino", milliseconds=200).model_copy(update={"span_seconds": 41.0})
    long = interleaved("posec3d", backend="openvino").model_copy(update={"span_seconds": 150.0})
    unknown = interleaved("epam_net", backend="openvino")
    assert "All rows were timed within 41 s: some minutes later" in " ".join(table([short]).remarks)
    assert "from 140 s on" in " ".join(table([short]).remarks)
    assert "1 of 3 rows were timed within 41 s" in " ".join(table([short, long, unknown]).remarks)
    assert "were timed within" not in " ".join(table([long, unknown]).remarks)


def test_networks_stand_together_the_fastest_first(records: list[AnyRecord], interleaved: Latency) -> None:
    quick = interleaved("posec3d", backend="openvino", milliseconds=50)
    frame = text_frame(speed_table([*records, quick]))
    assert frame["Model"].tolist() == ["PoseC3D", *["EPAM-Net"] * 3, *["C3D"] * 2]
    assert frame["Speed-up"].iloc[0].startswith("no base")


def test_older_records_have_a_median_without_an_interval(latency: Latency) -> None:
    table = speed_table([latency(), latency(backend="fused", samples_ms=(1.0, 1.0, 1.0))])
    frame = text_frame(table)
    assert [cell.partition("[")[0] for cell in frame["Latency (ms)"]] == ["1.0", "3.0"]
    assert frame["Verdict"].tolist() == ["cannot tell", "base"]
    assert any("no interval: one process alone" in note for _, note in lay_out(table).footnotes)


def test_precisions_are_compared_with_the_float32_base(
    records: list[AnyRecord], interleaved: Latency
) -> None:
    half = interleaved(backend="openvino", precision="bf16", milliseconds=50)
    frame = text_frame(speed_table([*records, half]))
    assert frame.iloc[0][["Backend", "Precision", "Speed-up"]].tolist() == [
        "openvino",
        "bf16",
        "10.00 [10.00, 10.00]",
    ]


def test_batches_and_tasks_are_not_mixed(interleaved: Latency) -> None:
    records = [
        interleaved(backend="reference", milliseconds=500),
        interleaved(backend="fused", milliseconds=100, batch_size=8),
        interleaved(backend="fused", milliseconds=100, task="training"),
    ]
    frame = text_frame(speed_table(records))
    assert [cell.partition("[")[0] for cell in frame["Speed-up"]] == ["1.00", "no base", "no base"]
    assert frame["Task"].tolist() == ["inference", "inference", "training"]


def test_a_row_can_be_named_in_full(records: list[AnyRecord]) -> None:
    assert "epam_net openvino fp32 batch 1" in speed_table(records).frame["name"].tolist()


def test_clips_of_two_sizes_of_one_network_are_told_apart(interleaved: Latency) -> None:
    wide = interleaved("s3d", backend="fused")
    small = interleaved("s3d", backend="fused", milliseconds=50, inputs={"rgb": (3, 4, 6, 6)})
    for build in (speed_table, best_backends_table, memory_table):
        frame = text_frame(build([wide, small]))
        assert sorted(frame["Input"]) == ["rgb 3×16×224×224", "rgb 3×4×6×6"]
        assert "Input" not in text_frame(build([small]))


def test_nothing_timed_gives_an_empty_typed_table() -> None:
    assert speed_table([]).frame.empty
