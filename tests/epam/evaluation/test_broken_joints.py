from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np

from epam.data.data_root import Split
from epam.data.store import SkeletonStore
from epam.evaluation.broken_joints import broken_joints_caveat


def test_joints_that_are_no_numbers_are_counted_and_the_first_sample_named(
    make_split: Callable[..., Split],
) -> None:
    split = make_split(3)
    samples = [split.annotation(index) for index in range(3)]
    keypoint, score = samples[1].keypoint.copy(), samples[1].keypoint_score.copy()
    keypoint[0, 0, 4] = [np.nan, np.inf]
    score[0, 1, 7] = np.inf
    samples[1] = replace(samples[1], keypoint=keypoint, keypoint_score=score)
    (caveat,) = broken_joints_caveat(replace(split, store=SkeletonStore.pack(samples)))
    assert "NaN or infinite: 1, with 2 such joints" in caveat
    assert caveat.endswith(f"the first: {split.sample_name(1)}")


def test_whole_joints_are_not_mentioned(make_split: Callable[..., Split]) -> None:
    assert broken_joints_caveat(make_split(2)) == ()
