"""Layers under the names and with the initial weights that MMAction2's published checkpoints have.

A checkpoint of that project reads ``backbone.…`` and ``cls_head.…``; inside, a convolution with its
batch norm reads ``….conv.weight`` and ``….bn.weight``, whether it is 3-D or 2-D. Names and numbers
are from its model files (mmaction/models, configs/_base_/models).
"""

from __future__ import annotations

import functools
from collections import OrderedDict
from collections.abc import Callable

from torch import Tensor, nn

Size3 = int | tuple[int, int, int]

relu = functools.partial(nn.ReLU, inplace=True)
relu6 = functools.partial(nn.ReLU6, inplace=True)
"""Activations that write over their input, as a convolution's output is not needed again."""


class ConvUnit(nn.Sequential):
    """3-D convolution, padded to keep the size at stride 1, then batch norm and ReLU where asked.

    ``(N, C, T, H, W) → (N, C', T/t, H/s, W/s)``; Kaiming weights (fan-out), zero bias. ``eps`` is what
    the batch norm adds to a variance.
    """

    conv: nn.Conv3d
    bn: nn.BatchNorm3d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Size3,
        *,
        stride: Size3 = 1,
        groups: int = 1,
        bias: bool = False,
        norm: bool = True,
        activation: bool = True,
        eps: float = 1e-5,
    ) -> None:
        padding = _same(kernel)
        conv = nn.Conv3d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=bias)
        draw_convolution(conv)
        layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
        if norm:
            layers["bn"] = nn.BatchNorm3d(out_channels, eps=eps)
        if activation:
            layers["activate"] = nn.ReLU(inplace=True)
        super().__init__(layers)


class ImageConvUnit(nn.Sequential):
    """2-D convolution without bias, padded to keep the size at stride 1, batch norm, an activation or none.

    ``(N, C, H, W) → (N, C', H/s, W/s)``; Kaiming weights (fan-out).
    """

    conv: nn.Module
    bn: nn.BatchNorm2d

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: int,
        *,
        stride: int = 1,
        groups: int = 1,
        activation: Callable[[], nn.Module] | None = relu,
    ) -> None:
        padding = kernel // 2
        conv = nn.Conv2d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=False)
        draw_convolution(conv)
        layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv, bn=nn.BatchNorm2d(out_channels))
        if activation is not None:
            layers["activate"] = activation()
        super().__init__(layers)


def draw_convolution(conv: nn.Conv2d | nn.Conv3d) -> None:
    """Draw Kaiming-normal weights for a following ReLU (fan-out), and set the bias to zero."""
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    if conv.bias is not None:
        nn.init.zeros_(conv.bias)


def linear(in_features: int, out_features: int, *, std: float, bias: bool = True) -> nn.Linear:
    """Fully connected layer with normal weights of deviation ``std`` and zero bias."""
    layer = nn.Linear(in_features, out_features, bias=bias)
    nn.init.normal_(layer.weight, std=std)
    if bias:
        nn.init.zeros_(layer.bias)
    return layer


class PooledClassifier(nn.Module):
    """Mean over time and space, dropout, one linear layer (MMAction2's ``I3DHead``)."""

    def __init__(self, channels: int, num_classes: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.fc_cls = linear(channels, num_classes, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, num_classes)``."""
        return self.fc_cls(self.dropout(x.mean((2, 3, 4))))


def crop_note(giga_macs: str) -> str:
    """What a row has to say of a model that MMAction2 trained on crops of 224 and tested on crops of 256."""
    return (
        f"Its published accuracy is of 256 × 256 crops, {giga_macs} G MACs a view; the input here has the "
        "224 × 224 of its training."
    )


def _same(kernel: Size3) -> Size3:
    return kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
