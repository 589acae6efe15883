from __future__ import annotations

import io

import pytest
from rich.console import Console

from epam.training.progress_display import ProgressDisplay, Throughput, format_duration


class Clock:
    """Seconds that pass when a test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def display_to(
    text: io.StringIO, clock: Clock, *, terminal: bool = False, **options: object
) -> ProgressDisplay:
    console = Console(file=text, force_terminal=terminal, width=160, _environ={})
    settings = {"total_steps": 100, "epochs": 2, **options}
    return ProgressDisplay(console=console, clock=clock, **settings)  # type: ignore[arg-type]


def make_steps(display: ProgressDisplay, clock: Clock, first: int, last: int, seconds: float) -> None:
    for step in range(first, last + 1):
        clock.now += seconds
        display.step(step=step, epoch=1, clips=8, loss=1.25, accuracy=0.5)


def test_without_a_terminal_there_is_a_line_now_and_then(clock: Clock) -> None:
    text = io.StringIO()
    with display_to(text, clock) as display:
        make_steps(display, clock, 1, 14, seconds=5)

    assert text.getvalue().splitlines() == [
        "step 6/100, epoch 1/2, loss 1.2500, top-1 50.0 %, 1.6 clips/s, 7 min 50 s left",
        "step 12/100, epoch 1/2, loss 1.2500, top-1 50.0 %, 1.6 clips/s, 7 min 20 s left",
    ]


def test_the_last_step_has_a_line(clock: Clock) -> None:
    text = io.StringIO()
    with display_to(text, clock, start_step=99) as display:
        make_steps(display, clock, 100, 100, seconds=1)

    assert text.getvalue() == "step 100/100, epoch 1/2, loss 1.2500, top-1 50.0 %, 8.0 clips/s, 0 s left\n"


def test_a_terminal_shows_a_bar_with_all_figures(clock: Clock) -> None:
    text = io.StringIO()
    with display_to(text, clock, terminal=True) as display:
        make_steps(display, clock, 1, 50, seconds=1)
        display.note("[best] so far")
        with display.evaluation(10) as advance:
            advance(10)

    shown = text.getvalue()
    assert "50/100" in shown
    assert "8.0 clips/s, 50 s left" in shown
    assert "[best] so far" in shown
    assert "evaluating" in shown


def test_other_processes_show_nothing(clock: Clock) -> None:
    text = io.StringIO()
    with display_to(text, clock, terminal=True, shown=False) as display:
        make_steps(display, clock, 1, 100, seconds=60)
        display.note("nothing")
        with display.evaluation(10) as advance:
            advance(10)

    assert text.getvalue() == ""


def test_an_evaluation_has_its_lines_and_does_not_slow_training_down(clock: Clock) -> None:
    text = io.StringIO()
    with display_to(text, clock) as display:
        make_steps(display, clock, 1, 10, seconds=1)
        with display.evaluation(400) as advance:
            for _ in range(4):
                clock.now += 20
                advance(100)
        make_steps(display, clock, 11, 11, seconds=1)
        make_steps(display, clock, 12, 40, seconds=1)

    lines = text.getvalue().splitlines()
    assert lines[:2] == ["evaluating 100/400", "evaluating 300/400"]
    assert all("8.0 clips/s" in line for line in lines[2:])
    assert len(lines) > 2


def test_throughput_forgets_a_slow_start(clock: Clock) -> None:
    throughput = Throughput(clock)
    assert throughput.clips_per_second is None
    assert throughput.seconds_left(5) is None
    clock.now += 1000
    throughput.count(8)
    for _ in range(60):
        clock.now += 2
        throughput.count(8)

    assert throughput.clips_per_second == 4
    assert throughput.seconds_left(5) == 10


@pytest.mark.parametrize(
    ("seconds", "text"), [(7.6, "8 s"), (75, "1 min 15 s"), (3700, "1 h 01 min"), (90_000, "25 h 00 min")]
)
def test_durations_are_read_at_a_glance(seconds: float, text: str) -> None:
    assert format_duration(seconds) == text
