"""What is counted to judge claims: the inputs that they name, then those near by, each once."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from epam_bench.records import CountRecord
from epam_reports.claims import (
    CountRequest,
    far_requests,
    judge_these,
    near_by_requests,
    select_claims,
    stated_requests,
)
from epam_reports.claims.requests import far_inputs, is_test_crop, near_by_inputs
from epam_reports.published import load_published, select

NUMBERS = load_published()


def test_each_model_and_input_is_asked_for_once() -> None:
    requests = stated_requests(select_claims(NUMBERS), NUMBERS)
    assert len({request.key for request in requests}) == len(requests)
    assert CountRequest("c3d", {"rgb": (3, 16, 112, 112)}) in requests
    asked = {request.name for request in requests}
    costs = select(NUMBERS, metrics=("macs", "parameters"))
    assert {number.counted_name for number in costs if number.source.is_published} - {None} <= asked


def test_accuracies_ask_for_no_count() -> None:
    accuracies = select(NUMBERS, metrics=("top1", "mean_class_accuracy"))
    assert stated_requests(accuracies, NUMBERS) == ()


def test_a_ratio_asks_for_both_of_its_models() -> None:
    (ratio,) = select(NUMBERS, catalogue_name="epam_net", metrics=("macs_ratio",))
    assert [request.name for request in stated_requests([ratio], NUMBERS)] == ["epam_net", "timesformer"]


def test_a_claim_whose_printed_input_is_not_its_own_asks_for_both() -> None:
    claim = next(
        number
        for number in select(NUMBERS, catalogue_name="i3d_r50", metrics=("macs",))
        if number.source.id == "MMA2"
    )
    inputs = [request.inputs for request in stated_requests([claim], NUMBERS)]
    assert inputs == [{"rgb": (3, 32, 224, 224)}, {"rgb": (3, 32, 256, 256)}]


def test_only_claims_that_do_not_simply_hold_look_near_by(
    count: Callable[..., CountRecord],
) -> None:
    (claim,) = (
        number
        for number in select(NUMBERS, catalogue_name="c3d", metrics=("macs",))
        if number.source.id == "MMA2"
    )
    records = [count("c3d", 38.547, counter="consensus", inputs={"rgb": (3, 16, 112, 112)})]
    wrong = claim.model_copy(update={"value": Decimal("51.3")})
    assert near_by_requests([claim], judge_these(records, [claim], NUMBERS), NUMBERS) == ()
    found = near_by_requests([wrong], judge_these(records, [wrong], NUMBERS), NUMBERS)
    assert {"rgb": (3, 16, 128, 128)} in [request.inputs for request in found]
    assert not any(request.likely for request in found)
    # Without a count at the claim's own input nothing near it says anything.
    assert near_by_requests([wrong], judge_these([], [wrong], NUMBERS), NUMBERS) == ()


@pytest.mark.parametrize(
    ("inputs", "near"),
    [
        (
            {"rgb": (3, 16, 224, 224)},
            [{"rgb": (3, 16, 256, 256)}, {"rgb": (3, 8, 224, 224)}, {"rgb": (3, 32, 224, 224)}],
        ),
        (
            {"rgb": (3, 13, 182, 182)},
            # Thirteen frames have no half.
            [{"rgb": (3, 13, 160, 160)}, {"rgb": (3, 26, 182, 182)}],
        ),
        (
            {"rgb": (3, 16, 224, 224), "heatmaps": (17, 48, 56, 56)},
            [
                {"rgb": (3, 16, 256, 256), "heatmaps": (17, 48, 64, 64)},
                {"rgb": (3, 8, 224, 224), "heatmaps": (17, 24, 56, 56)},
                {"rgb": (3, 32, 224, 224), "heatmaps": (17, 96, 56, 56)},
            ],
        ),
        (
            {"skeleton": (2, 100, 17, 3)},
            [{"skeleton": (2, 64, 17, 3)}, {"skeleton": (2, 300, 17, 3)}, {"skeleton": (1, 100, 17, 3)}],
        ),
        ({}, []),
    ],
)
def test_near_by_are_the_sides_of_tests_and_other_frame_counts(
    inputs: dict[str, tuple[int, ...]], near: list[dict[str, tuple[int, ...]]]
) -> None:
    assert near_by_inputs(inputs) == near


def test_further_off_are_frames_of_other_sides_with_heatmaps_that_keep_to_them() -> None:
    far = far_inputs({"rgb": (3, 16, 224, 224), "heatmaps": (17, 48, 56, 56)})
    sides = [(inputs["rgb"][-1], inputs["heatmaps"][-1]) for inputs in far]
    assert sides == [(112, 28), (192, 48), (288, 72), (320, 80)]
    assert far_inputs({"heatmaps": (17, 48, 56, 56)}) == []


def test_only_what_nothing_nearer_explains_looks_further_off(count: Callable[..., CountRecord]) -> None:
    (claim,) = (
        number
        for number in select(NUMBERS, catalogue_name="c3d", metrics=("macs",))
        if number.source.id == "MMA2"
    )
    records = [count("c3d", 38.547, counter="consensus", inputs={"rgb": (3, 16, 112, 112)})]
    for value, sides in (("38.5", []), ("77.1", []), ("51.3", [192, 288, 320])):
        changed = claim.model_copy(update={"value": Decimal(value)})
        found = far_requests([changed], judge_these(records, [changed], NUMBERS))
        assert [request.inputs["rgb"][-1] for request in found if request.inputs] == sides


def test_inputs_of_any_rank_have_no_wrong_neighbours() -> None:
    others: list[dict[str, tuple[int, ...]]] = [{"tokens": (12,)}, {"rgb": (3, 224, 224)}]
    for inputs in others:
        assert near_by_inputs(inputs) == far_inputs(inputs) == []
    assert not is_test_crop({"rgb": (3, 16, 224, 224)}, {"rgb": (3, 8, 256, 256)})
    assert is_test_crop({"rgb": (3, 16, 224, 224)}, {"rgb": (3, 16, 256, 256)})
