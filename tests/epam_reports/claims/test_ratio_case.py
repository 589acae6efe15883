"""A ratio's case names what stands in for the compared network, and what of it was never printed."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import CountRecord
from epam_reports.claims import Verdict, judge_claims
from epam_reports.published import PublishedNumber

Claim = Callable[..., PublishedNumber]
Count = Callable[..., CountRecord]


def _records(count: Count) -> list[CountRecord]:
    return [
        count("x3d_m", 5.0, inputs={"rgb": (3, 16, 224, 224)}, parameters=4_000_000),
        count("c3d", 40.0, title="C3D", parameters=80_000_000),
    ]


def test_parameters_of_a_network_that_were_never_printed_are_missing(count: Count, claim: Claim) -> None:
    """80 M over 4 M are 20.0 by our counts; a claim that no reading gives misses an operand, too."""
    other = claim("40.0", catalogue_name=None, stand_in="c3d", model="Other", input="rgb 3x16x112x112")
    own = claim("4.02", "parameters")
    exact, near = (claim(value, "parameters_ratio", against="Other") for value in ("20.00", "19.90"))
    found = judge_claims(_records(count), [other, own, exact, near])[-2:]
    assert [verdict.verdict for verdict in found] == [Verdict.HOLDS, Verdict.HOLDS]
    far = claim("19.5", "parameters_ratio", against="Other")
    (refuted,) = judge_claims(_records(count), [other, own, far])[-1:]
    assert refuted.verdict is Verdict.DOES_NOT_HOLD
    assert "Missing: Other's parameter count and whether heads count" in refuted.reason
    assert "C3D (c3d) stands in for Other" in refuted.reason


def test_views_of_the_compared_networks_own_accuracies_are_said(count: Count, claim: Claim) -> None:
    other = claim("40.0", catalogue_name="c3d", model="C3D", input="rgb 3x16x112x112")
    accuracy = claim(
        "80.0", "top1", catalogue_name="c3d", model="C3D", dataset="UCF101", split="split 1", views=10
    )
    ratio = claim("8.0", "macs_ratio", against="C3D")
    (found,) = judge_claims(_records(count), [other, accuracy, ratio])[-1:]
    assert found.verdict is Verdict.HOLDS
    assert "C3D's own published accuracies use 10 views" in found.reason
    assert "stands in" not in found.reason


def test_without_counts_both_models_are_asked_for(claim: Claim) -> None:
    other = claim("40.0", catalogue_name="c3d", model="C3D", input="rgb 3x16x112x112")
    (found,) = judge_claims([], [other, claim("8.0", "macs_ratio", against="C3D")])[-1:]
    assert found.verdict is Verdict.NEEDS_DATA
    assert "run: epam-bench flops x3d_m c3d" in found.reason.replace("Run", "run")


def test_a_model_of_no_catalogue_lends_no_other_models_numbers(count: Count, claim: Claim) -> None:
    """A ratio of a stand-in: its own printed 5 G and not the first of the file is its operand."""
    first = claim("999", catalogue_name="s3d", model="First")
    own = claim("5.0", catalogue_name=None, stand_in="x3d_m", model="Own")
    other = claim("40.0", catalogue_name="c3d", model="C3D", input="rgb 3x16x112x112")
    ratio = claim("8.0", "macs_ratio", catalogue_name=None, stand_in="x3d_m", model="Own", against="C3D")
    (found,) = judge_claims(_records(count), [first, own, other, ratio])[-1:]
    assert found.verdict is Verdict.HOLDS
    assert "999" not in found.reason
    assert "40.0 G of 1 view / 5.0 G of 1 view" in found.reason
