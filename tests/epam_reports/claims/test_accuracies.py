"""An accuracy is judged by evaluations of the same network on the same protocol, within their intervals."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest

from epam_bench.records import AccuracyRecord
from epam_reports.claims import ClaimVerdict, Verdict, judge_claims
from epam_reports.published import PublishedNumber

Accuracy = Callable[..., AccuracyRecord]
Claim = Callable[..., PublishedNumber]

LARGE = ((900, 100), (100, 900))
"""2000 samples of two classes, 90 % of them right."""


@pytest.fixture
def judge(accuracy: Accuracy, claim: Claim) -> Callable[..., ClaimVerdict]:
    def _judge(printed: str, confusion: Sequence[Sequence[int]] = LARGE, **changes: Any) -> ClaimVerdict:
        fields = {"catalogue_name": "epam_net", "dataset": "NTU60", "split": "X-Sub", "views": 1}
        metric = changes.pop("metric", "top1")
        fields |= changes.pop("claimed", {})
        record = _narrow(accuracy("epam_net", confusion, **changes))
        (found,) = judge_claims([record], [claim(printed, metric, **fields)])
        return found

    return _judge


def _narrow(record: AccuracyRecord) -> AccuracyRecord:
    """The same evaluation with intervals of a point to each side."""
    streams = [
        {
            **result.model_dump(),
            "top1_interval": (result.top1 - 0.01, result.top1 + 0.01),
            "mean_class_interval": (
                result.mean_class_accuracy_present - 0.01,
                result.mean_class_accuracy_present + 0.01,
            ),
        }
        for result in record.streams
    ]
    return AccuracyRecord.model_validate({**record.model_dump(), "streams": streams})


Judge = Callable[..., ClaimVerdict]


@pytest.mark.parametrize("printed", ["90.0", "90.9", "89.1"])
def test_an_accuracy_within_the_interval_of_an_evaluation_holds(judge: Judge, printed: str) -> None:
    found = judge(printed)
    assert (found.verdict, found.convention) == (Verdict.HOLDS, "top-1, rgb, 1 view")
    assert "aaaaaaaaaaaa (best.safetensors), be they the published ones or not" in found.reason


@pytest.mark.parametrize("printed", ["92.0", "80.0"])
def test_an_accuracy_outside_the_interval_of_the_whole_split_does_not_hold(
    judge: Judge, printed: str
) -> None:
    found = judge(printed)
    assert found.verdict is Verdict.DOES_NOT_HOLD
    assert found.measured == pytest.approx(90.0)


def test_a_few_samples_refute_nothing(judge: Judge) -> None:
    found = judge("96.1", ((3, 1), (0, 4)))
    assert found.verdict is Verdict.UNDER_SPECIFIED
    assert "an evaluation of the whole test split" in found.reason


def test_an_evaluation_with_samples_skipped_refutes_nothing(judge: Judge) -> None:
    skipped = [{"sample": "s", "reason": "missing video"}]
    assert judge("96.1", skipped=skipped).verdict is Verdict.UNDER_SPECIFIED


def test_other_views_are_named(judge: Judge) -> None:
    assert judge("90.0", views=10).verdict is Verdict.VIEWS_MIX_UP
    assert judge("90.0", views=10, claimed={"views": None}).verdict is Verdict.HOLDS


def test_a_single_stream_is_another_convention(judge: Judge) -> None:
    found = judge("70.0", streams={"rgb": (700, 700), "pose": (500, 500)})
    assert (found.verdict, found.convention) == (Verdict.OTHER_CONVENTION, "top-1, rgb, 1 view")


def test_mean_class_accuracy_has_two_definitions(judge: Judge) -> None:
    found = judge("90.0", metric="mean_class_accuracy")
    assert (found.verdict, found.convention) == (
        Verdict.HOLDS,
        "mean class accuracy as published, rgb, 1 view",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"protocol": "xview"},
        {"part": "train"},
        {"interrupted": True},
        {"dataset": "ntu120"},
        {"backend": "openvino", "precision": "int8"},
    ],
)
def test_an_evaluation_of_anything_else_says_nothing(judge: Judge, changes: dict[str, object]) -> None:
    found = judge("90.0", **changes)
    assert found.verdict is Verdict.NEEDS_DATA
    assert "no evaluation of epam_net on NTU60 X-Sub" in found.reason.replace("No ", "no ")


def test_an_accuracy_of_a_network_that_we_have_not_stays_quoted(claim: Claim) -> None:
    (found,) = judge_claims(
        [], [claim("90.0", "top1", catalogue_name=None, model="Other", dataset="NTU60", split="X-Sub")]
    )
    assert found.verdict is Verdict.NEEDS_DATA
    assert "no network here is other" in found.reason.lower()
