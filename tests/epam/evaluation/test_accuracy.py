from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from epam.errors import InputError
from epam.evaluation.accuracy import Accuracy, evaluate, find_hits, tally


def _voting(classes: int, **votes: int) -> dict[str, np.ndarray]:
    return {name: np.eye(classes)[vote] for name, vote in votes.items()}


def test_a_class_that_is_only_predicted_lowers_the_published_mean() -> None:
    # Labels 0, 0, 1, 1; predictions 0, 0, 2, 1: classes score 1, 1/2 and, never a label, 0.
    accuracy = evaluate(_voting(3, a=0, b=0, c=2, d=1), {"a": 0, "b": 0, "c": 1, "d": 1})
    assert accuracy == Accuracy(
        samples=4, top1=0.75, top5=1.0, mean_class_accuracy=0.5, mean_class_accuracy_present=0.75
    )


def test_a_class_that_occurs_nowhere_is_ignored_by_both_means() -> None:
    accuracy = evaluate(_voting(9, a=0, b=5), {"a": 0, "b": 5})
    assert accuracy.mean_class_accuracy == accuracy.mean_class_accuracy_present == 1.0


def test_mean_class_accuracy_weighs_classes_equally() -> None:
    # Class 0: three of three; class 1: none of one.
    accuracy = evaluate(_voting(2, a=0, b=0, c=0, d=0), {"a": 0, "b": 0, "c": 0, "d": 1})
    assert accuracy.top1 == 0.75
    assert accuracy.mean_class_accuracy == accuracy.mean_class_accuracy_present == 0.5


def test_shares_are_ratios_of_counts_to_the_last_digit() -> None:
    # One of three right; classes 0, 1, 2 score 1, 0, 0.
    accuracy = evaluate(_voting(60, a=0, b=0, c=0), {"a": 0, "b": 1, "c": 2})
    assert accuracy.top1 == accuracy.mean_class_accuracy == accuracy.mean_class_accuracy_present == 1 / 3
    # Three classes of 1/10 each: summed as doubles, a tenth three times is more than 3/10.
    votes = {f"{label}-{number}": label if number == 0 else 3 for label in range(3) for number in range(10)}
    labels = {name: int(name[0]) for name in votes}
    accuracy = evaluate(_voting(4, **votes), labels)
    assert accuracy.mean_class_accuracy_present == accuracy.top1 == 1 / 10
    assert accuracy.mean_class_accuracy == 3 / 40


def test_top5_reaches_to_the_fifth_class_and_no_further() -> None:
    falling = np.arange(8.0, 0.0, -1.0)
    assert evaluate({"a": falling}, {"a": 4}).top5 == 1.0
    assert evaluate({"a": falling}, {"a": 5}).top5 == 0.0


def test_with_fewer_than_five_classes_top5_is_always_right() -> None:
    accuracy = evaluate({"a": np.array([1.0, 0.0, 0.0])}, {"a": 2})
    assert (accuracy.top1, accuracy.top5) == (0.0, 1.0)


def test_of_equal_scores_the_lower_class_wins() -> None:
    tied = np.zeros(7)
    assert evaluate({"a": tied}, {"a": 0}).top1 == 1.0
    assert evaluate({"a": tied}, {"a": 1}).top1 == 0.0
    assert evaluate({"a": tied}, {"a": 4}).top5 == 1.0
    assert evaluate({"a": tied}, {"a": 5}).top5 == 0.0


def test_close_scores_are_not_made_equal() -> None:
    assert evaluate({"a": np.array([1.0, 1.0 + 1e-12])}, {"a": 1}).top1 == 1.0


def test_the_order_of_samples_does_not_matter() -> None:
    draw = np.random.default_rng(0)
    scores = {f"s{number}": draw.normal(size=12) for number in range(200)}
    labels = {name: int(draw.integers(12)) for name in scores}
    backwards = dict(reversed(scores.items()))
    assert evaluate(scores, labels) == evaluate(backwards, labels)


def test_figures_agree_with_their_definitions() -> None:
    draw = np.random.default_rng(1)
    table, target = draw.normal(size=(300, 10)), draw.integers(8, size=300)
    order = np.argsort(-table, axis=1)
    hits = order[:, 0] == target
    names = [f"s{number}" for number in range(300)]
    accuracy = evaluate(dict(zip(names, table, strict=True)), dict(zip(names, target.tolist(), strict=True)))
    assert accuracy.samples == 300
    assert accuracy.top1 == hits.sum() / 300
    assert accuracy.top5 == (order[:, :5] == target[:, None]).any(1).sum() / 300
    shares = [hits[target == label].mean() for label in range(8)]
    assert accuracy.mean_class_accuracy_present == pytest.approx(np.mean(shares), abs=1e-15)
    # All ten classes are predicted somewhere; two are never a label.
    assert accuracy.mean_class_accuracy == pytest.approx(np.sum(shares) / 10, abs=1e-15)


def test_tensors_and_arrays_of_any_float_type_are_scores() -> None:
    scores: dict[str, Any] = {
        "a": torch.tensor([0.0, 1.0], dtype=torch.bfloat16, requires_grad=True),
        "b": np.array([0, 1], dtype=np.float16),
        "c": np.array([0, 1], dtype=">f4").astype("=f4"),
    }
    assert evaluate(scores, {"a": 1, "b": 1, "c": np.int64(1)}).top1 == 1.0


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_scores_that_are_not_finite_name_their_sample(bad: float) -> None:
    with pytest.raises(InputError, match=r"sample 'b' has scores that are NaN or infinite"):
        evaluate({"a": np.zeros(3), "b": np.array([0, bad, 0])}, {"a": 0, "b": 0})


@pytest.mark.parametrize(
    ("scores", "labels", "told"),
    [
        ({}, {}, "no scores"),
        ({"a": np.zeros(3)}, {"a": 3}, r"sample 'a' has the label 3, and scores for 3 classes \(0 to 2\)"),
        ({"a": np.zeros(3)}, {"a": -1}, "sample 'a' has the label -1"),
        ({"a": np.zeros(3)}, {"a": True}, "label True"),
        ({"a": np.zeros(3)}, {"a": "1"}, "label '1'"),
        ({"a": np.zeros(3)}, {}, "sample 'a' has scores but no label"),
        ({"a": np.zeros(3)}, {"a": 0, "b": 0}, "sample 'b' has a label but no scores"),
        ({"a": np.zeros(3), "b": np.zeros(4)}, {"a": 0, "b": 0}, "'b' has 4 scores and 'a' has 3"),
        ({"a": np.zeros((1, 3))}, {"a": 0}, r"sample 'a' has scores of shape \(1, 3\)"),
        ({"a": np.zeros(1)}, {"a": 0}, "at least two"),
        ({"a": np.zeros(())}, {"a": 0}, r"shape \(\)"),
        ({"a": np.array(["x", "y"])}, {"a": 0}, "no numbers"),
        ({"a": np.zeros(3, dtype=complex)}, {"a": 0}, "no numbers"),
        ({"a": None}, {"a": 0}, "no numbers"),
    ],
)
def test_bad_input_names_the_sample(scores: Any, labels: Any, told: str) -> None:
    with pytest.raises(InputError, match=told):
        evaluate(scores, labels)


def test_scores_of_the_other_byte_order_are_read() -> None:
    scores = {"a": np.array([0.1, 0.9], dtype=">f4"), "b": np.array([0.8, 0.2], dtype="<f8")}
    assert evaluate(scores, {"a": 1, "b": 0}).top1 == 1.0


def test_tally_counts_labels_down_and_predictions_across() -> None:
    found = tally(_voting(3, a=0, b=0, c=2, d=1), {"a": 0, "b": 0, "c": 1, "d": 1})
    assert found.confusion.tolist() == [[2, 0, 0], [0, 1, 1], [0, 0, 0]]
    assert (found.samples, found.top1_hits, found.top5_hits) == (4, 3, 4)
    assert found.class_samples.tolist() == [2, 2, 0]
    assert found.class_hits.tolist() == [2, 1, 0]


def test_hits_are_told_sample_by_sample() -> None:
    scores = _voting(2, a=0, b=1) | {"tied": np.zeros(2)}
    assert find_hits(scores, {"tied": 0, "b": 0, "a": 0}) == {"a": True, "b": False, "tied": True}


def test_the_package_gives_the_same_names() -> None:
    import epam.evaluation

    assert epam.evaluation.evaluate is evaluate
    assert sorted(epam.evaluation.__all__) == sorted(epam.evaluation._HOMES)
    assert all(getattr(epam.evaluation, name) is not None for name in epam.evaluation.__all__)
    assert set(epam.evaluation.__all__) <= set(dir(epam.evaluation))
    with pytest.raises(AttributeError, match="no_such_name"):
        epam.evaluation.no_such_name  # noqa: B018
