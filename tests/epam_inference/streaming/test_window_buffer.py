from __future__ import annotations

import threading
import weakref
from collections.abc import Callable

import numpy as np

from epam_inference.streaming.frame_source import StreamFrame
from epam_inference.streaming.window_buffer import WindowBuffer

Frame = Callable[..., StreamFrame]


def numbers(buffer: WindowBuffer) -> tuple[int, int] | None:
    window = buffer.take(0)
    return None if window is None else (window.first.number, window.last.number)


def put(buffer: WindowBuffer, frame: Frame, *span: int) -> None:
    for number in range(*span):
        buffer.put(frame(number))


def test_a_window_is_due_every_stride_once_there_are_enough_frames(frame: Frame) -> None:
    buffer = WindowBuffer(4, 2)
    due = []
    for number in range(9):
        buffer.put(frame(number))
        due.append(numbers(buffer))
    assert due == [None, None, None, (0, 3), None, (2, 5), None, (4, 7), None]
    assert (buffer.frames, buffer.given_up, buffer.dropped_frames) == (9, 0, 0)


def test_the_newest_window_wins_and_frames_that_only_the_others_showed_are_dropped(frame: Frame) -> None:
    buffer = WindowBuffer(4, 2)
    put(buffer, frame, 4)
    assert numbers(buffer) == (0, 3)
    put(buffer, frame, 4, 12)  # due meanwhile: 2-5, 4-7, 6-9, 8-11
    assert numbers(buffer) == (8, 11)
    assert buffer.given_up == 3
    assert buffer.dropped_frames == 4  # frames 4 to 7
    assert numbers(buffer) is None


def test_windows_apart_drop_only_what_is_given_up(frame: Frame) -> None:
    buffer = WindowBuffer(2, 4)
    put(buffer, frame, 11)  # due: 0-1, 4-5, 8-9; between them nothing was to be seen
    assert numbers(buffer) == (8, 9)
    assert (buffer.given_up, buffer.dropped_frames) == (2, 4)


def test_a_source_that_keeps_no_time_waits_until_its_window_is_taken(frame: Frame) -> None:
    buffer = WindowBuffer(2, 1, keeps_every=True)
    thread = threading.Thread(target=put, args=(buffer, frame, 5))
    thread.start()
    taken = [numbers_after(buffer) for _ in range(4)]
    thread.join(5)
    assert taken == [(0, 1), (1, 2), (2, 3), (3, 4)]
    assert buffer.given_up == 0


def numbers_after(buffer: WindowBuffer) -> tuple[int, int]:
    window = buffer.take(5)
    assert window is not None
    return window.first.number, window.last.number


def test_a_stream_too_short_for_a_window_is_one_all_the_same(frame: Frame) -> None:
    buffer = WindowBuffer(8, 4)
    put(buffer, frame, 3)
    buffer.end()
    window = buffer.take(0)
    assert window is not None
    assert (len(window.frames), window.is_whole, window.is_off_stride) == (3, False, True)
    assert buffer.is_empty


def ended(frame: Frame, *, length: int, stride: int, frames: int) -> tuple[int, int] | None:
    """The window that the end makes, after all before it were taken."""
    buffer = WindowBuffer(length, stride)
    for number in range(frames):
        buffer.put(frame(number))
        buffer.take(0)
    buffer.end()
    found = numbers(buffer)
    assert buffer.is_empty
    return found


def test_half_a_stride_behind_the_last_window_makes_one_that_ends_with_the_last_frame(frame: Frame) -> None:
    found = {frames: ended(frame, length=4, stride=4, frames=frames) for frames in range(4, 9)}
    assert found == {4: None, 5: None, 6: (2, 5), 7: (3, 6), 8: None}
    apart = {frames: ended(frame, length=2, stride=4, frames=frames) for frames in range(2, 7)}
    assert apart == {2: None, 3: None, 4: (2, 3), 5: (3, 4), 6: None}


def test_the_window_at_the_end_waits_for_the_one_before_it(frame: Frame) -> None:
    buffer = WindowBuffer(4, 4)
    put(buffer, frame, 6)
    thread = threading.Thread(target=buffer.end)
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    assert not buffer.is_empty
    assert [numbers_after(buffer), numbers_after(buffer)] == [(0, 3), (2, 5)]
    thread.join(5)
    assert (buffer.given_up, buffer.is_empty) == (0, True)


def test_a_broken_stream_has_no_short_window_and_what_waits_may_be_taken(frame: Frame) -> None:
    buffer = WindowBuffer(4, 4)
    put(buffer, frame, 4)
    buffer.finish()
    assert not buffer.is_empty
    assert numbers(buffer) == (0, 3)
    short = WindowBuffer(4, 4)
    put(short, frame, 3)
    short.finish()
    assert short.is_empty


def test_closing_frees_whoever_waits_to_put(frame: Frame) -> None:
    buffer = WindowBuffer(2, 1, keeps_every=True)
    wanted: list[bool] = []
    thread = threading.Thread(target=lambda: wanted.extend(buffer.put(frame(number)) for number in range(2)))
    thread.start()
    thread.join(0.05)
    assert thread.is_alive()
    buffer.close()
    thread.join(5)
    assert wanted == [True, False]


def test_closing_frees_whoever_waits_to_end(frame: Frame) -> None:
    buffer = WindowBuffer(4, 4)
    put(buffer, frame, 6)
    thread = threading.Thread(target=buffer.end)
    thread.start()
    buffer.close()
    thread.join(5)
    assert not thread.is_alive()
    assert numbers(buffer) is None


class Picture:
    """Something whose life can be watched."""

    def __call__(self) -> np.ndarray:
        return np.zeros((1, 1, 3), dtype=np.uint8)


def test_hours_of_frames_take_no_more_memory_than_two_windows_and_the_ring() -> None:
    alive: weakref.WeakSet[Picture] = weakref.WeakSet()
    buffer = WindowBuffer(30, 10)
    most = 0
    window = None
    for number in range(20_000):
        picture = Picture()
        alive.add(picture)
        buffer.put(StreamFrame(number, number / 30, 0.0, picture))
        if number % 70 == 0:
            window = buffer.take(0)  # kept, as by a slow decision, until the next
        if number % 500 == 0:
            most = max(most, len(alive))
    assert buffer.frames == 20_000
    assert buffer.given_up > 1000
    assert most <= 3 * 30 + 1
    assert window is not None


def test_a_window_has_passed_when_the_next_one_is_due(frame: Frame) -> None:
    buffer = WindowBuffer(4, 2)
    put(buffer, frame, 5)
    window = buffer.take(0)
    assert window is not None
    assert not buffer.has_passed(window)  # of the frames 0 to 3; the next is of 2 to 5
    put(buffer, frame, 5, 6)
    assert buffer.has_passed(window)
