"""A stream's own clock laid against ours, so that what waited in a queue does not pass for new."""

from __future__ import annotations

CLOCK_DRIFT = 2e-4
"""How much of a stream's time its clock and ours may part: quartzes are wrong by up to 100 millionths."""

RESTART_SECONDS = 1.0
"""A clock that goes back by more has begun anew; by less, frames are a little out of order."""


class StreamClock:
    """Tells of each frame how far into the stream it is, and when it was captured.

    How long a frame was under way no stream says. The one that was soonest is taken to have come at
    once; what another took longer, it waited: in a driver's queue, in a pipe, at the sender's.

    A frame without a time of its own is one frame's time behind the one before it, and captured
    when it came.

    Args:
        frame_seconds: from one frame to the next, as the stream says.
    """

    def __init__(self, frame_seconds: float) -> None:
        self._frame_seconds = frame_seconds
        self._newest = -frame_seconds
        self._zero: float | None = None
        self._began = 0.0

    def place(self, shown: float | None, arrived: float) -> tuple[float, float]:
        """Seconds since the first frame, and when this one was captured by the clock of ``arrived``.

        Args:
            shown: the frame's time by the stream's clock; none where it has none.
            arrived: when it was here, by ``time.monotonic()``.
        """
        due = self._newest + self._frame_seconds
        if shown is None:
            self._newest = due
            return due, arrived
        if self._zero is None or shown - self._zero < self._newest - RESTART_SECONDS:
            self._zero, self._began = shown - due, arrived - due
        seconds = shown - self._zero
        # Without the slack, a stream's clock that goes slow would be a delay that grows for hours.
        slack = CLOCK_DRIFT * max(0.0, seconds - self._newest)
        self._began = min(self._began + slack, arrived - seconds)
        self._newest = seconds
        return seconds, self._began + seconds
