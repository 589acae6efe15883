"""Inception-I3D: the Inception network of images with every filter inflated to three dimensions.

Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset",
CVPR 2017, figure 3. VPN and VPN++ look at the video with it.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_baselines.specification import ModelSpec

FEATURES = 1024
"""Channels that the last block gives."""

MIXED_BLOCKS = {
    "Mixed_3b": (64, 96, 128, 16, 32, 32),
    "Mixed_3c": (128, 128, 192, 32, 96, 64),
    "Mixed_4b": (192, 96, 208, 16, 48, 64),
    "Mixed_4c": (160, 112, 224, 24, 64, 64),
    "Mixed_4d": (128, 128, 256, 24, 64, 64),
    "Mixed_4e": (112, 144, 288, 32, 64, 64),
    "Mixed_4f": (256, 160, 320, 32, 128, 128),
    "Mixed_5b": (256, 160, 320, 32, 128, 128),
    "Mixed_5c": (384, 192, 384, 48, 128, 128),
}
"""Widths of each block's layers b0, b1a, b1b, b2a, b2b, b3b: those of Inception-v1 (GoogLeNet's table 1)."""

Size3 = tuple[int, int, int]


def pad_same(x: Tensor, kernel: Size3, stride: Size3) -> Tensor:
    """Zeros around T, H and W, so that ``stride`` divides them up as TensorFlow's SAME does.

    What cannot be shared evenly goes behind: ``(N, C, T, H, W) → (N, C, T + t, H + h, W + w)``.
    """
    padding: list[int] = []
    for size, window, step in zip(x.shape[:1:-1], reversed(kernel), reversed(stride), strict=True):
        missing = max((-(-int(size) // step) - 1) * step + window - int(size), 0)
        padding += (missing // 2, missing - missing // 2)
    return F.pad(x, padding) if any(padding) else x


class Unit3D(nn.Module):
    """3-D convolution with SAME padding, then batch norm and ReLU."""

    def __init__(self, in_channels: int, channels: int, kernel: Size3, stride: Size3 = (1, 1, 1)) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride
        self.conv3d = nn.Conv3d(in_channels, channels, kernel, stride, bias=False)
        self.bn = nn.BatchNorm3d(channels, eps=1e-3, momentum=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C', T/t, H/s, W/s)``, strides t and s, rounded up."""
        return F.relu(self.bn(self.conv3d(pad_same(x, self.kernel, self.stride))))


class MaxPool3D(nn.Module):
    """Max pool with SAME padding by zeros: of what a ReLU gives, zeros change no maximum."""

    def __init__(self, kernel: Size3, stride: Size3) -> None:
        super().__init__()
        self.kernel, self.stride = kernel, stride

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C, T/t, H/s, W/s)``, rounded up."""
        return F.max_pool3d(pad_same(x, self.kernel, self.stride), self.kernel, self.stride)


class MixedBlock(nn.Module):
    """Four views of the same volume, side by side in the channels.

    ::

            ┌─ b0 1³ ─────────────┐
        x ──┼─ b1a 1³ ── b1b 3³ ──┼─ concatenate
            ├─ b2a 1³ ── b2b 3³ ──┤
            └─ max 3³ ── b3b 1³ ──┘
    """

    def __init__(self, in_channels: int, widths: tuple[int, int, int, int, int, int]) -> None:
        super().__init__()
        one, three = (1, 1, 1), (3, 3, 3)
        b0, b1a, b1b, b2a, b2b, b3b = widths
        self.b0 = Unit3D(in_channels, b0, one)
        self.b1a = Unit3D(in_channels, b1a, one)
        self.b1b = Unit3D(b1a, b1b, three)
        self.b2a = Unit3D(in_channels, b2a, one)
        self.b2b = Unit3D(b2a, b2b, three)
        self.b3a = MaxPool3D(three, one)
        self.b3b = Unit3D(in_channels, b3b, one)
        self.out_channels = b0 + b1b + b2b + b3b

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C', T, H, W)``."""
        branches = (self.b0(x), self.b1b(self.b1a(x)), self.b2b(self.b2a(x)), self.b3b(self.b3a(x)))
        return torch.cat(branches, dim=1)


def inception_i3d_trunk() -> OrderedDict[str, nn.Module]:
    """The layers up to ``Mixed_5c`` by name: ``(N, 3, T, H, W) → (N, 1024, T/8, H/32, W/32)``."""
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        Conv3d_1a_7x7=Unit3D(3, 64, (7, 7, 7), (2, 2, 2)),
        MaxPool3d_2a_3x3=MaxPool3D((1, 3, 3), (1, 2, 2)),
        Conv3d_2b_1x1=Unit3D(64, 64, (1, 1, 1)),
        Conv3d_2c_3x3=Unit3D(64, 192, (3, 3, 3)),
        MaxPool3d_3a_3x3=MaxPool3D((1, 3, 3), (1, 2, 2)),
    )
    pools_before: dict[str, tuple[str, Size3]] = {
        "Mixed_4b": ("MaxPool3d_4a_3x3", (3, 3, 3)),
        "Mixed_5b": ("MaxPool3d_5a_2x2", (2, 2, 2)),
    }
    channels = 192
    for name, widths in MIXED_BLOCKS.items():
        if name in pools_before:
            pool, kernel = pools_before[name]
            layers[pool] = MaxPool3D(kernel, (2, 2, 2))
        block = MixedBlock(channels, widths)
        layers[name], channels = block, block.out_channels
    return layers


class Logits(nn.Module):
    """The 1×1×1 convolution that gives the logits; in a module of its own for its published name."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv3d = nn.Conv3d(FEATURES, num_classes, 1)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 1024, T, H, W) → (N, num_classes, T, H, W)``."""
        return self.conv3d(x)


class InceptionI3D(nn.Sequential):
    """Inception-I3D under the names of the published PyTorch weights (pytorch-i3d, VPN++'s code).

    ::

        clip ─ Conv3d_1a 7³/2 ─ pool ─ 2b 1³ ─ 2c 3³ ─ pool ─ 3b 3c ─ pool/2 ─ 4b … 4f ─ pool/2 ─ 5b 5c ─┐
                                              mean over time ─ logits 1³ ─ dropout ─ mean 2×7×7, step 1 ─┘
    """

    def __init__(self, *, num_classes: int, dropout: float = 0.5) -> None:
        # The names of the published weights stand on the network itself: no `backbone` before them.
        super().__init__(inception_i3d_trunk())
        self.avg_pool = nn.AvgPool3d((2, 7, 7), stride=1)
        self.dropout = nn.Dropout(dropout)
        self.logits = Logits(num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``; T at least 9, H and W 193 to 224."""
        return super().forward(x).flatten(2).mean(2)


# Published: 108 G MACs (64 × 224², one view) in the comparison tables of SlowFast's time, 107.9 G in
# EPAM-Net's row of VPN. Ours are 111.15 G and 12.29 M parameters, as counted in VPN++'s own file
# pytorch_i3d.py (12.70 M with the head); for the difference of 3 % to 107.9 see vpn.py's SPEC. Views: the
# paper trains on 64 consecutive frames and tests once over all of a video's (250 at 25 a second).
SPEC = ModelSpec(
    name="inception_i3d",
    title="Inception-I3D",
    paper="Carreira and Zisserman, CVPR 2017",
    year=2017,
    modalities=("rgb",),
    inputs={"rgb": (3, 64, 224, 224)},
    clips=1,
    crops=1,
    num_classes=400,
    build=InceptionI3D,
    frame_interval=1,
    head=("logits",),
    notes=(
        "the cost is that of the 64 frames of training, where published costs are counted; the paper's "
        "accuracy comes from one pass over all 250 frames of a video",
    ),
)
