"""Networks beside the first that was asked for: ratio, interval, verdict, and what the run could see."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import LatencyRecord
from epam_reports.table import lay_out, text_frame
from epam_reports.tables import networks_table

Latency = Callable[..., LatencyRecord]


def test_each_network_is_compared_with_the_first_whichever_is_faster(interleaved: Latency) -> None:
    table = networks_table([interleaved("s3d", 200), interleaved("c3d", 100), interleaved("r3d_18", 400)])
    assert table.title == "Networks beside S3D"
    frame = text_frame(table).set_index("Model")
    assert frame.index.tolist() == ["C3D", "S3D", "R3D-18"]
    assert frame["Times as fast as S3D"].tolist() == ["2.00 [2.00, 2.00]", "1.00", "0.50 [0.50, 0.50]"]
    assert frame["Verdict"].tolist() == ["faster", "base", "slower"]
    assert table.evidence[0]["ratio"].working.startswith("time of s3d / time of c3d, turn by turn")


def test_networks_in_several_backends_meet_in_their_fastest_ones(interleaved: Latency) -> None:
    records = [
        interleaved("s3d", 200),
        interleaved("s3d", 100, backend="openvino"),
        interleaved("c3d", 300),
        interleaved("c3d", 200, backend="compile"),
    ]
    frame = text_frame(networks_table(records))
    assert frame["Backend"].tolist() == ["openvino", "compile"]
    assert frame["Times as fast as S3D"].tolist() == ["1.00", "0.50 [0.50, 0.50]"]


def test_precisions_are_compared_each_with_its_own_and_what_is_missing_is_said(interleaved: Latency) -> None:
    records = [interleaved("s3d", 200), interleaved("c3d", 100), interleaved("c3d", 50, precision="bf16")]
    table = networks_table(records)
    frame = text_frame(table).set_index(["Model", "Precision"])
    assert frame.loc[("C3D", "fp32"), "Verdict"] == "faster"
    assert frame.loc[("C3D", "bf16"), "Times as fast as S3D"].startswith("not timed")
    notes = [note for _, note in lay_out(table).footnotes]
    assert "the first network was not timed in these circumstances" in notes


def test_one_process_gives_a_ratio_without_an_interval(interleaved: Latency) -> None:
    records = [interleaved("s3d", 200, processes=1), interleaved("c3d", 100, processes=1)]
    frame = networks_table(records).frame.set_index("model")
    assert frame.loc["c3d", "speedup"] == 2.0
    assert frame["speedup_low"].isna().all()
    assert frame.loc["c3d", "speedup_verdict"] == "cannot tell"


def test_no_latency_gives_an_empty_typed_table() -> None:
    assert networks_table([]).frame.empty
