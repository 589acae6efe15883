"""No cost is put beside an accuracy unless it is at that accuracy's views and input."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import AccuracyRecord, CountRecord
from epam_reports.costs import (
    Cost,
    NoCost,
    accuracy_beside,
    cost_of_accuracy,
    cost_of_evaluation,
    printed_gmacs,
)
from epam_reports.measurements import gather
from epam_reports.published import PublishedNumber, load_published, select

Count = Callable[..., CountRecord]
Accuracy = Callable[..., AccuracyRecord]
NUMBERS = load_published()


def _accuracy(name: str) -> PublishedNumber:
    return select(NUMBERS, catalogue_name=name, metrics=("top1",))[0]


def test_our_count_is_multiplied_by_the_views_of_the_accuracy(count: Count) -> None:
    cost = cost_of_accuracy(_accuracy("c3d"), gather([count("c3d", 38.0)]), NUMBERS)
    assert isinstance(cost, Cost)
    assert (cost.gmacs_per_video, cost.views, cost.origin) == (pytest.approx(380.0), 10, "measured")


def test_count_at_another_input_gives_way_to_a_quoted_one(count: Count) -> None:
    cost = cost_of_accuracy(_accuracy("posec3d"), gather([count("posec3d", 15.6)]), NUMBERS)
    assert isinstance(cost, Cost)
    assert (cost.gmacs_per_video, cost.origin) == (pytest.approx(10 * 20.6), "quoted")


def test_without_any_count_at_that_input_there_is_no_cost() -> None:
    numbers = select(NUMBERS, catalogue_name="posec3d", metrics=("top1",))
    cost = cost_of_accuracy(numbers[0], (), numbers)
    assert isinstance(cost, NoCost)
    assert "heatmaps 17x48x64x64" in cost.reason


def test_cost_printed_for_three_views_is_not_the_cost_of_ten() -> None:
    ten_views = next(
        number for number in select(NUMBERS, model="pi-ViT", metrics=("top1",)) if number.views == 10
    )
    cost = cost_of_accuracy(ten_views, (), select(NUMBERS, model="pi-ViT"))
    assert isinstance(cost, NoCost)
    assert "3 views" in cost.reason
    assert "10 views" in cost.reason


def test_accuracy_at_the_measured_input_and_views_is_preferred(count: Count) -> None:
    (entry,) = gather([count("x3d_m", inputs={"rgb": (3, 16, 224, 224)}, clips=10)])
    chosen = accuracy_beside(entry, NUMBERS)
    assert chosen is not None
    assert (chosen.views, chosen.shapes) == (10, ((3, 16, 224, 224),))


def test_model_without_published_accuracy_has_none(count: Count) -> None:
    (entry,) = gather([count("x_shiftnet_rgb")])
    assert accuracy_beside(entry, NUMBERS) is None


def test_cost_says_what_it_was_multiplied_from(count: Count) -> None:
    measured = cost_of_accuracy(_accuracy("c3d"), gather([count("c3d", 38.0)]), NUMBERS)
    quoted = cost_of_accuracy(_accuracy("slowonly_r50"), (), NUMBERS)
    assert isinstance(measured, Cost)
    assert isinstance(quoted, Cost)
    assert measured.operands == "10 × 38.00 G"
    assert (quoted.operands, quoted.gmacs_per_video) == ("30 × 54.75 G", pytest.approx(1642.5))


def test_measured_accuracy_costs_our_count_times_its_own_views(count: Count, accuracy: Accuracy) -> None:
    record = accuracy(views=10, parameters=1000)
    cost = cost_of_evaluation(record, gather([count(gmacs=7.0, num_classes=2, parameters=1000)]))
    assert isinstance(cost, Cost)
    assert (cost.gmacs_per_video, cost.views, cost.operands) == (pytest.approx(70.0), 10, "10 × 7.00 G")
    assert cost.note == ""


def test_count_with_other_heads_will_do_and_says_so(count: Count, accuracy: Accuracy) -> None:
    # 58 classes more, each with 650 weights in the heads.
    other = count(gmacs=7.0, num_classes=60, parameters=1000 + 58 * 650)
    record = accuracy(parameters=1000)
    cost = cost_of_evaluation(record, gather([other]))
    assert isinstance(cost, Cost)
    assert cost.note == "counted with 60 classes, evaluated with 2"
    same = count(gmacs=6.0, num_classes=2, parameters=1000)
    cost = cost_of_evaluation(record, gather([other, same]))
    assert isinstance(cost, Cost)
    assert (cost.gmacs_per_video, cost.note) == (pytest.approx(6.0), "")


@pytest.mark.parametrize(
    ("counted", "reason"),
    [
        ({"num_classes": 2, "parameters": 2000}, "a network of 2,000 parameters for 2 classes"),
        ({"num_classes": 60, "parameters": 1001}, "a network of 1,001 parameters for 60 classes"),
        ({"num_classes": 60, "parameters": 1000 - 58}, "a network of 942 parameters for 60 classes"),
        ({"num_classes": 60, "parameters": 1000 + 58 * 40_000}, "a network of 2,321,000 parameters"),
        (
            {"num_classes": 2, "parameters": 1000, "inputs": {"rgb": (3, 6, 96, 96)}},
            "counted at rgb 3×6×96×96, evaluated at rgb 3×16×224×224 + heatmaps 17×48×56×56",
        ),
    ],
)
def test_another_network_or_input_of_that_name_is_a_mismatch(
    count: Count, accuracy: Accuracy, counted: dict[str, object], reason: str
) -> None:
    cost = cost_of_evaluation(accuracy(parameters=1000), gather([count(**counted)]))
    assert isinstance(cost, NoCost)
    assert reason in cost.reason
    assert cost.mismatch


def test_what_nobody_counted_is_no_mismatch(count: Count, accuracy: Accuracy) -> None:
    assert cost_of_evaluation(accuracy(), gather([count("c3d")])) == NoCost("not counted")


def test_published_accuracy_whose_cost_is_known_elsewhere_is_a_mismatch(count: Count) -> None:
    numbers = select(NUMBERS, catalogue_name="posec3d", metrics=("top1",))
    without, elsewhere = (
        cost_of_accuracy(numbers[0], measured, numbers) for measured in ((), gather([count("posec3d")]))
    )
    assert isinstance(without, NoCost)
    assert isinstance(elsewhere, NoCost)
    assert (without.mismatch, elsewhere.mismatch) == (False, True)


def _of(model: str, shape: tuple[int, ...]) -> PublishedNumber:
    found = select(NUMBERS, model=model, metrics=("top1", "mean_class_accuracy"), shapes=(shape,))
    return found[0]


def test_what_stands_in_for_a_network_is_counted_in_its_place(count: Count) -> None:
    record = count("timesformer", 392.0, inputs={"rgb": (3, 16, 224, 224)})
    measured = cost_of_accuracy(_of("pi-ViT", (3, 16, 224, 224)), gather([record]), NUMBERS)
    quoted = cost_of_accuracy(_of("pi-ViT", (3, 16, 224, 224)), (), NUMBERS)
    assert isinstance(measured, Cost)
    assert isinstance(quoted, Cost)
    assert (measured.gmacs_per_video, measured.origin) == (pytest.approx(3920.0), "measured")
    assert measured.note == "timesformer counted in its place"
    assert (quoted.gmacs_per_video, quoted.origin) == (pytest.approx(3920.66), "quoted")


def test_cost_printed_for_three_views_is_scaled_to_ten_of_the_same_input() -> None:
    cost = cost_of_accuracy(_of("pi-ViT", (3, 8, 224, 224)), (), select(NUMBERS, model="pi-ViT"))
    assert isinstance(cost, Cost)
    assert (cost.gmacs_per_video, cost.operands) == (pytest.approx(10 * 590 / 3), "10 × 590.0 G / 3")
    assert cost.gmacs_per_view == pytest.approx(590 / 3)


def test_ensemble_costs_all_its_networks(count: Count) -> None:
    accuracy = _accuracy("c3d").model_copy(update={"networks": 4})
    measured = cost_of_accuracy(accuracy, gather([count("c3d", 38.0)]), NUMBERS)
    quoted = cost_of_accuracy(accuracy, (), NUMBERS)
    assert isinstance(measured, Cost)
    assert isinstance(quoted, Cost)
    assert (measured.gmacs_per_video, measured.operands) == (
        pytest.approx(1520.0),
        "10 × 4 networks × 38.00 G",
    )
    assert (quoted.gmacs_per_video, quoted.operands) == (pytest.approx(1540.0), "10 × 4 networks × 38.5 G")


def test_flops_are_two_for_every_multiply_add() -> None:
    cost = select(NUMBERS, catalogue_name="c3d", metrics=("macs",))[0]
    assert printed_gmacs(cost) == pytest.approx(38.5)
    assert printed_gmacs(cost.model_copy(update={"convention": "FLOPs"})) == pytest.approx(19.25)


def test_accuracy_of_an_ensemble_is_not_that_of_the_one_network(count: Count) -> None:
    alone = _accuracy("c3d")
    ensemble = alone.model_copy(update={"networks": 4, "views": 1})
    (entry,) = gather([count("c3d", clips=1)])
    assert accuracy_beside(entry, [ensemble, alone]) == alone
    assert accuracy_beside(entry, [ensemble]) == ensemble
