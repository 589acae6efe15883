"""How long is measured: to a width, within a budget, and never less than what an interval needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from epam.errors import InputError

FEWEST_PROCESSES = 3
"""Generations of processes: an interval from fewer says little of what the next process would show."""

FEWEST_ROUNDS, MOST_ROUNDS = 5, 50
"""Turns of every subject in one generation, if the budget allows; more only where samples are lacking."""

TURN_SECONDS = 0.5
"""About how long a turn is: short enough that neighbours meet the same noise."""

MOST_CALLS = 200
"""Timed calls a turn."""

BUDGET_SECONDS_A_SUBJECT = 40.0
LEAST_BUDGET_SECONDS = 180.0
"""Of a run whose intervals are not narrow before: its absolute times are then from ``LONG_ENOUGH_SECONDS``,
but for what preparing takes and a generation that would not end in time."""


@dataclass(frozen=True, kw_only=True)
class Effort:
    """What a run may take and must give.

    Attributes:
        target: half the width of every ratio's interval, over the ratio, at which the run stops.
        budget_seconds: of the whole run, compiling included; none: as many subjects need. The generation of
            processes that is begun gets one round in any case.
        processes: generations, at least, if the budget allows.
        samples: timed calls a subject, at least, if the budget allows.
        warmup_calls: untimed calls of every process, besides the first.
        compared_clips: at least so many clips show that a form's logits are right; one, in later processes.
        seed: of the turns' order.

    Raises:
        InputError: a number that is out of range.
    """

    target: float = 0.02
    budget_seconds: float | None = None
    processes: int = FEWEST_PROCESSES
    samples: int = 20
    warmup_calls: int = 3
    compared_clips: int = 4
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 < self.target < 1:
            raise InputError(f"target ±{100 * self.target:g} %: give one between 0 and 100 %")
        if self.budget_seconds is not None and not self.budget_seconds >= 0:
            raise InputError(f"budget {self.budget_seconds:g} s: it is at least 0")
        for name in ("processes", "samples", "warmup_calls", "compared_clips"):
            if getattr(self, name) < 1:
                raise InputError(f"{getattr(self, name)} {name.replace('_', ' ')}: at least 1 is needed")

    def budget_for(self, subjects: int) -> float:
        """Seconds of a run with so many subjects."""
        if self.budget_seconds is not None:
            return self.budget_seconds
        return max(LEAST_BUDGET_SECONDS, BUDGET_SECONDS_A_SUBJECT * subjects)

    def calls_a_turn(self, call_ms: float) -> int:
        """Timed calls of one turn: as many as fill it."""
        return max(1, min(math.ceil(1000.0 * TURN_SECONDS / max(call_ms, 1e-3)), MOST_CALLS))

    @property
    def samples_a_process(self) -> int:
        """That each process takes at least, if the budget allows."""
        return math.ceil(self.samples / self.processes)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """How long a child may take to answer; one that takes longer is ended, and its row takes no further part.

    Attributes:
        prepare_seconds: building, optimising, compiling and comparing.
        turn_seconds: a turn, at least; of slow models, ``turn_factor`` times what their calls took.
    """

    prepare_seconds: float = 900.0
    turn_seconds: float = 60.0
    turn_factor: float = 20.0

    def turn(self, calls: int, call_ms: float) -> float:
        """Seconds that a turn of so many calls may take."""
        return max(self.turn_seconds, self.turn_factor * (calls + 1) * call_ms / 1000.0)
