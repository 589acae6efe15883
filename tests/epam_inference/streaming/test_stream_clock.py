from __future__ import annotations

import pytest

from epam_inference.streaming.stream_clock import StreamClock


def place(clock: StreamClock, *frames: tuple[float | None, float]) -> list[tuple[float, float]]:
    return [clock.place(shown, arrived) for shown, arrived in frames]


def test_what_waited_in_a_queue_was_captured_by_the_streams_clock() -> None:
    found = place(StreamClock(0.5), (7.0, 100.0), (7.5, 100.5), (8.0, 103.0), (8.5, 103.0))
    assert [seconds for seconds, _ in found] == [0.0, 0.5, 1.0, 1.5]
    assert [captured for _, captured in found] == pytest.approx([100.0, 100.5, 101.0, 101.5], abs=1e-3)


def test_the_frame_that_was_soonest_says_when_the_stream_began() -> None:
    """The first two waited, for a second and for half of one; the next is a little late."""
    found = place(StreamClock(0.5), (0.0, 101.0), (0.5, 101.0), (1.0, 101.0), (1.5, 101.75))
    assert [captured for _, captured in found] == pytest.approx([101.0, 101.0, 101.0, 101.5], abs=1e-3)


def test_a_frame_without_a_time_is_one_after_the_one_before_it_and_captured_when_it_came() -> None:
    found = place(StreamClock(0.5), (None, 100.0), (90.0, 100.5), (None, 102.0), (91.0, 101.5))
    assert [seconds for seconds, _ in found] == [0.0, 0.5, 1.0, 1.5]
    assert [captured for _, captured in found] == pytest.approx([100.0, 100.5, 102.0, 101.5], abs=1e-3)


def test_a_clock_that_goes_slow_is_no_delay_that_grows() -> None:
    clock = StreamClock(0.5)
    hours = [(second * 0.9999, float(second)) for second in range(4 * 3600)]  # 100 millionths: 1.4 s
    seconds, captured = place(clock, *hours)[-1]
    assert seconds == pytest.approx(hours[-1][0])
    assert captured == pytest.approx(hours[-1][1], abs=1e-3)


def test_a_stream_that_begins_anew_goes_on_from_where_it_was() -> None:
    found = place(StreamClock(0.5), (600.0, 100.0), (600.5, 100.5), (0.0, 101.0), (0.5, 101.5))
    assert [seconds for seconds, _ in found] == [0.0, 0.5, 1.0, 1.5]
    assert [captured for _, captured in found] == pytest.approx([100.0, 100.5, 101.0, 101.5])


def test_frames_a_little_out_of_order_are_no_new_beginning() -> None:
    found = place(StreamClock(0.5), (0.0, 100.0), (1.0, 101.0), (0.5, 101.0), (1.5, 101.5))
    assert [seconds for seconds, _ in found] == [0.0, 1.0, 0.5, 1.5]
    assert [captured for _, captured in found] == pytest.approx([100.0, 101.0, 100.5, 101.5], abs=1e-3)
