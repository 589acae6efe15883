from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest

from epam_inference.results import ClassSet
from epam_inference.streaming.decision import Decision, StreamSummary
from epam_inference.streaming.stream_output import (
    decision_json,
    decision_line,
    summary_json,
    summary_lines,
)

CLASSES = ClassSet("custom", "all", ("wave", "clap\x1b[2J", "kick"))


def decision(**changes: Any) -> Decision:
    fields: dict[str, Any] = {
        "number": 4, "first_frame": 90, "last_frame": 179, "start_seconds": 3.0, "end_seconds": 5.9667,
        "is_whole": True, "is_off_stride": False, "delay_seconds": 0.1234, "is_late": False,
        "logits": {"fused": np.array([0.5, 2.0, 1.0], np.float32), "rgb": np.array([9, 0, 0], np.float32)},
    }  # fmt: skip
    return Decision(**{**fields, **changes})


def summary(**changes: Any) -> StreamSummary:
    fields: dict[str, Any] = {
        "frames": 300, "seconds": 10.0, "decisions": 8, "nobody": 2, "delay_median_seconds": 0.12,
        "delay_p90_seconds": None, "delay_longest_seconds": 0.5, "late": 1, "given_up": 2,
        "dropped_frames": 30, "trailing_frames": 0, "ended_by": "the user",
    }  # fmt: skip
    return StreamSummary(**{**fields, **changes})


def test_a_decision_is_a_line_with_its_span_its_best_classes_and_its_delay() -> None:
    assert decision_line(decision(), CLASSES, topk=2) == "3.00–5.97 s  clap�[2J 2 · kick 1  (0.123 s)"
    assert decision_line(decision(is_late=True), CLASSES, topk=1).endswith("(0.123 s, late)")
    end = decision_line(decision(is_late=True, is_off_stride=True), CLASSES, topk=1)
    assert end.endswith("(0.123 s, late, the stream's end)")


def test_nobody_is_no_decision() -> None:
    assert decision_line(decision(logits=None), CLASSES, topk=2) == (
        "3.00–5.97 s  nobody in the window: no decision  (0.123 s)"
    )
    document = json.loads(decision_json(decision(logits=None), CLASSES, topk=2))
    assert document["nobody"] is True
    assert "fused" not in document


def test_json_has_every_stream_of_a_decision() -> None:
    document = json.loads(decision_json(decision(), CLASSES, topk=1))
    assert document["fused"] == [{"class": 1, "name": "clap\x1b[2J", "logit": 2.0}]
    assert document["rgb"] == [{"class": 0, "name": "wave", "logit": 9.0}]
    assert (document["first_frame"], document["last_frame"], document["late"]) == (90, 179, False)
    assert (document["delay_seconds"], document["whole_window"]) == (0.1234, True)
    assert document["off_stride"] is False


def test_the_summary_tells_pace_delay_and_deadlines() -> None:
    assert summary_lines(summary()) == [
        "ended by the user after 10.0 s",
        "300 frames, 30.0 frames a second; 8 windows: 6 decisions, 2 with nobody in them",
        "decision delay: median 0.120 s, p90 withheld under 64 windows, longest 0.500 s",
        "deadline misses: 3 (1 windows late, 2 given up for newer ones); frames dropped: 30",
    ]


def test_frames_that_no_decision_covers_are_told() -> None:
    left = summary(trailing_frames=12)
    assert summary_lines(left)[-1] == "not decided on: the last 12 frames"
    ended = summary(trailing_frames=12, ended_by="the end of the stream")
    assert summary_lines(ended)[-1] == "not decided on: the last 12 frames: fewer than half a stride"
    assert json.loads(summary_json(left))["summary"]["trailing_frames"] == 12


def test_what_kept_no_time_missed_no_deadline() -> None:
    unpaced = summary(late=None)
    assert summary_lines(unpaced)[-1].startswith("no deadlines")
    assert json.loads(summary_json(unpaced))["summary"]["deadline_misses"] is None


def test_a_stream_without_a_decision_has_no_delay() -> None:
    empty = summary(decisions=0, nobody=0, delay_median_seconds=None, delay_longest_seconds=None)
    assert not any("delay" in line for line in summary_lines(empty))
    assert json.loads(summary_json(empty))["summary"]["delay_median_seconds"] is None


def test_a_percentile_with_enough_behind_it_is_told() -> None:
    assert "p90 0.300 s" in summary_lines(summary(delay_p90_seconds=0.3))[2]
    assert json.loads(summary_json(summary()))["summary"]["frames_per_second"] == pytest.approx(30)
