from __future__ import annotations

import pytest
import torch
from torch import nn

from epam_baselines.mmaction_layout import (
    ConvUnit,
    ImageConvUnit,
    PooledClassifier,
    crop_note,
    draw_convolution,
    linear,
    relu6,
)


def test_conv_unit_has_the_published_names_of_conv_and_batch_norm() -> None:
    keys = set(ConvUnit(2, 4, 3).state_dict())
    batch_norm = {"bn.weight", "bn.bias", "bn.running_mean", "bn.running_var", "bn.num_batches_tracked"}
    assert keys == {"conv.weight"} | batch_norm


def test_conv_unit_without_norm_keeps_its_bias_under_the_published_name() -> None:
    unit = ConvUnit(2, 4, 3, bias=True, norm=False)
    assert set(unit.state_dict()) == {"conv.weight", "conv.bias"}
    assert unit.conv.bias is not None
    assert unit.conv.bias.count_nonzero() == 0


def test_conv_unit_pads_every_axis_for_its_own_kernel() -> None:
    x = torch.zeros(1, 2, 5, 6, 7)
    for kernel in (1, 3, (3, 1, 1), (1, 7, 7), (5, 1, 1)):
        assert ConvUnit(2, 4, kernel)(x).shape == (1, 4, 5, 6, 7)  # type: ignore[arg-type]


def test_conv_unit_strides_halve_the_axes_they_name() -> None:
    assert ConvUnit(2, 4, (1, 3, 3), stride=(1, 2, 2))(torch.zeros(1, 2, 4, 8, 6)).shape == (1, 4, 4, 4, 3)


def test_conv_unit_ends_in_a_relu_only_where_asked() -> None:
    x = torch.randn(4, 2, 2, 4, 4)
    assert ConvUnit(2, 4, 1)(x).min() == 0
    assert ConvUnit(2, 4, 1, activation=False)(x).min() < 0


def test_conv_unit_gives_its_batch_norm_the_asked_epsilon() -> None:
    assert ConvUnit(2, 4, 1).bn.eps == 1e-5
    assert ConvUnit(2, 4, 1, eps=1e-3).bn.eps == 1e-3


def test_image_conv_unit_has_the_published_names_of_conv_and_batch_norm() -> None:
    unit = ImageConvUnit(2, 4, 3)
    assert set(unit.state_dict()) == set(ConvUnit(2, 4, 3).state_dict())
    assert unit.state_dict()["conv.weight"].shape == (4, 2, 3, 3)


def test_image_conv_unit_pads_for_its_kernel_and_halves_by_its_stride() -> None:
    x = torch.zeros(1, 4, 6, 8)
    for kernel in (1, 3, 7):
        assert ImageConvUnit(4, 4, kernel)(x).shape == (1, 4, 6, 8)
    unit = ImageConvUnit(4, 4, 3, stride=2, groups=4)
    assert unit(x).shape == (1, 4, 3, 4)
    assert unit.state_dict()["conv.weight"].shape == (4, 1, 3, 3)


def test_image_conv_unit_ends_in_the_asked_activation() -> None:
    x = 100 * torch.randn(4, 2, 4, 4)
    for activation, clipped in ((None, False), (relu6, True)):
        y = ImageConvUnit(2, 4, 1, activation=activation).eval()(x)
        assert (y.min() >= 0) == (y.max() <= 6) == clipped
    assert ImageConvUnit(2, 4, 1)(x).min() == 0


def test_drawn_convolutions_keep_the_size_of_what_goes_back_through_them() -> None:
    conv = nn.Conv2d(16, 400, 3)
    draw_convolution(conv)
    # Kaiming, fan-out, ReLU: variance 2 over 400 channels times 9 places.
    assert float(conv.weight.detach().var()) == pytest.approx(2 / (400 * 9), rel=0.05)
    assert conv.bias is not None
    assert conv.bias.count_nonzero() == 0


def test_the_note_on_the_crop_has_the_cost_of_a_view_at_256() -> None:
    assert "256 × 256 crops, 43.3 G MACs a view" in crop_note("43.3")


def test_linear_draws_weights_of_the_asked_deviation_and_no_bias() -> None:
    layer = linear(400, 400, std=0.005)
    assert 0.0048 < float(layer.weight.detach().std()) < 0.0052
    assert layer.bias.count_nonzero() == 0
    assert linear(4, 4, std=1.0, bias=False).bias is None


def test_classifier_sees_only_the_mean_over_time_and_space() -> None:
    head = PooledClassifier(2, 3).eval()
    nn.init.eye_(head.fc_cls.weight)
    clip = torch.tensor([[1.0, 3.0], [10.0, 30.0]]).reshape(1, 2, 2, 1, 1)
    assert head(clip).tolist() == [[2.0, 20.0, 0.0]]
