from __future__ import annotations

import pytest
import torch
from torch import Tensor

from epam.backends.norm_folding import fold_norm, folded_weights
from epam.x_shiftnet import ConvNorm


@pytest.fixture
def doubling() -> ConvNorm:
    """One channel: the convolution doubles; the norm's mean is 3, its deviation 5, gain 10, bias 7."""
    pair = ConvNorm(1, 1, 1).eval()
    norm = pair.get_submodule("bn")
    norm.eps = 0.0  # type: ignore[assignment]
    with torch.no_grad():
        pair.get_parameter("conv.weight").fill_(2.0)
        norm.get_parameter("weight").fill_(10.0)
        norm.get_parameter("bias").fill_(7.0)
        norm.get_buffer("running_mean").fill_(3.0)
        norm.get_buffer("running_var").fill_(25.0)
    return pair


def test_one_channel_by_hand(doubling: ConvNorm) -> None:
    weight, bias = folded_weights(doubling)
    # 10 · (2x − 3) / 5 + 7 = 4x + 1
    assert (weight.item(), bias.item()) == (4.0, 1.0)


@pytest.mark.parametrize(
    ("channels", "kernel", "options"),
    [((3, 8), 3, {"stride": 2}), ((6, 6), 3, {"groups": 6}), ((5, 4), 1, {}), ((2, 1), 7, {})],
)
def test_the_folded_convolution_is_both(channels, kernel, options, lively) -> None:
    pair = lively(ConvNorm(*channels, kernel, **options)).eval().double()
    x = torch.randn(2, channels[0], 8, 8, dtype=torch.float64)
    folded = fold_norm(pair)
    assert torch.allclose(folded(x), pair(x), rtol=1e-12, atol=1e-12)
    assert folded.stride == pair.get_submodule("conv").stride
    assert not any(parameter.requires_grad for parameter in folded.parameters())


def test_the_pair_is_not_changed(doubling: ConvNorm) -> None:
    fold_norm(doubling).weight.zero_()
    assert doubling(torch.ones(1, 1, 1, 1)).item() == pytest.approx(5.0)


def test_a_channel_that_never_varied_is_folded_without_a_division_by_zero() -> None:
    pair = ConvNorm(1, 1, 1).eval()
    pair.get_buffer("bn.running_var").zero_()
    x = torch.ones(1, 1, 1, 1)
    assert torch.allclose(fold_norm(pair)(x), pair(x))
    assert isinstance(pair(x), Tensor)
