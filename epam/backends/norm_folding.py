"""Batch norms folded into the convolutions before them: in evaluation they are one scale and one shift."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from epam.x_shiftnet import ConvNorm


def folded_weights(pair: ConvNorm) -> tuple[Tensor, Tensor]:
    """Weight and bias of the one convolution that equals a convolution and its norm in evaluation.

    ``w' = w · g / sqrt(var + eps)``, ``b' = beta − mean · g / sqrt(var + eps)``, worked out in float64.
    """
    norm = pair.get_submodule("bn")
    assert isinstance(norm, nn.BatchNorm2d)
    weight = pair.get_parameter("conv.weight").detach()
    scale = norm.weight.double() / torch.sqrt(_known(norm.running_var).double() + norm.eps)
    bias = norm.bias.double() - _known(norm.running_mean).double() * scale
    folded = weight.double() * scale.reshape(-1, 1, 1, 1)
    return folded.detach().to(weight.dtype), bias.detach().to(weight.dtype)


def fold_norm(pair: ConvNorm) -> nn.Conv2d:
    """The convolution that equals a convolution and its batch norm in evaluation mode."""
    conv = pair.get_submodule("conv")
    assert isinstance(conv, nn.Conv2d)
    # Plain numbers, for `padding` is also a name in PyTorch's own types.
    folded = nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        conv.kernel_size,  # type: ignore[arg-type]
        conv.stride,  # type: ignore[arg-type]
        conv.padding,  # type: ignore[arg-type]
        groups=conv.groups,
        device=conv.weight.device,
        dtype=conv.weight.dtype,
    )
    weight, bias = folded_weights(pair)
    with torch.no_grad():
        folded.weight.copy_(weight)
        folded.bias.copy_(bias)  # type: ignore[union-attr]
    return folded.requires_grad_(False).eval()


def _known(statistic: Tensor | None) -> Tensor:
    assert statistic is not None, "a norm that keeps no statistics cannot be folded"
    return statistic
