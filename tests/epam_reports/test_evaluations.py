"""Evaluations are told apart by what differs, and weakened by what their fields say."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from epam_bench.records import AccuracyRecord, CountRecord
from epam_reports.evaluations import Evaluation, describe_weights, gather_evaluations, unsaid_caveats

Accuracy = Callable[..., AccuracyRecord]
SKIPPED = [{"sample": "S1", "reason": "damaged video"}, {"sample": "S2", "reason": "missing video"}]


def test_newest_of_the_same_weights_counts_and_other_kinds_are_passed_over(
    accuracy: Accuracy, count: Callable[..., CountRecord]
) -> None:
    old = accuracy()
    new = accuracy(created=old.created + timedelta(days=1))
    (entry,) = gather_evaluations([old, count(), new])
    assert entry.record == new
    assert entry.heading == "EPAM-Net on NTU60 X-Sub"


def test_only_what_differs_is_in_the_titles(accuracy: Accuracy) -> None:
    records = [accuracy(), accuracy(views=10), accuracy(views=10, weights_sha256="b" * 64)]
    assert [entry.title for entry in gather_evaluations(records)] == [
        "EPAM-Net (best.safetensors, weights aaaaaaaa, 1 view)",
        "EPAM-Net (best.safetensors, weights aaaaaaaa, 10 views)",
        "EPAM-Net (best.safetensors, weights bbbbbbbb, 10 views)",
    ]


def test_backends_of_the_same_weights_are_told_apart(accuracy: Accuracy) -> None:
    records = [accuracy(), accuracy(backend="openvino", precision="int8")]
    assert [entry.title for entry in gather_evaluations(records)] == [
        "EPAM-Net (eager, fp32)",
        "EPAM-Net (openvino, int8)",
    ]


def test_other_protocols_are_told_apart_by_their_own_name(accuracy: Accuracy) -> None:
    entries = gather_evaluations([accuracy(), accuracy(protocol="xview", split_sha256="6" * 64)])
    assert [entry.heading for entry in entries] == ["EPAM-Net on NTU60 X-Sub", "EPAM-Net on NTU60 X-View"]


def test_part_is_said_unless_it_is_the_test_part(accuracy: Accuracy) -> None:
    assert Evaluation(accuracy(part="train")).split == "X-Sub, train part"
    assert Evaluation(accuracy(part=None, split="half")).split == "X-Sub, half"
    assert Evaluation(accuracy(part=None, split=None)).split == "X-Sub, unnamed split"


def test_fields_speak_where_the_record_has_no_caveat(accuracy: Accuracy) -> None:
    record = accuracy(
        checkpoint=None, checkpoint_sha256=None, skipped=SKIPPED, split_samples=20, interrupted=True
    )
    assert unsaid_caveats(record) == (
        "the weights are random: nothing was learnt",
        "interrupted after 10 of 20 samples",
        "2 of 20 samples could not be evaluated (1 missing video, 1 damaged video)",
    )
    assert describe_weights(record) == "random weights aaaaaaaa"


def test_nothing_is_said_twice(accuracy: Accuracy) -> None:
    said = ("2 of 10 samples could not be evaluated (1 missing video, 1 damaged video): of the others",)
    assert unsaid_caveats(accuracy(skipped=SKIPPED, caveats=said)) == ()
    assert unsaid_caveats(accuracy()) == ()
