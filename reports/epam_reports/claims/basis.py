"""What claims are judged by: our counts by model and input, our evaluations, and what others printed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epam_bench.records import AccuracyRecord
from epam_reports.measurements import Measured
from epam_reports.published import PublishedNumber, parse_input


@dataclass(frozen=True)
class Basis:
    """What claims are judged by."""

    measured: tuple[Measured, ...]
    accuracies: tuple[AccuracyRecord, ...]
    numbers: Sequence[PublishedNumber]

    def of(self, name: str | None) -> list[Measured]:
        """Counts of one model, on whatever input and with however many classes."""
        return [entry for entry in self.measured if entry.card.name == name and entry.counts]

    def at(self, name: str | None, text: str, classes: int | None = None) -> Measured | None:
        """One model's count at an input as published numbers write it, with so many or the fewest classes.

        Papers seldom print their class count; the smallest data set's is the least head.
        """
        shapes = tuple(sorted(parse_input(text).values()))
        found = [entry for entry in self.of(name) if not shapes or entry.shapes == shapes]
        return min(
            found,
            key=lambda entry: (entry.card.num_classes != classes, entry.card.num_classes),
            default=None,
        )
