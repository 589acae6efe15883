"""Streams of our own making: their frames are numbers, and they come when a test says so."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from epam_inference.streaming.frame_source import StreamFrame
from epam_inference.streaming.window_buffer import Window


def _frame(number: int, *, captured: float | None = None) -> StreamFrame:
    """A frame of 36 × 64 pixels that are its number."""
    return StreamFrame(
        number,
        number / 30,
        time.monotonic() if captured is None else captured,
        lambda: np.full((36, 64, 3), number % 256, dtype=np.uint8),
    )


class _Frames:
    """A source of so many frames; ``before`` is called with the number of each before it comes."""

    name = "made-up"
    frames_per_second = 30.0
    size = (36, 64)

    def __init__(
        self,
        count: int,
        *,
        keeps_time: bool = False,
        is_live: bool = False,
        before: Callable[[int], object] = lambda _: None,
    ) -> None:
        self.keeps_time = keeps_time
        self.is_live = is_live
        self._count = count
        self._before = before
        self.stopped = False

    def __iter__(self) -> Iterator[StreamFrame]:
        for number in range(self._count):
            self._before(number)
            if self.stopped:
                return
            yield _frame(number)

    def stop(self) -> None:
        self.stopped = True


@pytest.fixture
def frame() -> Callable[..., StreamFrame]:
    return _frame


@pytest.fixture
def frames() -> type[_Frames]:
    return _Frames


@pytest.fixture
def window() -> Callable[..., Window]:
    """A window of consecutive frames from ``first`` up to ``end``."""

    def build(first: int, end: int) -> Window:
        return Window(tuple(_frame(number) for number in range(first, end)))

    return build
