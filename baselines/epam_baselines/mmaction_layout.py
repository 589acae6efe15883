"""Layers under the names and with the initial weights that MMAction2's published checkpoints have.

A checkpoint of that project reads ``backbone.…`` and ``cls_head.…``; inside, a convolution with its
batch norm reads ``….conv.weight`` and ``….bn.weight``. Names and numbers are from its model files
(mmaction/models, configs/_base_/models).
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

Size3 = int | tuple[int, int, int]


class ConvUnit(nn.Sequential):
    """3-D convolution, padded to keep the size at stride 1, then batch norm and ReLU where asked.

    ``(N, C, T, H, W) → (N, C', T/t, H/s, W/s)``; Kaiming weights (fan-out), zero bias.
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
    ) -> None:
        padding = _same(kernel)
        conv = nn.Conv3d(in_channels, out_channels, kernel, stride, padding, groups=groups, bias=bias)
        nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
        if conv.bias is not None:
            nn.init.zeros_(conv.bias)
        layers: OrderedDict[str, nn.Module] = OrderedDict(conv=conv)
        if norm:
            layers["bn"] = nn.BatchNorm3d(out_channels)
        if activation:
            layers["activate"] = nn.ReLU(inplace=True)
        super().__init__(layers)


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


def _same(kernel: Size3) -> Size3:
    return kernel // 2 if isinstance(kernel, int) else (kernel[0] // 2, kernel[1] // 2, kernel[2] // 2)
