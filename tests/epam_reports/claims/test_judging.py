"""The paper's own four costs: each planted mistake is named, and nothing is judged without data."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from epam_bench.records import CountRecord
from epam_reports.claims import ClaimVerdict, Verdict, judge_claims, select_claims
from epam_reports.published import PublishedNumber, load_published

Count = Callable[..., CountRecord]
NUMBERS = load_published()


def _with_claim(metric: str, value: str) -> list[PublishedNumber]:
    """The published numbers, with EPAM-Net's own claim of one metric replaced."""
    return [
        number.model_copy(update={"value": Decimal(value)})
        if number.catalogue_name == "epam_net" and number.metric == metric
        else number
        for number in NUMBERS
    ]


def _claim(records: list[CountRecord], metric: str, value: str | None = None) -> ClaimVerdict:
    numbers = list(NUMBERS) if value is None else _with_claim(metric, value)
    judged = judge_claims(records, numbers)
    return next(found for found in judged if found.catalogue_name == "epam_net" and found.metric == metric)


@pytest.fixture
def ten_and_two_hundred(count: Count) -> list[CountRecord]:
    """EPAM-Net at 10 G and TimeSformer at 200 G a view, by one counter: 20 times at one view each."""
    return [count("epam_net", 10.0), count("timesformer", 200.0)]


@pytest.mark.parametrize(
    ("printed", "verdict", "convention"),
    [
        ("10.0", Verdict.HOLDS, "torch's count, one view"),
        ("10.05", Verdict.HOLDS, "torch's count, one view"),
        ("20.0", Verdict.MAC_FLOP_MIX_UP, "two FLOPs a multiply-add"),
        ("30.0", Verdict.VIEWS_MIX_UP, "3 views"),
        ("100.0", Verdict.VIEWS_MIX_UP, "10 views"),
        ("9.31", Verdict.OTHER_CONVENTION, "G as 1024³"),
        ("13.06", Verdict.OTHER_CONVENTION, "crop of 256² for 224²"),
        ("10.5", Verdict.DOES_NOT_HOLD, None),
        ("0.67", Verdict.DOES_NOT_HOLD, None),
    ],
)
def test_planted_mistake_in_a_count_is_named(
    ten_and_two_hundred: list[CountRecord], printed: str, verdict: Verdict, convention: str | None
) -> None:
    found = _claim(ten_and_two_hundred, "macs", printed)
    assert found.verdict is verdict
    assert (found.convention is None) == (convention is None)
    assert convention is None or convention in str(found.convention)


@pytest.mark.parametrize(
    ("printed", "verdict"),
    [
        ("20.0", Verdict.HOLDS),
        ("40.0", Verdict.MAC_FLOP_MIX_UP),
        ("10.0", Verdict.MAC_FLOP_MIX_UP),
        ("60.0", Verdict.VIEWS_MIX_UP),
        ("25.0", Verdict.DOES_NOT_HOLD),
    ],
)
def test_planted_mistake_in_a_ratio_is_named(
    ten_and_two_hundred: list[CountRecord], printed: str, verdict: Verdict
) -> None:
    assert _claim(ten_and_two_hundred, "macs_ratio", printed).verdict is verdict


def test_total_over_the_views_of_the_compared_accuracy_is_a_convention_and_no_mix_up(
    ten_and_two_hundred: list[CountRecord],
) -> None:
    numbers = [
        number.model_copy(update={"views": 3}) if number.model == "pi-ViT" and number.views == 10 else number
        for number in _with_claim("macs_ratio", "60.0")
    ]
    verdicts = {verdict.claimed: verdict for verdict in judge_claims(ten_and_two_hundred, numbers)}
    assert verdicts["60.0×"].verdict is Verdict.OTHER_CONVENTION
    assert verdicts["60.0×"].convention == "torch's counts, 3 views against 1"


def test_count_of_another_counter_is_another_convention(count: Count) -> None:
    records = [count(gmacs=10.0), count(gmacs=11.0, counter="fvcore")]
    found = _claim(records, "macs", "11.0")
    assert (found.verdict, found.convention) == (Verdict.OTHER_CONVENTION, "fvcore's count, one view")


def test_normalisation_counted_twice_is_found_from_the_split(count: Count) -> None:
    split = {"conv": 10_000_000_000, "batch_norm": 1_000_000_000}
    records = [count(gmacs=10.0), count(gmacs=11.0, counter="fvcore", macs_by_operation=split)]
    found = _claim(records, "macs", "12.0")
    assert (found.verdict, found.convention) == (Verdict.OTHER_CONVENTION, "fvcore with normalisation twice")


def test_count_that_missed_operations_is_no_evidence_and_is_named(
    ten_and_two_hundred: list[CountRecord], count: Count
) -> None:
    # thop misses a quarter of TimeSformer: 150 / 10 = 15 must not make "15 times" hold.
    partial = [count(gmacs=10.0, counter="thop"), count("timesformer", 150.0, counter="thop")]
    found = _claim(ten_and_two_hundred + partial, "macs_ratio", "15.0")
    assert found.verdict is Verdict.DOES_NOT_HOLD
    assert "thop's 150.0 G for TimeSformer" in found.reason
    assert not any("thop" in tried.convention for tried in found.evidence)


def test_wrong_crop_is_found_where_it_was_counted(count: Count) -> None:
    wide = count(gmacs=17.0, inputs={"rgb": (3, 16, 288, 288), "heatmaps": (17, 48, 72, 72)})
    found = _claim([count(gmacs=10.0), wide], "macs", "17.0")
    assert found.verdict is Verdict.OTHER_CONVENTION
    assert "288×288" in str(found.convention)


def test_head_left_out_is_found_in_parameters(count: Count) -> None:
    # Two heads of 60 classes: 60 × (432 + 1) + 60 × (216 + 1) = 39,000 parameters.
    found = _claim([count()], "parameters", "2.4997")
    assert (found.verdict, found.convention) == (Verdict.OTHER_CONVENTION, "head left out")
    assert "39,000" in found.reason


def test_parameters_hold_within_the_printed_digits(count: Count) -> None:
    assert _claim([count()], "parameters").verdict is Verdict.HOLDS
    assert _claim([count(parameters=2_600_000)], "parameters").verdict is Verdict.DOES_NOT_HOLD


def test_papers_ratio_sets_three_views_against_one(count: Count) -> None:
    records = [
        count(gmacs=7.618),
        count(gmacs=7.939, counter="fvcore"),
        count("timesformer", 195.83),
        count("timesformer", 196.05, counter="fvcore"),
    ]
    found = _claim(records, "macs_ratio")
    assert found.verdict is Verdict.VIEWS_MIX_UP
    assert found.measured == pytest.approx(25.7, abs=0.05)
    for operand in (
        "590.0 G of 3 views / 8.1 G of 1 view",
        "25.7",
        "77.1",
        "24.3",
        "10 views",
        "10 × 392.066 G (our run)",
        "484 times",
    ):
        assert operand in found.reason


def test_no_reading_gives_the_papers_count(count: Count) -> None:
    split = {"conv": 7_618_000_000, "batch_norm": 321_000_000}
    records = [count(), count(gmacs=7.939, counter="fvcore", macs_by_operation=split)]
    found = _claim(records, "macs")
    assert (found.verdict, found.convention) == (Verdict.DOES_NOT_HOLD, None)
    assert "7.618" in found.reason
    assert "7.939" in found.reason
    assert not any(tried.matches for tried in found.evidence)


def test_parameter_ratio_is_at_most_consistent_while_an_operand_is_unpublished(count: Count) -> None:
    found = _claim([count(), count("timesformer", 195.83)], "parameters_ratio")
    assert found.verdict is Verdict.UNDER_SPECIFIED
    assert "our inference" in found.reason
    assert "121.4 to 121.6 M" in found.reason


def test_printed_operands_alone_cannot_confirm_a_claim(count: Count) -> None:
    numbers = [
        number.model_copy(update={"views": 1})
        if number.model == "pi-ViT" and number.metric == "macs"
        else number
        for number in NUMBERS
    ]
    records = [count(gmacs=50.0), count("timesformer", 195.83)]
    ratio = next(verdict for verdict in judge_claims(records, numbers) if verdict.claimed == "72.8×")
    assert ratio.verdict is Verdict.DOES_NOT_HOLD


def test_without_records_every_claim_needs_data_and_says_how() -> None:
    verdicts = [found for found in judge_claims([]) if found.catalogue_name == "epam_net"]
    assert len(verdicts) == 12
    assert {verdict.verdict for verdict in verdicts} == {Verdict.NEEDS_DATA}
    ratio = next(verdict for verdict in verdicts if verdict.claimed == "72.8×")
    assert "epam-bench flops epam_net timesformer" in ratio.reason
    assert ratio.measured is None


def test_count_at_an_unpublished_input_does_not_judge_the_claim(count: Count) -> None:
    small = count(gmacs=8.1, inputs={"rgb": (3, 8, 112, 112), "heatmaps": (17, 24, 28, 28)})
    assert _claim([small], "macs").verdict is Verdict.NEEDS_DATA


def test_counter_that_counted_nothing_is_no_evidence(count: Count) -> None:
    records = [count(gmacs=0.0), count("timesformer", 195.83)]
    assert _claim(records, "macs_ratio").verdict is Verdict.NEEDS_DATA


@pytest.fixture
def ten_to_twelve(count: Count) -> list[CountRecord]:
    """EPAM-Net at 10 G by torch and 12 G by fvcore; 11 G lies between and is no reading of either."""
    return [count(gmacs=10.0), count(gmacs=12.0, counter="fvcore")]


def test_count_among_our_counters_that_no_reading_gives_is_under_specified(
    ten_to_twelve: list[CountRecord],
) -> None:
    found = _claim(ten_to_twelve, "macs", "11.0")
    assert (found.verdict, found.convention) == (Verdict.UNDER_SPECIFIED, None)
    assert "torch −9.1 %, fvcore +9.1 %" in found.reason
    assert "missing: which counter it is by, and which operations that counts" in found.reason


@pytest.mark.parametrize("printed", ["9.7", "12.4"])
def test_count_outside_the_span_of_our_counters_does_not_hold(
    ten_to_twelve: list[CountRecord], printed: str
) -> None:
    found = _claim(ten_to_twelve, "macs", printed)
    assert found.verdict is Verdict.DOES_NOT_HOLD
    assert "missing" not in found.reason


def test_count_whose_source_names_its_counter_is_refuted_within_the_span(
    ten_to_twelve: list[CountRecord],
) -> None:
    numbers = [
        number.model_copy(update={"printed_counter": "fvcore"})
        if number.catalogue_name == "epam_net" and number.metric == "macs"
        else number
        for number in _with_claim("macs", "11.0")
    ]
    assert judge_claims(ten_to_twelve, numbers)[0].verdict is Verdict.DOES_NOT_HOLD


def test_incomplete_count_does_not_widen_the_span(count: Count) -> None:
    records = [count(gmacs=10.0), count(gmacs=4.2, counter="thop")]
    assert _claim(records, "macs", "7.0").verdict is Verdict.DOES_NOT_HOLD


def test_papers_count_is_neither_given_nor_refuted_by_our_three(count: Count) -> None:
    split = {"conv": 7_618_000_000, "batch_norm": 321_000_000}
    fvcore = count(gmacs=7.939, counter="fvcore", macs_by_operation=split)
    found = _claim([count(), fvcore, count(gmacs=8.259, counter="thop")], "macs")
    assert found.verdict is Verdict.UNDER_SPECIFIED
    assert "torch −6.0 %, fvcore −2.0 %, thop +2.0 %" in found.reason


def test_what_is_inferred_of_the_competitors_operand_is_said(
    ten_and_two_hundred: list[CountRecord],
) -> None:
    assert "input and views are our inference" in _claim(ten_and_two_hundred, "macs_ratio").reason


def test_papers_own_costs_come_first_and_then_its_accuracies() -> None:
    claims = select_claims(NUMBERS)
    own = [claim.metric for claim in claims if claim.catalogue_name == "epam_net"]
    assert own[:4] == ["macs", "parameters", "macs_ratio", "parameters_ratio"]
    assert [claim.catalogue_name for claim in claims[: len(own)]] == ["epam_net"] * len(own)


def test_our_own_runs_are_no_claims() -> None:
    assert {number.source.kind for number in NUMBERS} >= {"our run"}
    assert "our run" not in {claim.source.kind for claim in select_claims(NUMBERS)}


def test_claims_are_selected_by_source_and_by_either_name_of_a_model() -> None:
    by_source = select_claims(NUMBERS, sources=["EPAM-TABLE1"])
    assert {claim.source.id for claim in by_source} == {"EPAM-TABLE1"}
    by_name = select_claims(NUMBERS, models=["stgcn_pp"])
    assert {claim.catalogue_name for claim in by_name} == {"stgcn_pp"}
    assert {claim.model for claim in select_claims(NUMBERS, models=["pi-ViT"])} == {"pi-ViT"}
    assert len(judge_claims([], NUMBERS, sources=["EPAM-TABLE1"], models=["VPN"])) == 1
