"""Two runs on the same samples, side by side: who was right where, and McNemar's test."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from epam.errors import InputError
from epam_reports.table import Column, Table, typed_frame

SIGNIFICANCE = 0.05
"""At or above this probability the difference is put down to luck."""

SMALLEST_PRINTED = 0.0001

_DTYPES = {
    "name_a": "string",
    "name_b": "string",
    "samples": "Int64",
    "top1_a_percent": "Float64",
    "top1_b_percent": "Float64",
    "difference_points": "Float64",
    "only_a": "Int64",
    "only_b": "Int64",
    "both": "Int64",
    "neither": "Int64",
    "p_value": "Float64",
    "p": "string",
}


@dataclass(frozen=True, kw_only=True)
class RunComparison:
    """Two runs on the same samples, counted by who was right.

    Attributes:
        name_a: the first run as a row says it: network, stream, file.
        only_a: samples that the first run alone had right; ``only_b`` likewise.
        both: samples that both had right; ``neither`` likewise.
        p_value: of McNemar's test, as the caller computed it.

    Raises:
        InputError: no samples, a negative number of them, or a probability outside 0 to 1.
    """

    name_a: str
    name_b: str
    only_a: int
    only_b: int
    both: int
    neither: int
    p_value: float

    def __post_init__(self) -> None:
        counts = (self.only_a, self.only_b, self.both, self.neither)
        if min(counts) < 0 or not self.samples:
            raise InputError(f"{counts} samples: give the number of each outcome, at least one in all")
        if not 0 <= self.p_value <= 1:
            raise InputError(f"p value {self.p_value}: a probability is 0 to 1")

    @property
    def samples(self) -> int:
        """All that both runs scored."""
        return self.only_a + self.only_b + self.both + self.neither

    @property
    def top1_a(self) -> float:
        """Share of the samples that the first run had right."""
        return (self.both + self.only_a) / self.samples

    @property
    def top1_b(self) -> float:
        """Share of the samples that the second run had right."""
        return (self.both + self.only_b) / self.samples


def comparison_table(comparisons: Sequence[RunComparison]) -> Table:
    """One row a pair of runs, and a sentence on each below."""
    return Table(
        name="comparison",
        title="Runs compared on the same samples",
        caption=(
            "p: two-sided exact probability (McNemar's test) that equally good networks differ as unevenly "
            "on the samples that only one of them has right."
        ),
        frame=typed_frame([_row(comparison) for comparison in comparisons], _DTYPES),
        columns=(
            Column(key="name_a", header="A"),
            Column(key="name_b", header="B"),
            Column(key="samples", header="Samples"),
            Column(key="top1_a_percent", header="Top-1 of A (%)", decimals=2),
            Column(key="top1_b_percent", header="Top-1 of B (%)", decimals=2),
            Column(key="difference_points", header="A − B (points)", decimals=2),
            Column(key="only_a", header="Only A right"),
            Column(key="only_b", header="Only B right"),
            Column(key="both", header="Both"),
            Column(key="neither", header="Neither"),
            Column(key="p", header="p"),
        ),
        remarks=(*map(_verdict, comparisons), *_several(len(comparisons))),
    )


def _row(comparison: RunComparison) -> dict[str, object]:
    p_value = comparison.p_value
    return {
        "name_a": comparison.name_a,
        "name_b": comparison.name_b,
        "samples": comparison.samples,
        "top1_a_percent": 100 * comparison.top1_a,
        "top1_b_percent": 100 * comparison.top1_b,
        "difference_points": 100 * (comparison.only_a - comparison.only_b) / comparison.samples,
        "only_a": comparison.only_a,
        "only_b": comparison.only_b,
        "both": comparison.both,
        "neither": comparison.neither,
        "p_value": p_value,
        "p": f"< {SMALLEST_PRINTED}" if p_value < SMALLEST_PRINTED else f"{p_value:.4f}",
    }


def _verdict(comparison: RunComparison) -> str:
    a, b = comparison.name_a, comparison.name_b
    if comparison.only_a == comparison.only_b:
        return f"{a} and {b} are right equally often."
    better, worse = (a, b) if comparison.only_a > comparison.only_b else (b, a)
    luck = "which luck may explain" if comparison.p_value >= SIGNIFICANCE else "beyond luck"
    return f"{better} is right more often than {worse}, {luck} at the {100 * SIGNIFICANCE:g} % level."


def _several(tests: int) -> tuple[str, ...]:
    if tests < 2:
        return ()
    return (
        f"Each p is of its own test: of {tests} tests on equal networks one in {1 / SIGNIFICANCE:g} "
        f"falls below {SIGNIFICANCE:g} by luck.",
    )
