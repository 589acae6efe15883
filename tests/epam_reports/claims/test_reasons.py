"""Reasons are sentences with their operands, and say what was tried."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import CountRecord
from epam_reports.claims import judge_claims
from epam_reports.claims.reasons import between, left_out, printed, signed
from epam_reports.published import PublishedNumber

Claim = Callable[..., PublishedNumber]
Count = Callable[..., CountRecord]


def test_numbers_are_said_as_they_are_printed(claim: Claim) -> None:
    assert [printed(claim("8.10")), printed(claim("72.8", "macs_ratio"))] == ["8.10 G", "72.8×"]
    assert [signed(0.05), signed(-12.34)] == ["+0.1 %", "−12.3 %"]


@pytest.mark.parametrize(("value", "said"), [("11.0", True), ("10.0", True), ("9.9", False), ("12.1", False)])
def test_only_a_claim_among_our_counts_is_unsettled(claim: Claim, value: str, said: bool) -> None:
    sentence = between(claim(value), [("torch", 10.0), ("thop", 12.0)])
    assert bool(sentence) is said
    assert between(claim(value, printed_counter="fvcore"), [("torch", 10.0), ("thop", 12.0)]) == ""
    if value == "11.0":
        assert "torch −9.1 %, thop +9.1 %" in sentence


def test_counts_that_missed_operations_are_named() -> None:
    assert left_out([]) == ""
    assert "thop's 123.3 G for TimeSformer" in left_out([("thop", 123_300_000_000, "TimeSformer")])


def test_every_reason_is_made_of_sentences(count: Count, claim: Claim) -> None:
    records = [
        count("x3d_m", 10.0, counter="consensus", inputs={"rgb": (3, 16, 224, 224)}, notes=("A note.",))
    ]
    for value in ("10.0", "20.0", "11.7", "9.31"):
        (found,) = judge_claims(records, [claim(value, note="another note")])
        assert found.reason.endswith("Another note. A note.")
        assert ".." not in found.reason
        assert found.reason[0].isupper() or found.reason[0].isdigit()


def test_how_many_readings_were_tried_is_said_where_the_claim_departs(count: Count, claim: Claim) -> None:
    records = [count("x3d_m", 10.0, counter="consensus", inputs={"rgb": (3, 16, 224, 224)})]
    (holds,), (flops,) = (judge_claims(records, [claim(value)]) for value in ("10.0", "20.0"))
    assert "tried" not in holds.reason
    assert f"{len(flops.evidence)} readings of our records were tried" in flops.reason


def test_a_value_of_one_operand_is_said_once(count: Count, claim: Claim) -> None:
    records = [count("x3d_m", 10.0, counter="consensus", inputs={"rgb": (3, 16, 224, 224)})]
    (holds,), (flops,) = (judge_claims(records, [claim(value)]) for value in ("10.0", "20.0"))
    assert "one view: 10.000 G (" in holds.reason
    assert "20.000 = 2 × 10.000 G (" in flops.reason
