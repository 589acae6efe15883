from __future__ import annotations

from collections import deque

import numpy as np
import pytest

from epam_inference.streaming import decision
from epam_inference.streaming.decision import Decision, DecisionTally, StreamSummary


def made(delay: float, *, late: bool | None = False, nobody: bool = False) -> Decision:
    return Decision(
        number=0, first_frame=0, last_frame=9, start_seconds=0, end_seconds=0.3, is_whole=True,
        is_off_stride=False, logits=None if nobody else {"rgb": np.zeros(2, dtype=np.float32)},
        delay_seconds=delay, is_late=late,
    )  # fmt: skip


def test_a_tally_counts_the_late_and_the_empty_and_keeps_the_longest() -> None:
    tally = DecisionTally()
    for entry in (made(0.1), made(0.4, late=True), made(0.2, nobody=True)):
        tally.add(entry)
    assert (tally.decisions, tally.late, tally.nobody) == (3, 1, 1)
    assert tally.decided_frames == 10
    assert (tally.median_seconds, tally.longest_seconds) == (0.2, 0.4)


def test_a_percentile_is_withheld_until_there_are_enough() -> None:
    tally = DecisionTally()
    assert (tally.median_seconds, tally.longest_seconds) == (None, None)
    for index in range(63):
        tally.add(made(index / 100))
    assert tally.p90_seconds is None
    tally.add(made(0.63))
    assert tally.p90_seconds == pytest.approx(0.567)


def test_a_tally_does_not_grow_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decision, "KEPT_DELAYS", 100)
    tally = DecisionTally(_delays=deque(maxlen=decision.KEPT_DELAYS))
    for index in range(5000):
        tally.add(made(0.1 if index < 4900 else 0.3))
    assert tally.decisions == 5000
    assert tally.median_seconds == 0.3
    assert DecisionTally()._delays.maxlen == 100


def summary(**changes: object) -> StreamSummary:
    fields: dict[str, object] = {
        "frames": 60, "seconds": 2.0, "decisions": 3, "nobody": 1, "delay_median_seconds": 0.1,
        "delay_p90_seconds": None, "delay_longest_seconds": 0.2, "late": 1, "given_up": 2,
        "dropped_frames": 5, "trailing_frames": 0, "ended_by": "the user",
    }  # fmt: skip
    return StreamSummary(**{**fields, **changes})  # type: ignore[arg-type]


def test_a_missed_deadline_is_a_late_decision_or_one_that_was_never_made() -> None:
    assert summary().deadline_misses == 3
    assert summary(late=None).deadline_misses is None
    assert summary().frames_per_second == 30
    assert summary(seconds=0.0).frames_per_second == 0
