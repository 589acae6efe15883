from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import LatencyRecord
from epam_reports.table import text_frame
from epam_reports.tables.latency_change import latency_change_table, pair_latencies

Make = Callable[..., LatencyRecord]


def test_records_of_one_run_are_compared_turn_by_turn_and_others_by_their_medians(interleaved: Make) -> None:
    old, new = interleaved(milliseconds=100), interleaved(milliseconds=80, run="another")
    (apart,) = pair_latencies([old], [new]).changes
    assert apart.comparison.ratio == pytest.approx(0.8)
    table = latency_change_table(pair_latencies([old], [new]))
    row = text_frame(table).iloc[0]
    assert row["New is"] == "faster"
    assert row["New / old"].startswith("0.800 [")
    assert "independent runs" in table.evidence[0]["comparison"].working
    again = latency_change_table(pair_latencies([old], [interleaved(milliseconds=80)]))
    assert "turn by turn" in again.evidence[0]["comparison"].working


def test_another_machine_is_compared_and_said(interleaved: Make) -> None:
    old, new = interleaved(), interleaved(run="another", environment={"processor": "Another CPU"})
    remarks = latency_change_table(pair_latencies([old], [new])).remarks
    assert any(remark.startswith("Another machine:") for remark in remarks)


def test_the_newest_finished_record_counts_and_other_settings_are_not_paired(interleaved: Make) -> None:
    finished, stopped = interleaved(milliseconds=100), interleaved(milliseconds=70, interrupted=True)
    changes = pair_latencies([finished, stopped], [interleaved(milliseconds=100), interleaved(threads=1)])
    assert [change.old for change in changes.changes] == [finished]
    assert [record.threads for record in changes.only_new] == [1]


def test_many_latencies_of_one_file_alone_are_counted(interleaved: Make) -> None:
    new = [interleaved(), *(interleaved(f"model_{number}") for number in range(8))]
    remarks = latency_change_table(pair_latencies([interleaved()], new)).remarks
    assert any(remark.endswith("and 3 more.") for remark in remarks)


def test_clips_of_two_sizes_are_told_apart(interleaved: Make) -> None:
    records = [interleaved("c3d"), interleaved("c3d", inputs={"rgb": (3, 4, 9, 9)})]
    frame = text_frame(latency_change_table(pair_latencies(records, records)))
    assert frame["Input"].tolist() == ["rgb 3×16×112×112", "rgb 3×4×9×9"]
    assert "Input" not in text_frame(latency_change_table(pair_latencies(records[:1], records)))
