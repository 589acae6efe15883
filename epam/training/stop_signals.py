"""SIGTERM and SIGINT as a request: what runs comes to a point where it can be saved, then leaves."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType, TracebackType

STOPPING = (signal.SIGTERM, signal.SIGINT)
SHELL_OFFSET = 128
"""Shells report a process that a signal ended as this plus the signal's number."""

REPEAT_SECONDS = 1.0
"""Within this time a signal is the same request again: timeout(1) signals a process and then its
group, and a cluster's scheduler both the launcher and what it launched."""


class Stopped(BaseException):
    """A signal asked the program to leave; not an ``Exception``, so that no retry swallows it.

    Attributes:
        exit_status: 143 for SIGTERM, 130 for SIGINT: what a shell would say of the signal itself.
    """

    def __init__(self, number: int) -> None:
        super().__init__(f"stopped by {signal.Signals(number).name}")
        self.exit_status = SHELL_OFFSET + number


class StopSignals:
    """Takes both signals while it is entered.

    Outside :meth:`deferred` the first signal raises :class:`Stopped` where the program is. Inside,
    it only sets :attr:`requested`, which whoever runs looks at between two steps. A second one
    later than ``repeat_seconds`` ends the process at once, as if nobody had taken it. Handlers are
    set even where the shell started the program with SIGINT ignored (as it does behind ``&``):
    whoever sends one means it.

    For the main thread, as Python's signals are.
    """

    def __init__(self, *, repeat_seconds: float = REPEAT_SECONDS) -> None:
        self.number: int | None = None
        self._repeat_seconds = repeat_seconds
        self._noted_at = 0.0
        self._deferring = False

    @property
    def requested(self) -> bool:
        """Whether a signal has come."""
        return self.number is not None

    @contextmanager
    def deferred(self) -> Iterator[None]:
        """While entered, a signal is noted and nothing is interrupted."""
        self._deferring = True
        try:
            yield
        finally:
            self._deferring = False

    def leave(self) -> None:
        """Raise :class:`Stopped` if a signal has come."""
        if self.number is not None:
            raise Stopped(self.number)

    def __enter__(self) -> StopSignals:
        self._before = [signal.signal(number, self._note) for number in STOPPING]
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in zip(STOPPING, self._before, strict=True):
            signal.signal(number, handler)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            if time.monotonic() - self._noted_at >= self._repeat_seconds:
                signal.signal(number, signal.SIG_DFL)
                os.kill(os.getpid(), number)
            return
        self.number, self._noted_at = number, time.monotonic()
        if not self._deferring:
            raise Stopped(number)
