"""The newest frames of a stream, and the newest window of them that nobody has looked at yet."""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass

from epam_inference.streaming.frame_source import StreamFrame


@dataclass(frozen=True, eq=False)
class Window:
    """Consecutive frames to decide on.

    Attributes:
        frames: oldest first.
        is_whole: false where the stream ended before it had as many frames as a window.
        is_off_stride: made at the stream's end, of its last frames, before the next window was due.
    """

    frames: tuple[StreamFrame, ...]
    is_whole: bool = True
    is_off_stride: bool = False

    @property
    def first(self) -> StreamFrame:
        """Its oldest frame."""
        return self.frames[0]

    @property
    def last(self) -> StreamFrame:
        """Its newest frame."""
        return self.frames[-1]


class WindowBuffer:
    """Handed frames by one thread, and asked for windows by another.

    A window is due every ``stride`` frames. Of windows that are due while another is being decided
    on, the newest wins and the others are given up, or, with ``keeps_every``, whoever brings frames
    waits. At the stream's end half a stride of frames is enough for one more window, which ends with
    the last frame. Never are more frames held than the ring and two windows take.

    Args:
        length: frames of a window.
        stride: frames from one window to the next.
        keeps_every: no window is given up.
    """

    def __init__(self, length: int, stride: int, *, keeps_every: bool = False) -> None:
        self._length = length
        self._stride = stride
        self._keeps_every = keeps_every
        self._ring: deque[StreamFrame] = deque(maxlen=length)
        self._waiting: Window | None = None
        self._taken_until = 0
        self._made_any = False
        self._ended = False
        self._closed = False
        self._change = threading.Condition()
        self.frames = 0
        self.given_up = 0
        self.dropped_frames = 0
        self.newest_at = time.monotonic()

    def put(self, frame: StreamFrame) -> bool:
        """Add the next frame; false once nobody wants any more."""
        with self._change:
            self._ring.append(frame)
            self.frames += 1
            self.newest_at = time.monotonic()
            beyond = self.frames - self._length
            if beyond >= 0 and beyond % self._stride == 0:
                self._offer(Window(tuple(self._ring)))
            while self._keeps_every and self._waiting is not None and not self._closed:
                self._change.wait()
            return not self._closed

    def end(self) -> None:
        """The stream has ended in good order: what no window has shown is one more, if it is enough."""
        with self._change:
            # Nothing newer will come: the window that waits need not be given up for this one.
            while self._waiting is not None:
                self._change.wait()
            unseen = (self.frames - self._length) % self._stride
            if self._ring and (not self._made_any or 2 * unseen >= self._stride):
                self._offer(Window(tuple(self._ring), is_whole=self._made_any, is_off_stride=True))
            self._ended = True
            self._change.notify_all()

    def finish(self) -> None:
        """No frame will follow; the window that waits may still be taken."""
        with self._change:
            self._ended = True
            self._change.notify_all()

    def close(self) -> None:
        """Nobody will take another window: whoever brings frames may leave, and what waits is forgotten."""
        with self._change:
            self._closed = self._ended = True
            self._waiting = None
            self._ring.clear()
            self._change.notify_all()

    def take(self, timeout_seconds: float) -> Window | None:
        """The window that waits, or the next one; none after the timeout or after the last one."""
        with self._change:
            if self._waiting is None and not self._ended:
                self._change.wait(timeout_seconds)
            window, self._waiting = self._waiting, None
            if window is not None:
                self._taken_until = window.last.number + 1
            self._change.notify_all()
            return window

    def has_passed(self, window: Window) -> bool:
        """Whether the frame has come with which the window after this one is due."""
        with self._change:
            return self.frames > window.last.number + self._stride

    @property
    def is_empty(self) -> bool:
        """Whether the stream has ended and no window waits."""
        with self._change:
            return self._ended and self._waiting is None

    def _offer(self, window: Window) -> None:
        if (old := self._waiting) is not None:
            self.given_up += 1
            # Of the old window, what is neither in the one before it nor in the one after it.
            begin = max(old.first.number, self._taken_until)
            self.dropped_frames += max(0, min(old.last.number + 1, window.first.number) - begin)
        self._waiting = window
        self._made_any = True
        self._change.notify_all()
