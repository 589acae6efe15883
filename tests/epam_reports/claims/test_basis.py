"""Claims are judged by counts of their own model, input and class count."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import CountRecord
from epam_reports.claims.basis import Basis
from epam_reports.measurements import gather

Count = Callable[..., CountRecord]
INPUT = "rgb 3x16x224x224"


def _basis(*records: CountRecord) -> Basis:
    return Basis(gather(records), (), ())


def test_the_input_must_be_the_claims_own_unless_it_names_none(count: Count) -> None:
    basis = _basis(count("x3d_m", 1.0, inputs={"rgb": (3, 4, 8, 8)}))
    assert basis.at("x3d_m", INPUT) is None
    assert basis.at("x3d_m", "") is basis.of("x3d_m")[0]


def test_the_class_count_is_the_claims_own_or_the_least(count: Count) -> None:
    shape = {"rgb": (3, 16, 224, 224)}
    basis = _basis(*(count("x3d_m", 1.0, inputs=shape, num_classes=classes) for classes in (400, 60, 120)))
    chosen = [basis.at("x3d_m", INPUT, classes) for classes in (None, 120, 700)]
    assert [entry.card.num_classes for entry in chosen if entry] == [60, 120, 60]


def test_another_model_is_no_evidence(count: Count) -> None:
    assert _basis(count("c3d", 1.0)).of("x3d_m") == []
