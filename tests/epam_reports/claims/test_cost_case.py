"""A cost's case says what the source leaves out and what is our inference."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import CountRecord
from epam_reports.claims import ClaimVerdict, Verdict, judge_claims
from epam_reports.published import PublishedNumber

Claim = Callable[..., PublishedNumber]
Count = Callable[..., CountRecord]

CLIP = {"rgb": (3, 16, 224, 224)}


@pytest.fixture
def judge(count: Count, claim: Claim) -> Callable[..., ClaimVerdict]:
    """A claim about X3D-M, counted at 10 G."""

    def _judge(value: str, **changes: object) -> ClaimVerdict:
        (found,) = judge_claims(
            [count("x3d_m", 10.0, counter="consensus", inputs=CLIP)], [claim(value, **changes)]
        )
        return found

    return _judge


def test_an_inferred_input_is_said_and_a_miss_there_refutes_nothing(
    judge: Callable[..., ClaimVerdict],
) -> None:
    held = judge("10.0", printed_input="not stated")
    assert held.verdict is Verdict.HOLDS
    assert "The source prints no input: rgb 3×16×224×224 is our inference" in held.reason
    missed = judge("11.7", printed_input="not stated")
    assert missed.verdict is Verdict.UNDER_SPECIFIED
    assert "Missing: the input, the counter" in missed.reason
    assert judge("11.7").verdict is Verdict.DOES_NOT_HOLD


def test_a_stand_in_is_said(judge: Callable[..., ClaimVerdict]) -> None:
    found = judge("10.0", catalogue_name=None, stand_in="x3d_m", model="Other")
    assert found.verdict is Verdict.HOLDS
    assert "(x3d_m) stands in for Other" in found.reason
    assert found.catalogue_name == "x3d_m"


def test_what_is_not_counted_says_how_to_count_it(judge: Callable[..., ClaimVerdict]) -> None:
    found = judge("10.0", catalogue_name="c3d", input="rgb 3x16x112x112")
    assert found.verdict is Verdict.NEEDS_DATA
    assert "c3d at rgb 3×16×112×112; run: epam-bench claims --model c3d" in found.reason


def test_a_network_that_is_not_ours_is_quoted_or_under_specified(judge: Callable[..., ClaimVerdict]) -> None:
    quoted = judge("10.0", catalogue_name=None, model="Other")
    assert quoted.verdict is Verdict.NEEDS_DATA
    bare = judge("10.0", catalogue_name=None, model="Other", input="", views=None)
    assert bare.verdict is Verdict.UNDER_SPECIFIED
    assert "missing: the input, the views, the counter" in bare.reason


def test_class_count_is_that_of_the_claims_data_set(count: Count, claim: Claim) -> None:
    records = [
        count("stgcn", 1.0, parameters=size, num_classes=classes)
        for size, classes in ((3_000_000, 60), (3_100_000, 120))
    ]
    claims = [
        claim(value, "parameters", catalogue_name="stgcn", dataset=dataset)
        for value, dataset in (("3.000", "NTU60"), ("3.100", "NTU120"))
    ]
    assert {found.verdict for found in judge_claims(records, claims)} == {Verdict.HOLDS}
