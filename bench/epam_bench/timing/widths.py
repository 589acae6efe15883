"""How wide the intervals are by now: of every form's ratio to the one that it is compared with."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from epam_bench.paired_timing import compare_blocks, compare_unpaired_blocks, median_interval
from epam_bench.timing.subject import REFERENCE, Subject

Blocks = Mapping[tuple[int, int], Sequence[float]]


def base_of(subject: Subject, subjects: Sequence[Subject]) -> Subject | None:
    """What a subject's ratio is to: of its network the twin, else the eager form, else the first form.

    The forms that others are compared with are compared with the run's first form; it alone has none.
    """
    family = [other for other in subjects if other.network == subject.network]
    base = min(family, key=lambda other: (_rank(other), family.index(other)))
    if base is not subject:
        return base
    return None if base is subjects[0] else subjects[0]


def _rank(subject: Subject) -> int:
    plain = subject.precision == "fp32"
    return 0 if plain and subject.backend == REFERENCE else 1 if plain and subject.backend == "eager" else 2


def half_width(blocks: Blocks, base: Blocks | None) -> float:
    """Half of the interval over the ratio to the base, or over the median where there is no base.

    Infinite where nothing can be said yet. Where memory did not hold both, no turn of the one is next to
    one of the other, and they are compared by their medians, as their records will be.
    """
    if not blocks or (base is not None and not base):
        return math.inf
    if base is None:
        low, high = median_interval(blocks)
        middle = (low + high) / 2
    else:
        compare = compare_blocks if base.keys() & blocks.keys() else compare_unpaired_blocks
        comparison = compare(base, blocks)
        (low, high), middle = comparison.interval, comparison.ratio
    return (high - low) / (2 * middle) if math.isfinite(high) and middle > 0 else math.inf


def widths(taken: Mapping[Subject, Blocks]) -> dict[Subject, float]:
    """Of every subject, by how much its ratio is known; of a subject alone, its median."""
    subjects = list(taken)
    bases = {subject: base_of(subject, subjects) for subject in subjects}
    return {
        subject: half_width(taken[subject], None if base is None else taken[base])
        for subject, base in bases.items()
        if base is not None or len(subjects) == 1
    }
