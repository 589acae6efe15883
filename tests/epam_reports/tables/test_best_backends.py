"""Networks are compared each in its own best backend, in the same circumstances."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import AnyRecord, CountRecord, LatencyRecord
from epam_reports.table import text_frame
from epam_reports.tables import best_backends_table

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]


@pytest.fixture
def records(count: Count, interleaved: Latency) -> list[AnyRecord]:
    return [
        interleaved(backend="eager", milliseconds=400),
        interleaved(backend="openvino", milliseconds=100),
        interleaved("c3d", backend="eager", milliseconds=210),
        interleaved("c3d", backend="openvino", milliseconds=200),
        interleaved("posec3d", backend="eager", milliseconds=80),
        count(gmacs=10.0),
        count("c3d", 40.0),
        count("posec3d", 16.0),
    ]


def test_only_the_fastest_backend_of_each_network_has_a_row(records: list[AnyRecord]) -> None:
    frame = text_frame(best_backends_table(records))
    assert frame[["Model", "Backend", "of"]].to_numpy().tolist() == [
        ["PoseC3D", "eager", "1"],
        ["EPAM-Net", "openvino", "2"],
        ["C3D", "openvino", "2"],
    ]


def test_ratio_to_c3d_and_to_us_come_with_interval_and_verdict(records: list[AnyRecord]) -> None:
    frame = text_frame(best_backends_table(records)).set_index("Model")
    assert frame["Faster than C3D (×)"].to_dict() == {
        "PoseC3D": "2.50 [2.50, 2.50]",
        "EPAM-Net": "2.00 [2.00, 2.00]",
        "C3D": "1.00",
    }
    assert frame["MACs fewer than C3D (×)"].to_dict() == {
        "PoseC3D": "2.50",
        "EPAM-Net": "4.00",
        "C3D": "1.00",
    }
    assert frame.loc["EPAM-Net", "Realised (%)"] == "50"
    assert frame.loc["PoseC3D", "Realised (%)"] == "100"
    assert frame["EPAM-Net is"].to_dict() == {"PoseC3D": "slower", "EPAM-Net": "", "C3D": "faster"}


def test_rate_is_multiply_adds_of_the_batch_in_a_second(count: Count, interleaved: Latency) -> None:
    records = [count(gmacs=10.0), interleaved(batch_size=2, milliseconds=100)]
    row = text_frame(best_backends_table(records)).iloc[0]
    assert (row["GMACs/clip"], row["GMAC/s"]) == ("10.00", "200.0")


def test_networks_of_other_circumstances_are_not_compared(interleaved: Latency) -> None:
    records = [interleaved(), interleaved("c3d", threads=4), interleaved("posec3d", precision="bf16")]
    frame = text_frame(best_backends_table(records)).set_index("Model")
    assert frame.loc["EPAM-Net", "Faster than C3D (×)"].startswith("C3D not timed")
    assert frame.loc["C3D", "EPAM-Net's speed over it (×)"] == "not timed"
    assert frame.loc["PoseC3D", "EPAM-Net's speed over it (×)"] == "not timed"


def test_columns_of_networks_that_were_not_timed_are_left_out(interleaved: Latency) -> None:
    columns = set(text_frame(best_backends_table([interleaved("posec3d")])).columns)
    assert not {"Faster than C3D (×)", "Realised (%)", "EPAM-Net is"} & columns


def test_other_runs_are_compared_and_it_is_said(interleaved: Latency) -> None:
    records = [interleaved(), interleaved("c3d", run="two", milliseconds=200)]
    row = best_backends_table(records).frame.set_index("model").loc["c3d"]
    assert row["ours_ahead"] == pytest.approx(2, rel=0.01)
    assert row["ours_notes"] == "not interleaved with c3d, which was timed in another run"
