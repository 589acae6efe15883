"""The way from a file to a prediction: a row a step, the whole beside their sum, and what dominates."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from epam_bench.records import ModelCard, PipelineRecord
from epam_reports.table import lay_out, text_frame
from epam_reports.tables.pipeline import pipeline_steps_table, pipeline_table

Way = Callable[..., PipelineRecord]

STEPS = {"decode": 40.0, "sampling and crop": 8.0, "heatmaps": 2.0, "network": 150.0, "fusion": 0.04}


@pytest.fixture
def way(card: Callable[..., ModelCard], latency: Callable[..., Any]) -> Way:
    def build(whole: float = 200.0, **changes: Any) -> PipelineRecord:
        steps = changes.pop("steps", STEPS)
        fields: dict[str, Any] = {
            "created": latency().created,
            "model": card("epam_net"),
            "environment": latency().environment,
            "device": "cpu",
            "precision": "fp32",
            "backend": "fused",
            "threads": 2,
            "persons": 1,
            "video_frames": 60,
            "video_size": (640, 360),
            "video": "drawn",
            "keypoints": "given, no estimator: install one",
            "steps": [{"name": name, "samples_ms": (ms, ms, ms)} for name, ms in steps.items()],
            "whole_ms": (whole - 1, whole, whole + 1),
        }
        return PipelineRecord.model_validate(fields | changes)

    return build


def test_every_step_is_a_row_and_their_sum_stands_beside_the_whole(way: Way) -> None:
    frame = text_frame(pipeline_steps_table([way()]))
    assert dict(zip(frame["Step"], frame["Time (ms)"], strict=True)) == {
        "decode": "40.0 [40.0, 40.0]",
        "pose[a]": "not measured",
        "sampling and crop": "8.0 [8.0, 8.0]",
        "heatmaps": "2.0 [2.0, 2.0]",
        "network": "150.0 [150.0, 150.0]",
        "fusion": "0.040 [0.040, 0.040]",
        "sum of the steps": "200.0",
        "whole, by its own clock": "200.0 [199.5, 200.5]",
    }
    assert frame["Share (%)"].tolist()[-2:] == ["100.0", "100.0"]


def test_a_pose_that_was_not_estimated_says_so_and_is_not_invented(way: Way) -> None:
    layout = lay_out(pipeline_steps_table([way()]))
    assert ("a", "keypoints given, no estimator: install one") in layout.footnotes
    estimated = way(keypoints="rtmlib 1", steps={**STEPS, "pose": 900.0})
    frame = text_frame(pipeline_table([estimated]))
    assert frame["Pose"].tolist() == ["900.0[a]"]
    assert frame["Dominant"].tolist() == ["pose"]


def test_it_is_said_which_step_dominates_where(way: Way) -> None:
    long = way(320.0, video_frames=240, steps={**STEPS, "decode": 160.0})
    [remark] = pipeline_table([long, way(), way(250.0, persons=4, video_frames=60)]).remarks
    assert remark == (
        "EPAM-Net by fused in fp32, 640×360 frames: network dominates (60 to 75 % of the way) with 1 person "
        "× 60 frames, 4 persons × 60 frames; decode dominates (50 % of the way) with 1 person × 240 frames."
    )
    [remark] = pipeline_table([way()]).remarks
    assert remark.endswith("network dominates throughout (75 % of the way).")


def test_settings_are_columns_only_where_rows_differ_in_them(way: Way) -> None:
    same = text_frame(pipeline_table([way(), way(persons=2)]))
    assert same["Persons"].tolist() == ["1", "2"]
    assert not {"Threads", "Frame size"} & set(same.columns)
    other = text_frame(pipeline_table([way(), way(video_size=(1920, 1080), threads=1)]))
    assert sorted(other["Frame size"]) == ["1920×1080", "640×360"]
    assert sorted(other["Threads"]) == ["1", "2"]


def test_the_newest_of_a_setting_counts_and_other_records_are_passed_over(
    way: Way, latency: Callable[..., Any]
) -> None:
    frame = pipeline_table([way(190.0), latency(), way(210.0)]).frame
    assert frame["whole_median_ms"].tolist() == [210.0]
    assert frame["covered_percent"].tolist() == [pytest.approx(100 * 200.04 / 210)]
    assert frame["videos_per_second"].tolist() == [pytest.approx(1000 / 210)]


def test_without_records_the_tables_are_empty() -> None:
    assert pipeline_table([]).frame.empty
    assert pipeline_steps_table([]).frame.empty
    assert pipeline_table([]).remarks == ()
