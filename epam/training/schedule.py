"""The learning rate, and which steps change the weights, as functions of the step's number alone.

Nothing here has a memory, so a resumed run is told exactly what the uninterrupted one was.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from epam.errors import InputError


@dataclass(frozen=True, kw_only=True)
class Schedule:
    """Counts of a whole run.

    A *step* is one batch through the network; an *update* changes the weights once, after
    ``accumulation`` steps or at the end of an epoch. Steps count from 0.

    Attributes:
        steps_per_epoch: batches of one epoch.
        epochs: of the run.
        accumulation: steps an update.
        learning_rate: the highest.
        warmup_updates: updates over which it rises in a straight line, before the cosine begins.

    Raises:
        InputError: a warm-up that is no shorter than the run.
    """

    steps_per_epoch: int
    epochs: int
    accumulation: int
    learning_rate: float
    warmup_updates: int = 0

    def __post_init__(self) -> None:
        if self.warmup_updates >= self.updates:
            raise InputError(
                f"schedule.warmup_steps is {self.warmup_updates}, and the whole run has {self.updates} "
                "updates of the weights; set fewer, or more epochs"
            )

    @property
    def steps(self) -> int:
        """Steps of the whole run."""
        return self.steps_per_epoch * self.epochs

    @property
    def updates_per_epoch(self) -> int:
        """Updates of one epoch; its last may be of fewer steps."""
        return math.ceil(self.steps_per_epoch / self.accumulation)

    @property
    def updates(self) -> int:
        """Updates of the whole run."""
        return self.updates_per_epoch * self.epochs

    def epoch_of(self, step: int) -> int:
        """Which epoch, from 0, a step belongs to."""
        return step // self.steps_per_epoch

    def ends_epoch(self, step: int) -> bool:
        """Whether the step is its epoch's last."""
        return (step + 1) % self.steps_per_epoch == 0

    def ends_update(self, step: int) -> bool:
        """Whether the weights change after this step."""
        position = step % self.steps_per_epoch
        return (position + 1) % self.accumulation == 0 or self.ends_epoch(step)

    def learning_rate_at(self, step: int) -> float:
        """Cosine from the highest to 0 over all updates of the run, after the warm-up.

        Source: data.md 4.2 (cosine to 0, stepped every iteration, no warm-up); the warm-up is ours.

        >>> Schedule(steps_per_epoch=4, epochs=1, accumulation=1, learning_rate=2.0).learning_rate_at(2)
        1.0
        """
        epoch, position = divmod(step, self.steps_per_epoch)
        update = epoch * self.updates_per_epoch + position // self.accumulation
        if update < self.warmup_updates:
            return self.learning_rate * (update + 1) / self.warmup_updates
        turn = math.pi * (update - self.warmup_updates) / (self.updates - self.warmup_updates)
        return self.learning_rate * (1 + math.cos(turn)) / 2
