from __future__ import annotations

import pytest

from epam_inference.stopwatch import Stopwatch


def test_a_step_taken_twice_is_one_entry_with_both_times(monkeypatch: pytest.MonkeyPatch) -> None:
    ticks = iter([0.0, 1.0, 10.0, 12.0, 20.0, 24.0])
    monkeypatch.setattr("time.perf_counter", lambda: next(ticks))
    stopwatch = Stopwatch()
    for step in ("decode", "network", "decode"):
        with stopwatch.step(step):
            pass
    assert stopwatch.seconds == {"decode": 1.0 + 4.0, "network": 2.0}


def test_a_step_that_raises_is_timed_too() -> None:
    stopwatch = Stopwatch()
    with pytest.raises(ValueError, match="inside"), stopwatch.step("decode"):
        raise ValueError("inside")
    assert list(stopwatch.seconds) == ["decode"]
