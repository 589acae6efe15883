from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from epam_bench.records import LatencyRecord, ModelCard, RooflineRecord
from epam_reports.table import lay_out, text_frame
from epam_reports.tables.roofline import roofline_table, summarise

Roofline = Callable[..., RooflineRecord]


def operation(name: str, time_ms: float, **changes: Any) -> dict[str, Any]:
    fields = {
        "operation": name,
        "kind": "convolution",
        "shape": "16×24×56×56 ∗ 54×24×1×1",
        "calls": 2,
        "macs": 10**9,
        "bytes": 10**8,
        "time_ms": time_ms,
        "bound": "compute",
        "bound_ms": 10.0,
    }
    return fields | changes


@pytest.fixture
def roofline(card: Callable[..., ModelCard], latency: Callable[..., LatencyRecord]) -> Roofline:
    def build(**changes: Any) -> RooflineRecord:
        fields: dict[str, Any] = {
            "created": latency().created,
            "model": card("epam_net"),
            "environment": latency().environment,
            "device": "cpu",
            "precision": "fp32",
            "batch_size": 1,
            "backend": "fused",
            "threads": 2,
            "peaks": {
                "gflops_per_second": 200.0,
                "memory_gigabytes_per_second": 20.0,
                "cache_gigabytes_per_second": 80.0,
                "launch_microseconds": 0.6,
            },
            "operations": [
                operation("convolution", 40.0),
                operation("silu", 5.0, kind="activation", shape="8", macs=0, bound="bandwidth", bound_ms=2.0),
                operation(
                    "clone", 4.0, kind="data movement", shape="8", macs=0, bound="bandwidth", bound_ms=3.0
                ),
                operation(
                    "views", 1.0, kind="data movement", shape="", macs=0, bytes=0, bound="launch", bound_ms=0
                ),
            ],
            "whole_ms": [49.0, 50.0, 52.0],
            "passes": 3,
            "causes": ["1×1 convolutions: slow"],
        }
        return RooflineRecord.model_validate(fields | changes)

    return build


def test_nothing_is_lost_the_rest_is_one_row_and_the_parts_stand_beside_the_whole(roofline: Roofline) -> None:
    frame = text_frame(roofline_table([roofline()], rows=1))
    assert frame["Operation"].tolist() == ["convolution", "3 further operations", "all parts", "whole"]
    assert frame["Time (ms)"].tolist() == ["40.00", "10.00", "50.00", "50.00"]
    assert frame["of the time (%)"].tolist() == ["80.0", "20.0", "100.0", ""]
    assert frame["at the peaks (ms)"].tolist() == ["10.00", "5.00", "15.00", "–"]
    # Two FLOPs for each of 10⁹ multiply-adds in 40 ms.
    assert frame["GFLOP/s"].tolist()[0] == "50"
    assert frame["Bound"].tolist() == ["compute", "bandwidth", "compute", "–"]


def test_one_more_operation_than_rows_is_shown_and_not_called_the_rest(roofline: Roofline) -> None:
    frame = text_frame(roofline_table([roofline()], rows=3))
    assert frame["Operation"].tolist() == ["convolution", "silu", "clone", "views", "all parts", "whole"]


def test_what_multiplies_or_moves_nothing_has_no_rate(roofline: Roofline) -> None:
    row = text_frame(roofline_table([roofline()])).iloc[3]
    assert (row["GMACs"], row["MB"], row["GFLOP/s"], row["GB/s"], row["Shape"]) == ("–", "–", "–", "–", "")


def test_what_would_be_possible_and_the_causes_are_said(roofline: Roofline) -> None:
    summary, cause = summarise(roofline())
    assert "the parts sum to 100% of the whole, 50.0 ms (median of 3, 2 threads)" in summary
    assert "at the peaks this form would take 15.0 ms" in summary
    assert "a perfect fusion — compute alone — 10.0 ms" in summary
    assert cause == "EPAM-Net, fused, cause 1: 1×1 convolutions: slow."
    assert roofline_table([roofline()]).remarks == (summary, cause)


def test_of_one_setting_the_newest_counts_and_forms_stand_apart(roofline: Roofline) -> None:
    older = roofline(whole_ms=[90.0], created="2020-01-01T00:00:00Z")
    other = roofline(backend="openvino", precision="bf16", batch_size=8)
    frame = text_frame(roofline_table([older, roofline(), other]))
    assert set(frame["Form"]) == {"fused", "openvino, bf16, batch 8"}
    assert "90.00" not in frame["Time (ms)"].tolist()


def test_every_cell_leads_to_its_record_and_a_caveat_to_its_row(roofline: Roofline) -> None:
    record = roofline(caveats=["busy machine"])
    layout = lay_out(roofline_table([record]))
    assert all(
        cell.evidence is not None and cell.evidence.records == (record,)
        for row in layout.rows
        for cell in row
    )
    assert layout.footnotes == (("a", "busy machine"),)


def test_without_records_there_is_an_empty_table() -> None:
    table = roofline_table([])
    assert len(table.frame) == 0
    assert table.remarks == ()
