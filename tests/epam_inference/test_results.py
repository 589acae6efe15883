from __future__ import annotations

import numpy as np

from epam_inference.results import ClassSet, Prediction, ScoredClass


def prediction(logits: list[float]) -> Prediction:
    return Prediction(
        sample="s1",
        video=None,
        model="x_shiftnet_rgb",
        classes=ClassSet("ntu60", "xsub", ("a", "b", "c")),
        logits={"rgb": np.array(logits, dtype=np.float32)},
        label=None,
        checkpoint=None,
        seconds={},
        caveats=(),
    )


def test_classes_are_ranked_best_first() -> None:
    assert prediction([1, 3, 2]).top("rgb", 2) == (ScoredClass(1, "b", 3.0), ScoredClass(2, "c", 2.0))


def test_equal_scores_are_ranked_by_class_index() -> None:
    assert [entry.index for entry in prediction([0, 1, 1]).top("rgb", 3)] == [1, 2, 0]


def test_more_classes_than_there_are_gives_all() -> None:
    assert len(prediction([1, 2, 3]).top("rgb", 5)) == 3
