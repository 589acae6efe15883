"""X3D-M: one tiny 2-D network expanded, axis by axis, into an efficient video network.

Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition", CVPR 2020, table 1.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from epam.x_shiftnet import squeezed_channels
from epam_baselines.mmaction_layout import ConvUnit, linear
from epam_baselines.specification import ModelSpec

STEM_CHANNELS = 24
BLOCKS = (3, 5, 11, 7)
"""Depths 1, 2, 5, 3 times the expansion γ_d = 2.2, rounded up (paper, table 3)."""
BOTTLENECK_RATIO = 2.25
"""Inner width over outer: the paper's γ_b."""


class SqueezeExcite(nn.Module):
    """Scales each channel by what the mean over time and space says of it.

    ::

        x ─┬─ mean ─ fc1 ─ ReLU ─ fc2 ─ sigmoid ─ (×)
           └───────────────────────────────────────┘
    """

    def __init__(self, channels: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Conv3d(channels, hidden, 1)
        self.relu = nn.ReLU(inplace=True)
        self.fc2 = nn.Conv3d(hidden, channels, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C, T, H, W)``."""
        mean = x.mean((2, 3, 4), keepdim=True)
        return x * self.sigmoid(self.fc2(self.relu(self.fc1(mean))))


class InvertedBottleneck(nn.Module):
    """Residual block that widens, looks around in every channel alone, and narrows again.

    ::

        x ─┬─ conv1 1×1 ─ conv2 depthwise 3×3×3 ─ [SE] ─ SiLU ─ conv3 1×1 ─ (+) ─ ReLU
           └───────────────────── [downsample 1×1] ──────────────────────────┘
    """

    def __init__(
        self, in_channels: int, inner: int, out_channels: int, *, spatial_stride: int, excite: bool
    ) -> None:
        super().__init__()
        stride = (1, spatial_stride, spatial_stride)
        self.conv1 = ConvUnit(in_channels, inner, 1)
        self.conv2 = ConvUnit(inner, inner, 3, stride=stride, groups=inner, activation=False)
        self.se_module: nn.Module = nn.Identity()
        if excite:
            self.se_module = SqueezeExcite(inner, squeezed_channels(inner))
        self.swish = nn.SiLU(inplace=True)
        self.conv3 = ConvUnit(inner, out_channels, 1, activation=False)
        nn.init.zeros_(self.conv3.bn.weight)  # so that a fresh block is its shortcut
        self.downsample: nn.Module = nn.Identity()
        if spatial_stride != 1 or in_channels != out_channels:
            self.downsample = ConvUnit(in_channels, out_channels, 1, stride=stride, activation=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C', T, H/s, W/s)``."""
        out = self.swish(self.se_module(self.conv2(self.conv1(x))))
        return self.relu(self.conv3(out) + self.downsample(x))


class X3DHead(nn.Module):
    """Mean over time and space, a wide hidden layer without bias, dropout, a linear layer."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.fc1 = linear(channels, 2048, std=0.01, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(0.5)
        self.fc2 = linear(2048, num_classes, std=0.01)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, num_classes)``."""
        return self.fc2(self.dropout(self.relu(self.fc1(x.mean((2, 3, 4))))))


class X3DM(nn.Module):
    """X3D-M under the names of MMAction2's published checkpoint; time is never subsampled.

    ::

        clip ─ conv1_s 1×3×3 ─ conv1_t depthwise 5×1×1 ─ layer1 … layer4 ─ conv5 1×1 ─ mean ─ fc1 ─ fc2
                  ÷2                                      ÷2  …  ÷2
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv1_s=ConvUnit(3, STEM_CHANNELS, (1, 3, 3), stride=(1, 2, 2), norm=False, activation=False),
            conv1_t=ConvUnit(STEM_CHANNELS, STEM_CHANNELS, (5, 1, 1), groups=STEM_CHANNELS),
        )
        channels = STEM_CHANNELS
        for index, depth in enumerate(BLOCKS):
            width = STEM_CHANNELS * 2**index
            layers[f"layer{index + 1}"] = _stage(channels, width, depth)
            channels = width
        features = int(BOTTLENECK_RATIO * channels)
        layers["conv5"] = ConvUnit(channels, features, 1)
        self.backbone = nn.Sequential(layers)
        self.cls_head = X3DHead(features, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``."""
        return self.cls_head(self.backbone(x))


def _stage(in_channels: int, width: int, depth: int) -> nn.Sequential:
    """Blocks of one width, the first halving the image, every other one with squeeze-and-excite."""
    inner = int(BOTTLENECK_RATIO * width)
    blocks = [
        InvertedBottleneck(
            width if index else in_channels,
            inner,
            width,
            spatial_stride=1 if index else 2,
            excite=index % 2 == 0,
        )
        for index in range(depth)
    ]
    return nn.Sequential(*blocks)


# Views: MMAction2, configs/recognition/x3d/README.md (75.2 %, 10 clips × 1 crop). MACs and parameters
# (4.73 G, 3.8 M) at 224²: PySlowFast, MODEL_ZOO.md.
SPEC = ModelSpec(
    name="x3d_m",
    title="X3D-M",
    paper="Feichtenhofer, CVPR 2020",
    year=2020,
    modalities=("rgb",),
    inputs={"rgb": (3, 16, 224, 224)},
    clips=10,
    crops=1,
    num_classes=400,
    build=X3DM,
)
