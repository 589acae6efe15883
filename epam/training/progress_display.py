"""How a training run is going: a bar on a terminal, a line now and then in a log."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import TracebackType

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

SECONDS_BETWEEN_LINES = 30.0
PLAIN_WIDTH = 160
REMEMBERED_STEPS = 50
"""Throughput and the time left are those of the last so many steps: a slow start is forgotten."""


class Throughput:
    """Clips a second and seconds left, of the latest steps.

    Args:
        clock: seconds from anywhere, never backwards.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._marks: deque[tuple[float, int]] = deque([(clock(), 0)], maxlen=REMEMBERED_STEPS + 1)

    def count(self, clips: int) -> None:
        """A step over this many clips has ended."""
        self._marks.append((self._clock(), self._marks[-1][1] + clips))

    def leave_out(self, seconds: float) -> None:
        """Time since the last step that was not training, such as an evaluation."""
        self._marks = deque(
            ((then + seconds, clips) for then, clips in self._marks), maxlen=REMEMBERED_STEPS + 1
        )

    @property
    def clips_per_second(self) -> float | None:
        """None before the first step."""
        (start, first), (end, last) = self._marks[0], self._marks[-1]
        return (last - first) / (end - start) if end > start and last > first else None

    def seconds_left(self, steps: int) -> float | None:
        """For this many steps more, evaluations not included; none before the first step."""
        made, elapsed = len(self._marks) - 1, self._marks[-1][0] - self._marks[0][0]
        return steps * elapsed / made if made else None


class ProgressDisplay:
    """Shows step, epoch, loss, accuracy, clips a second and the time left, on standard error.

    Args:
        total_steps: of the whole run.
        start_step: steps that were made before, by the run that this one resumes.
        epochs: of the whole run.
        console: where to; standard error by default.
        shown: off, nothing is printed (every process but the first).
        clock: seconds from anywhere, never backwards.
    """

    def __init__(
        self,
        *,
        total_steps: int,
        epochs: int,
        start_step: int = 0,
        console: Console | None = None,
        shown: bool = True,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._total, self._epochs, self._done = total_steps, epochs, start_step
        self._console = console or _standard_error()
        self._shown = shown
        self._clock = clock
        self._last_line = clock()
        self._throughput = Throughput(clock)
        self._bar = _make_bar(self._console) if shown and self._console.is_terminal else None

    def __enter__(self) -> ProgressDisplay:
        if self._bar is not None:
            self._bar.start()
            self._task = self._bar.add_task("training", total=self._total, completed=self._done, state="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()

    def step(self, *, step: int, epoch: int, clips: int, loss: float, accuracy: float) -> None:
        """A step has ended.

        Args:
            step: steps made so far, this one included.
            epoch: counted from 1.
            clips: in this step, of all processes.
            loss: as it is to be shown, for example the mean of the epoch so far.
            accuracy: likewise, a fraction of 1.
        """
        self._done = step
        self._throughput.count(clips)
        state = self._describe(epoch, loss, accuracy)
        if self._bar is not None:
            self._bar.update(self._task, completed=step, state=state)
        elif self._shown and self._is_time_for_a_line():
            self._print(f"step {step}/{self._total}, {state}")

    def note(self, sentence: str) -> None:
        """Say something that stays: a line above the bar."""
        if self._shown:
            self._print(sentence)

    @contextmanager
    def evaluation(self, samples: int) -> Iterator[Callable[[int], None]]:
        """Show an evaluation of so many samples; call what it yields with the number just scored.

        Its time is left out of the throughput of training.
        """
        start, scored = self._clock(), 0
        task = self._bar.add_task("evaluating", total=samples, state="") if self._bar is not None else None

        def advance(count: int) -> None:
            nonlocal scored
            scored += count
            if self._bar is not None and task is not None:
                self._bar.update(task, advance=count)
            elif self._shown and self._is_time_for_a_line():
                self._print(f"evaluating {scored}/{samples}")

        try:
            yield advance
        finally:
            if self._bar is not None and task is not None:
                self._bar.remove_task(task)
            self._throughput.leave_out(self._clock() - start)

    def _describe(self, epoch: int, loss: float, accuracy: float) -> str:
        parts = [f"epoch {epoch}/{self._epochs}", f"loss {loss:.4f}", f"top-1 {100 * accuracy:.1f} %"]
        speed = self._throughput.clips_per_second
        if speed is not None:
            parts.append(f"{speed:.1f} clips/s")
        seconds = self._throughput.seconds_left(self._total - self._done)
        if seconds is not None:
            parts.append(f"{format_duration(seconds)} left")
        return ", ".join(parts)

    def _is_time_for_a_line(self) -> bool:
        now = self._clock()
        if now - self._last_line < SECONDS_BETWEEN_LINES and self._done < self._total:
            return False
        self._last_line = now
        return True

    def _print(self, line: str) -> None:
        self._console.print(line, markup=False, highlight=False, soft_wrap=True)


def format_duration(seconds: float) -> str:
    """Whole seconds as a person reads them.

    >>> [format_duration(s) for s in (7.6, 75, 3700, 90000)]
    ['8 s', '1 min 15 s', '1 h 01 min', '25 h 00 min']
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def _standard_error() -> Console:
    console = Console(stderr=True)
    return console if console.is_terminal else Console(stderr=True, width=PLAIN_WIDTH)


def _make_bar(console: Console) -> Progress:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[state]}", markup=False),
    )
    return Progress(*columns, console=console, transient=True)
