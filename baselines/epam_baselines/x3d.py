"""X3D: one tiny 2-D network expanded, axis by axis, into efficient video networks of four sizes.

Feichtenhofer, "X3D: Expanding Architectures for Efficient Video Recognition", CVPR 2020, tables 1 and 3.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from epam.x_shiftnet import squeezed_channels
from epam_baselines.mmaction_layout import ConvUnit, draw_convolution, linear
from epam_baselines.specification import ModelSpec

STEM_CHANNELS = 24
UNEXPANDED_BLOCKS = (1, 2, 5, 3)
"""Depth of each stage before the network is made deeper (paper, table 1)."""
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
        for layer in (self.fc1, self.fc2):
            draw_convolution(layer)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C, T, H, W)``."""
        mean = x.mean((2, 3, 4), keepdim=True)
        return x * self.sigmoid(self.fc2(self.relu(self.fc1(mean))))


class InvertedBottleneck(nn.Module):
    """Residual block that widens, looks around in every channel alone, and narrows again.

    ::

        x ─┬─ conv1 1×1 ─ conv2 depthwise 3×3×3 ─ [SE] ─ [SiLU] ─ conv3 1×1 ─ (+) ─ ReLU
           └────────────────────── [downsample 1×1] ───────────────────────────┘
    """

    def __init__(
        self,
        in_channels: int,
        inner: int,
        out_channels: int,
        *,
        spatial_stride: int,
        excite: bool,
        swish: bool = True,
    ) -> None:
        super().__init__()
        stride = (1, spatial_stride, spatial_stride)
        self.conv1 = ConvUnit(in_channels, inner, 1)
        self.conv2 = ConvUnit(inner, inner, 3, stride=stride, groups=inner, activation=False)
        self.se_module: nn.Module = nn.Identity()
        if excite:
            self.se_module = SqueezeExcite(inner, squeezed_channels(inner))
        self.swish: nn.Module = nn.SiLU(inplace=True) if swish else nn.Identity()
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


class X3D(nn.Module):
    """X3D under the names of MMAction2's published checkpoints; time is never subsampled.

    ::

        clip ─ conv1_s 1×3×3 ─ conv1_t depthwise 5×1×1 ─ layer1 … layer4 ─ conv5 1×1 ─ mean ─ fc1 ─ fc2
                  ÷2                                      ÷2  …  ÷2
    """

    def __init__(self, *, stage_blocks: Sequence[int], num_classes: int) -> None:
        super().__init__()
        self.backbone = x3d_backbone(in_channels=3, stage_blocks=stage_blocks)
        self.cls_head = X3DHead(feature_channels(len(stage_blocks)), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``."""
        return self.cls_head(self.backbone(x))


def x3d_backbone(
    *, in_channels: int, stage_blocks: Sequence[int], stem_stride: int = 2, excite: bool = True
) -> nn.Sequential:
    """Stem, stages of doubling width, and the last 1×1 convolution.

    ``(N, in_channels, T, H, W) → (N, feature_channels(stages), T, H/s, W/s)``,
    s being ``stem_stride × 2^stages``.

    Args:
        in_channels: 3 for RGB, 17 for heatmaps.
        stage_blocks: blocks in each stage.
        stem_stride: spatial stride of the first convolution.
        excite: squeeze-and-excite in every other block, and SiLU in all; off, there is neither.
    """
    stride = (1, stem_stride, stem_stride)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1_s=ConvUnit(in_channels, STEM_CHANNELS, (1, 3, 3), stride=stride, norm=False, activation=False),
        conv1_t=ConvUnit(STEM_CHANNELS, STEM_CHANNELS, (5, 1, 1), groups=STEM_CHANNELS),
    )
    channels = STEM_CHANNELS
    for index, depth in enumerate(stage_blocks):
        width = STEM_CHANNELS * 2**index
        layers[f"layer{index + 1}"] = _stage(channels, width, depth, excite=excite)
        channels = width
    layers["conv5"] = ConvUnit(channels, feature_channels(len(stage_blocks)), 1)
    return nn.Sequential(layers)


def _stage(in_channels: int, width: int, depth: int, *, excite: bool) -> nn.Sequential:
    """Blocks of one width, the first halving the image, every other one with squeeze-and-excite."""
    inner = int(BOTTLENECK_RATIO * width)
    blocks = [
        InvertedBottleneck(
            width if index else in_channels,
            inner,
            width,
            spatial_stride=1 if index else 2,
            excite=excite and index % 2 == 0,
            swish=excite,
        )
        for index in range(depth)
    ]
    return nn.Sequential(*blocks)


def feature_channels(stages: int) -> int:
    """Width of what a backbone of so many stages gives.

    >>> [feature_channels(stages) for stages in (3, 4)]
    [216, 432]
    """
    return int(BOTTLENECK_RATIO * STEM_CHANNELS * 2 ** (stages - 1))


def expanded_blocks(depth_factor: float) -> tuple[int, ...]:
    """Blocks in each stage for the paper's γ_d, rounded up.

    >>> expanded_blocks(2.2), expanded_blocks(5.0)
    ((3, 5, 11, 7), (5, 10, 25, 15))
    """
    return tuple(math.ceil(depth_factor * depth) for depth in UNEXPANDED_BLOCKS)


SMALL_BLOCKS = expanded_blocks(2.2)
LARGE_BLOCKS = expanded_blocks(5.0)
"""XS, S and M are one network at three sizes of clip; L is deeper (paper, table 3)."""


def x3d_m(*, num_classes: int) -> X3D:
    """The network that XS, S and M share."""
    return X3D(stage_blocks=SMALL_BLOCKS, num_classes=num_classes)


def x3d_l(*, num_classes: int) -> X3D:
    """The deeper network of L."""
    return X3D(stage_blocks=LARGE_BLOCKS, num_classes=num_classes)


PAPER = "Feichtenhofer, CVPR 2020"

# Clips, intervals and crops: PySlowFast, configs/Kinetics/X3D_{XS,S,M,L}.yaml. Accuracy (10 clips × 1
# crop, at the sizes given here: 68.7, 73.1, 75.1 and 76.9 %), parameters (3.8, 3.8, 3.8, 6.2 M) and MACs
# (0.60, 1.96, 4.73, 18.37 G): its MODEL_ZOO.md. Ours are 0.605, 1.963, 4.733 and 18.368 G, of
# convolutions and linear layers alone; the first is 0.9 % over what is printed, we don't know why.
# MMAction2 (configs/recognition/x3d/README.md) publishes the weights of S and M, with 10 clips × 1
# crop 73.2 and 75.2 %. PyTorchVideo (docs/source/model_zoo.md) prints 0.91, 2.96, 6.72 and 26.64 G for
# the same networks: at the larger crops of 30-view testing (182², 182², 256², 356²), and with five
# operations for each element that a batch norm gives, which is what fvcore counts for a network left in
# training mode (batchnorm_flop_jit). So counted, ours are 0.910, 2.955, 6.723 and 26.639 G.
X3D_XS = ModelSpec(
    name="x3d_xs",
    title="X3D-XS",
    paper=PAPER,
    year=2020,
    modalities=("rgb",),
    inputs={"rgb": (3, 4, 160, 160)},
    clips=10,
    crops=1,
    num_classes=400,
    build=x3d_m,
    frame_interval=12,
    notes=("30-view accuracies of X3D-XS were taken at 182 × 182 crops, which cost 0.84 G a view.",),
)
X3D_S = ModelSpec(
    name="x3d_s",
    title="X3D-S",
    paper=PAPER,
    year=2020,
    modalities=("rgb",),
    inputs={"rgb": (3, 13, 160, 160)},
    clips=10,
    crops=1,
    num_classes=400,
    build=x3d_m,
    frame_interval=6,
    notes=("30-view accuracies of X3D-S were taken at 182 × 182 crops, which cost 2.72 G a view.",),
)
SPEC = ModelSpec(
    name="x3d_m",
    title="X3D-M",
    paper=PAPER,
    year=2020,
    modalities=("rgb",),
    inputs={"rgb": (3, 16, 224, 224)},
    clips=10,
    crops=1,
    num_classes=400,
    build=x3d_m,
    frame_interval=5,
    notes=("30-view accuracies of X3D-M were taken at 256 × 256 crops, which cost 6.18 G a view.",),
)
X3D_L = ModelSpec(
    name="x3d_l",
    title="X3D-L",
    paper=PAPER,
    year=2020,
    modalities=("rgb",),
    inputs={"rgb": (3, 16, 312, 312)},
    clips=10,
    crops=1,
    num_classes=400,
    build=x3d_l,
    frame_interval=5,
    notes=("30-view accuracies of X3D-L were taken at 356 × 356 crops, which cost 24.76 G a view.",),
)
