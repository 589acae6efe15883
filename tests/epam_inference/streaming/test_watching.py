from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from epam.data.annotations import Annotation, load_annotations
from epam.data.synthetic import SyntheticDataset
from epam.errors import InputError, VideoError
from epam_baselines.network import Network
from epam_inference.prediction import predict
from epam_inference.results import ClassSet, StreamScores
from epam_inference.sample_lookup import choose_clip
from epam_inference.streaming.decision import Decision
from epam_inference.streaming.frame_source import FileSource
from epam_inference.streaming.watching import StreamOutcome, WindowDecider, watch
from epam_inference.streaming.window_buffer import Window
from epam_inference.streaming.window_people import AnnotatedPeople, UnknownPeople

Frames = Callable[..., Any]
SCORES: StreamScores = {"rgb": np.zeros(3, dtype=np.float32)}


def look(source: Any, decide: Any = lambda _: SCORES, **changes: Any) -> tuple[StreamOutcome, list[Decision]]:
    decisions: list[Decision] = []
    options = {"window_frames": 6, "stride_frames": 3, "on_decision": decisions.append, **changes}
    return watch(source, decide, **options), decisions


def spans(decisions: list[Decision]) -> list[tuple[int, int]]:
    return [(decision.first_frame, decision.last_frame) for decision in decisions]


def test_every_window_of_a_source_without_pace_is_decided_on(frames: Frames) -> None:
    outcome, decisions = look(frames(12))
    assert spans(decisions) == [(0, 5), (3, 8), (6, 11)]
    assert [decision.is_late for decision in decisions] == [None] * 3
    summary = outcome.summary
    assert (summary.frames, summary.decisions, summary.given_up, summary.late) == (12, 3, 0, None)
    assert summary.ended_by == "the end of the stream"
    assert outcome.problem is None


@pytest.mark.parametrize("keeps_time", [False, True])
def test_half_a_stride_at_the_end_is_decided_on_and_less_is_told(frames: Frames, keeps_time: bool) -> None:
    outcome, decisions = look(frames(14, keeps_time=keeps_time))  # the frames 12 and 13 of a stride of 3
    assert spans(decisions)[-1] == (8, 13)
    assert (decisions[-1].is_whole, decisions[-1].is_off_stride) == (True, True)
    assert not any(decision.is_off_stride for decision in decisions[:-1])
    assert outcome.summary.trailing_frames == 0
    outcome, decisions = look(frames(13, keeps_time=keeps_time))
    assert spans(decisions)[-1] == (6, 11)
    assert outcome.summary.trailing_frames == 1


def test_decoding_goes_on_while_a_window_is_decided_on(frames: Frames) -> None:
    """The decision on the first window waits for a frame that comes after it."""
    later = threading.Event()
    source = frames(20, keeps_time=True, before=lambda number: later.set() if number == 12 else None)

    def decide(window: Window) -> StreamScores:
        assert later.wait(10)
        return SCORES

    _, decisions = look(source, decide)
    assert spans(decisions)[0][0] >= 0


def test_the_newest_window_wins_where_decisions_are_slow(frames: Frames) -> None:
    started, deciding = threading.Event(), threading.Event()

    def before(number: int) -> None:
        if number == 6:  # the first window is being decided on, while all other frames come
            assert started.wait(10)
        if number == 20:
            deciding.set()

    def decide(window: Window) -> StreamScores:
        started.set()
        assert deciding.wait(10)
        return SCORES

    outcome, decisions = look(frames(21, keeps_time=True, before=before), decide)
    assert spans(decisions)[0] == (0, 5)
    assert spans(decisions)[-1] == (15, 20)
    summary = outcome.summary
    assert summary.given_up + summary.decisions == 6
    assert summary.deadline_misses is not None
    assert summary.deadline_misses >= summary.given_up > 0
    assert 0 < summary.dropped_frames <= 9


def test_a_decision_is_late_when_the_frame_has_come_with_which_the_next_is_due(frames: Frames) -> None:
    started, due = threading.Event(), threading.Event()

    def before(number: int) -> None:
        if number == 6:
            assert started.wait(10)
        if number == 9:  # frame 8 is in the buffer, the last of the next window
            due.set()

    def decide(window: Window) -> StreamScores:
        started.set()
        assert due.wait(10)
        return SCORES

    outcome, decisions = look(frames(10, keeps_time=True, before=before), decide)
    assert spans(decisions) == [(0, 5), (3, 8)]
    assert [decision.is_late for decision in decisions] == [True, False]
    assert outcome.summary.late == 1


def test_a_decision_is_in_time_while_the_stream_is_slower_than_it_says(frames: Frames) -> None:
    def slow(window: Window) -> StreamScores:
        time.sleep(0.12)  # three frames of 1/30 s are 0.1 s, and none has come
        return SCORES

    outcome, [decision] = look(frames(6, keeps_time=True), slow)
    assert decision.delay_seconds >= 0.12
    assert decision.is_late is False
    assert outcome.summary.late == 0


def test_nobody_in_a_window_is_counted_and_not_decided(frames: Frames) -> None:
    outcome, decisions = look(frames(12), lambda window: None if window.first.number else SCORES)
    assert [decision.logits is None for decision in decisions] == [False, True, True]
    assert outcome.summary.nobody == 2


def test_a_stream_shorter_than_a_window_is_decided_on_once_and_says_so(frames: Frames) -> None:
    _, [decision] = look(frames(4))
    assert (decision.first_frame, decision.last_frame, decision.is_whole) == (0, 3, False)


def test_a_stream_without_frames_has_no_decision(frames: Frames) -> None:
    outcome, decisions = look(frames(0))
    assert decisions == []
    assert outcome.summary.delay_median_seconds is None


def test_a_camera_that_goes_away_ends_it_with_what_was_decided(frames: Frames) -> None:
    def vanish(number: int) -> None:
        if number == 8:
            raise VideoError("camera 0: went away after 8 frames")

    outcome, decisions = look(frames(99, keeps_time=True, before=vanish))
    assert spans(decisions) == [(0, 5)]
    assert str(outcome.problem) == "camera 0: went away after 8 frames"
    summary = outcome.summary
    assert (summary.frames, summary.trailing_frames, summary.ended_by) == (8, 2, "a problem")


def test_a_defect_in_the_decoding_thread_is_told_and_not_lost(frames: Frames) -> None:
    def fail(number: int) -> None:
        raise RuntimeError("out of luck")

    outcome, _ = look(frames(9, before=fail))
    assert str(outcome.problem) == "made-up: cannot be decoded (RuntimeError: out of luck)"


@pytest.mark.parametrize("is_live", [True, False])
def test_a_silent_camera_is_given_up_and_a_file_may_have_a_gap(frames: Frames, is_live: bool) -> None:
    silent = threading.Event()

    def before(number: int) -> None:
        if number == 2:
            silent.wait(30 if is_live else 0.5)

    source = frames(6, keeps_time=True, is_live=is_live, before=before)
    source.stop = silent.set
    outcome, decisions = look(source, silent_seconds=0.2)
    if is_live:
        assert str(outcome.problem) == "made-up: no frame for 0.2 s; is it gone?"
        assert decisions == []
    else:
        assert outcome.problem is None
        assert spans(decisions) == [(0, 5)]


def test_a_network_that_fails_ends_it_with_the_reason(frames: Frames) -> None:
    def fail(window: Window) -> StreamScores:
        raise InputError("the logits are not finite")

    outcome, decisions = look(frames(99), fail)
    assert decisions == []
    assert str(outcome.problem) == "the logits are not finite"


def test_the_user_may_leave_while_nothing_comes_and_the_source_is_stopped(frames: Frames) -> None:
    waiting = threading.Event()
    source = frames(9, keeps_time=True, before=lambda number: waiting.wait(30) if number == 7 else None)
    source.stop = waiting.set
    seen: list[Decision] = []
    outcome = watch(
        source, lambda _: SCORES, window_frames=6, stride_frames=3, on_decision=seen.append,
        stopped=lambda: bool(seen),
    )  # fmt: skip
    assert outcome.summary.ended_by == "the user"
    assert outcome.summary.decisions == 1
    assert threading.active_count() < 20


def test_thousands_of_frames_leave_no_thread_behind(frames: Frames) -> None:
    before = threading.active_count()
    outcome, _ = look(frames(5000), window_frames=30, stride_frames=30)
    assert (outcome.summary.frames, outcome.summary.decisions) == (5000, 167)
    assert threading.active_count() == before


# ── The decider ──


class Looking(torch.nn.Module):
    """Its first logit is the mean of its first input: what it sees decides what it says."""

    def forward(self, *inputs: torch.Tensor) -> torch.Tensor:
        return torch.stack([inputs[0].mean(), torch.tensor(0.0)])[None].repeat(len(inputs[0]), 1)


@pytest.fixture
def looking(constant_network: Callable[..., Network]) -> Callable[..., Network]:
    def build(kind: str) -> Network:
        import dataclasses

        return dataclasses.replace(constant_network(kind), module=Looking())

    return build


@pytest.mark.parametrize("kind", ["multimodal", "pose", "rgb"])
def test_a_window_of_a_whole_crop_gives_what_its_file_gives(
    kind: str, looking: Callable[..., Network], dataset: SyntheticDataset, wave: str
) -> None:
    annotations = load_annotations(dataset.annotations)
    video = dataset.crops / f"{wave}_rgb.mp4"
    clip = choose_clip(kind, video=video, annotations=annotations, sample=None)  # type: ignore[arg-type]
    network = looking(kind)
    expected = predict(network, ClassSet("embedded", "xsub", ("a", "b")), clip)
    assert clip.annotation is not None
    decide = WindowDecider(network, AnnotatedPeople(clip.annotation), origin="crop")
    whole = Window(tuple(FileSource(video, paced=False)))
    scores = decide(whole)
    assert scores is not None
    for stream, logits in expected.logits.items():
        np.testing.assert_array_equal(scores[stream], logits)


def test_rgb_needs_nobody_and_pose_does(
    looking: Callable[..., Network], window: Callable[..., Window]
) -> None:
    assert WindowDecider(looking("rgb"), UnknownPeople((36, 64)), origin="camera")(window(0, 20)) is not None
    assert WindowDecider(looking("pose"), UnknownPeople((36, 64)), origin="camera")(window(0, 20)) is None
    assert WindowDecider(looking("multimodal"), UnknownPeople((36, 64)), origin="c")(window(0, 20)) is None


def test_joints_that_no_looked_at_frame_has_are_nobody(
    looking: Callable[..., Network], window: Callable[..., Window]
) -> None:
    score = np.zeros((1, 100, 17))
    score[0, 99] = 1  # the last frame only, and sampling takes another of that segment
    keypoint = np.full((1, 100, 17, 2), 9.0)
    known = Annotation("S1", 0, (36, 64), 100, keypoint, score)
    decide = WindowDecider(looking("pose"), AnnotatedPeople(known), origin="camera")
    looked_at = decide._pipeline.frames_of_window(100)
    assert 99 not in looked_at
    assert decide(window(0, 100)) is None
