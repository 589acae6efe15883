"""Joints of a split that are no numbers: used as absent, and told."""

from __future__ import annotations

import numpy as np

from epam.data.data_root import Split
from epam.errors import printable


def broken_joints_caveat(split: Split) -> tuple[str, ...]:
    """A sentence if usable samples have coordinates or scores that are NaN or infinite; reads all of them."""
    counts = {split.sample_name(index): _count_broken(split, index) for index in range(len(split))}
    broken = {name: count for name, count in counts.items() if count}
    if not broken:
        return ()
    return (
        f"{split.origin}: samples with a coordinate or score that is NaN or infinite: {len(broken)}, with "
        f"{sum(broken.values())} such joints, treated as absent (a NaN coordinate counts as 0, as published; "
        f"an infinite one, or such a score, is not drawn); the first: {printable(next(iter(broken)))}",
    )


def _count_broken(split: Split, index: int) -> int:
    sample = split.annotation(index)
    broken = ~np.isfinite(sample.keypoint).all(axis=-1) | ~np.isfinite(sample.keypoint_score)
    return int(broken.sum())
