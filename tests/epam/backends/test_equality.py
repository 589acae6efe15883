from __future__ import annotations

import copy
import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

import epam
from epam.backends.equality import (
    BOUNDS,
    Equality,
    check_equality,
    describe_wrong_logits,
    reference_logits,
)
from epam.errors import InputError


def test_epam_net_is_compared_with_its_twin_and_others_with_themselves(thin, clips, convolutional) -> None:
    assert reference_logits(thin(), [clips()])[0] == "the 3-D twin in float64"
    assert reference_logits(thin("non_local"), [clips()])[0] == "its own eager form in float64"
    name, expected = reference_logits(convolutional, [(torch.randn(2, 3, 2, 4, 4),)])
    assert name == "its own eager form in float64"
    assert expected[0]["single"].dtype is torch.float64


@pytest.mark.parametrize("attention", ["nested", "compressed"])
def test_the_network_is_left_as_it_was(attention, thin, clips) -> None:
    model = thin(attention).train()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    reference_logits(model, [clips()])
    assert model.training
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_the_network_itself_is_equal_and_every_clip_is_counted(thin, clips) -> None:
    model, inputs = thin(), [clips(2), clips(3)]
    name, expected = reference_logits(model, inputs)
    equality = check_equality(model, inputs, reference=name, expected=expected, precision="fp32")
    assert equality.holds
    assert equality.relative_error < 1e-5
    assert equality.bound == BOUNDS["fp32"]
    assert (equality.clips, equality.top1_agreement) == (5, 1.0)


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
@pytest.mark.parametrize(
    "broken",
    [
        "rgb_backbone.conv1_s",
        "rgb_backbone.layer1.0.conv2",
        "rgb_backbone.layer2.1.conv1",
        "pose_backbone.layer1.1.conv3",
        "pose_backbone.conv5",
    ],
)
def test_a_layer_that_lost_its_norm_is_found(broken, precision, thin, clips) -> None:
    model, inputs = thin(), [clips(2)]
    name, expected = reference_logits(model, inputs)
    wrong = copy.deepcopy(model)
    wrong.get_submodule(broken).bn = nn.Identity()
    with torch.no_grad():
        equality = check_equality(wrong, inputs, reference=name, expected=expected, precision=precision)
    assert not equality.holds


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_convolution_of_the_wrong_sign_is_found_in_every_precision(precision, thin, clips) -> None:
    model, inputs = thin(), [clips(2)]
    name, expected = reference_logits(model, inputs)
    with torch.no_grad():
        model.get_parameter("pose_backbone.layer1.1.conv3.conv.weight").neg_()
        equality = check_equality(model, inputs, reference=name, expected=expected, precision=precision)
    assert not equality.holds


def test_frames_in_another_order_are_found(thin, clips) -> None:
    model, (rgb, heatmaps) = thin(), clips(2)
    name, expected = reference_logits(model, [(rgb, heatmaps)])

    def backwards(rgb: Tensor, heatmaps: Tensor) -> epam.EPAMLogits:
        return model(rgb.flip(2), heatmaps)

    with torch.no_grad():
        equality = check_equality(
            backwards, [(rgb, heatmaps)], reference=name, expected=expected, precision="fp32"
        )
    assert not equality.holds


def logits_of(*rows: list[float]) -> Tensor:
    return torch.tensor(rows)


def test_the_error_is_the_largest_difference_over_the_largest_logit() -> None:
    expected = [{"single": logits_of([4.0, 1.0], [0.0, -2.0]).double()}]
    got = logits_of([4.0, 1.5], [0.0, -2.0])
    equality = check_equality(
        lambda x: got, [(torch.zeros(2),)], reference="r", expected=expected, precision="int8"
    )
    assert equality.relative_error == 0.125
    assert equality.top1_agreement == 1.0


def test_a_changed_best_class_is_counted_though_the_error_is_small() -> None:
    expected = [{"single": logits_of([1.0, 0.999]).double()}]
    equality = check_equality(
        lambda x: logits_of([0.999, 1.0]),
        [(torch.zeros(1),)],
        reference="r",
        expected=expected,
        precision="bf16",
    )
    assert equality.holds
    assert equality.top1_agreement == 0.0


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_what_is_not_a_number_is_never_equal(value: float) -> None:
    expected = [{"single": logits_of([1.0, 2.0], [3.0, 4.0]).double()}]
    for place in ((0, 0), (1, 1)):
        got = logits_of([1.0, 2.0], [3.0, 4.0])
        got[place] = value
        equality = check_equality(
            lambda x, got=got: got, [(torch.zeros(2),)], reference="r", expected=expected, precision="int8"
        )
        assert not equality.holds


def test_logits_that_are_all_zero_are_equal_only_to_zeros() -> None:
    expected = [{"single": torch.zeros(1, 3).double()}]
    for got, holds in ((torch.zeros(1, 3), True), (torch.full((1, 3), 1e-9), False)):
        equality = check_equality(
            lambda x, got=got: got, [(torch.zeros(1),)], reference="r", expected=expected, precision="fp32"
        )
        assert equality.holds is holds


def test_logits_of_another_shape_are_refused() -> None:
    expected = [{"single": torch.zeros(2, 3).double()}]
    with pytest.raises(InputError, match=r"\(1, 3\).*\(2, 3\)"):
        check_equality(
            lambda x: torch.zeros(1, 3),
            [(torch.zeros(2),)],
            reference="r",
            expected=expected,
            precision="fp32",
        )


def test_wrong_logits_are_told_with_the_error_the_reference_and_the_bound() -> None:
    equality = Equality(reference="the twin", clips=1, relative_error=0.52, bound=0.05, top1_agreement=0.0)
    assert describe_wrong_logits(equality, "bf16") == (
        "its logits are wrong: off by 5.2e-01 of the largest from the twin, and 5e-02 is the most in bf16"
    )
    none = replace(equality, relative_error=math.nan)
    assert describe_wrong_logits(none, "bf16") == (
        "its logits are wrong: some are no numbers (NaN, infinite), in it or in the twin"
    )
