"""What an examination of the machine found, a row for each thing that was looked at."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from epam_reports.table import Column, Table, typed_frame


class Examined(Protocol):
    """One thing that was looked at, as ``epam_bench.doctor`` gives it."""

    @property
    def name(self) -> str: ...  # noqa: D102

    @property
    def grade(self) -> str:
        """``good``, ``fair``, ``poor``, or ``unknown`` where the machine does not tell."""

    @property
    def seen(self) -> str: ...  # noqa: D102

    @property
    def advice(self) -> str:
        """What would make it better; empty where nothing would."""


def fitness_table(checks: Sequence[Examined], overall: str) -> Table:
    """One row a thing looked at, and the grade of the whole below."""
    rows: list[dict[str, object]] = [
        {"check": check.name, "grade": check.grade, "seen": check.seen, "advice": check.advice}
        for check in checks
    ]
    return Table(
        name="fitness",
        title="Is this machine fit to measure today?",
        caption="Good: nothing to do. Fair: a few per cent may be noise. Poor: do not believe its figures.",
        frame=typed_frame(rows, dict.fromkeys(("check", "grade", "seen", "advice"), "string")),
        columns=(
            Column(key="check", header="Looked at"),
            Column(key="grade", header="Grade"),
            Column(key="seen", header="Seen"),
            Column(key="advice", header="To do"),
        ),
        remarks=(f"Overall: {overall}, the worst of what is known.",),
    )
