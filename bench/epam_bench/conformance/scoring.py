"""Every counter on every case: right, wrong and by how much, or crashed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import torch

from epam_bench.conformance.case import Case
from epam_bench.counters import Counter

Outcome = Literal["right", "wrong", "crash"]


@dataclass(frozen=True)
class CaseResult:
    """What one counter said of one case.

    Attributes:
        case: its name.
        counter: its name.
        truth: multiply-adds worked out by hand, as ``working`` says.
        macs: the counter's; none if it crashed.
        problem: the first line of what it raised; none if it didn't.
    """

    case: str
    group: str
    counter: str
    truth: int
    working: str
    macs: int | None
    problem: str | None = None

    @property
    def outcome(self) -> Outcome:
        """Right is exactly right."""
        if self.macs is None:
            return "crash"
        return "right" if self.macs == self.truth else "wrong"

    @property
    def ratio(self) -> float | None:
        """The counter's number over the truth; none without a number, or where the truth is 0."""
        return self.macs / self.truth if self.macs is not None and self.truth else None


def score_counters(
    counters: Sequence[Counter],
    cases: Iterable[Case],
    *,
    report: Callable[[str], None] = lambda done: None,
) -> list[CaseResult]:
    """Ask every counter for every case's multiply-adds.

    Args:
        counters: who counts.
        cases: what is counted; each counter gets a network and inputs of its own.
        report: told before each, in words.
    """
    results = []
    for case in cases:
        for counter in counters:
            report(f"{case.name} by {counter.name}")
            results.append(_score(counter, case))
    return results


def _score(counter: Counter, case: Case) -> CaseResult:
    macs, problem = None, None
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            macs = counter.count(case.build(), case.args(), case.kwargs()).macs
    # A counter may fail in any way, and costs its own cell.
    except Exception as error:
        first_line = str(error).strip().partition("\n")[0]
        problem = f"{type(error).__name__}: {first_line}" if first_line else type(error).__name__
    return CaseResult(case.name, case.group, counter.name, case.truth, case.working, macs, problem)
