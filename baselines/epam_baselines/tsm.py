"""TSM: an image network that shifts some channels to the neighbouring frames, and so sees across time.

Lin et al., "TSM: Temporal Shift Module for Efficient Video Understanding", ICCV 2019, section 3;
on a ResNet-50 (He et al., CVPR 2016) and on a MobileNetV2 (Sandler et al., CVPR 2018).
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from torch import Tensor, nn

from epam.temporal_shift import temporal_shift
from epam_baselines.mmaction_layout import ImageConvUnit, crop_note, linear, relu6
from epam_baselines.specification import ModelSpec

FOLD_DIV = 8
"""An eighth of the channels comes from the next frame, an eighth from the previous one (MMAction2,
configs/_base_/models/tsm_r50.py and tsm_mobilenet_v2.py)."""

WIDTH = 64
BLOCKS = (3, 4, 6, 3)
EXPANSION = 4
"""Output channels of a bottleneck over its inner width (ResNet)."""

MOBILE_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)
"""Expansion, channels, blocks and first stride of every stage (MobileNetV2, table 2)."""


class ShiftBottleneck(nn.Module):
    """ResNet-50's residual block, its branch shifted along time; the shortcut stays where it is.

    ::

        x ─┬─ shift ─ conv1 1×1 ─ conv2 3×3, strided ─ conv3 1×1 ─ (+) ─ ReLU
           └────────────────── [downsample 1×1] ───────────────────┘
    """

    def __init__(self, in_channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        out_channels = EXPANSION * width
        self.shift_fold = in_channels // FOLD_DIV
        self.conv1 = ImageConvUnit(in_channels, width, 1)
        self.conv1.conv = _shifted(self.conv1.conv)
        self.conv2 = ImageConvUnit(width, width, 3, stride=stride)
        self.conv3 = ImageConvUnit(width, out_channels, 1, activation=None)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = ImageConvUnit(in_channels, out_channels, 1, stride=stride, activation=None)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, C, H, W) → (N·T, 4 × width, H/s, W/s)``."""
        shifted = temporal_shift(x, frames=frames, fold=self.shift_fold)
        return self.relu(self.conv3(self.conv2(self.conv1(shifted))) + self.downsample(x))


class ShiftInvertedResidual(nn.Module):
    """MobileNetV2's block; where it has a shortcut, its branch is shifted along time.

    ::

        x ─┬─ [shift] ─ [expand 1×1] ─ depthwise 3×3, strided ─ project 1×1 ─ [+]
           └──────────────────────────── [shortcut] ───────────────────────────┘
    """

    def __init__(self, in_channels: int, out_channels: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        inner = expansion * in_channels
        self.has_shortcut = stride == 1 and in_channels == out_channels
        self.shift_fold = in_channels // FOLD_DIV
        layers: list[nn.Module] = [
            ImageConvUnit(inner, inner, 3, stride=stride, groups=inner, activation=relu6),
            ImageConvUnit(inner, out_channels, 1, activation=None),
        ]
        if expansion != 1:
            expand = ImageConvUnit(in_channels, inner, 1, activation=relu6)
            layers.insert(0, _shifted(expand) if self.has_shortcut else expand)
        self.conv = nn.Sequential(*layers)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, C, H, W) → (N·T, C', H/s, W/s)``."""
        if not self.has_shortcut:
            return self.conv(x)
        return x + self.conv(temporal_shift(x, frames=frames, fold=self.shift_fold))


class ShiftResNet50(nn.Module):
    """ResNet-50 of shifted blocks."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ImageConvUnit(3, WIDTH, 7, stride=2)
        self.maxpool = nn.MaxPool2d(3, 2, padding=1)
        channels = WIDTH
        for index, depth in enumerate(BLOCKS):
            width = WIDTH * 2**index
            first = ShiftBottleneck(channels, width, stride=2 if index else 1)
            channels = EXPANSION * width
            rest = [ShiftBottleneck(channels, width, stride=1) for _ in range(depth - 1)]
            self.add_module(f"layer{index + 1}", nn.Sequential(first, *rest))

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, 3, H, W) → (N·T, 2048, H/32, W/32)``."""
        x = self.maxpool(self.conv1(x))
        for index in range(len(BLOCKS)):
            x = _run(self.get_submodule(f"layer{index + 1}").children(), x, frames)
        return x


class ShiftMobileNetV2(nn.Module):
    """MobileNetV2 of shifted blocks."""

    def __init__(self) -> None:
        super().__init__()
        channels = 32
        self.conv1 = ImageConvUnit(3, channels, 3, stride=2, activation=relu6)
        for index, (expansion, width, depth, stride) in enumerate(MOBILE_STAGES):
            first = ShiftInvertedResidual(channels, width, expansion=expansion, stride=stride)
            rest = [
                ShiftInvertedResidual(width, width, expansion=expansion, stride=1) for _ in range(depth - 1)
            ]
            self.add_module(f"layer{index + 1}", nn.Sequential(first, *rest))
            channels = width
        self.conv2 = ImageConvUnit(channels, 1280, 1, activation=relu6)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, 3, H, W) → (N·T, 1280, H/32, W/32)``."""
        x = self.conv1(x)
        for index in range(len(MOBILE_STAGES)):
            x = _run(self.get_submodule(f"layer{index + 1}").children(), x, frames)
        return self.conv2(x)


class FrameHead(nn.Module):
    """Mean over space, dropout, one linear layer; then the mean of the frames' logits."""

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.fc_cls = linear(channels, num_classes, std=0.001)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, C, H, W) → (N, num_classes)``."""
        return self.fc_cls(self.dropout(x.mean((2, 3)))).unflatten(0, (-1, frames)).mean(1)


class TSM(nn.Module):
    """A shifted image network and its head under the names of MMAction2's published checkpoints."""

    def __init__(self, backbone: nn.Module, channels: int, num_classes: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.cls_head = FrameHead(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``, one frame a segment."""
        frames = x.shape[2]
        return self.cls_head(self.backbone(x.transpose(1, 2).flatten(0, 1), frames), frames)


def build_resnet50(*, num_classes: int) -> TSM:
    """TSM on a ResNet-50, every block shifted."""
    return TSM(ShiftResNet50(), 2048, num_classes)


def build_mobilenet_v2(*, num_classes: int) -> TSM:
    """TSM on a MobileNetV2, every block with a shortcut shifted."""
    return TSM(ShiftMobileNetV2(), 1280, num_classes)


def _shifted(layer: nn.Module) -> nn.Sequential:
    """The layer under the published name of one whose input is shifted."""
    return nn.Sequential(OrderedDict(net=layer))


def _run(blocks: Iterable[nn.Module], x: Tensor, frames: int) -> Tensor:
    for block in blocks:
        x = block(x, frames)
    return x


# Source: MMAction2, configs/recognition/tsm/README.md. ResNet-50: 73.18 % with 8 segments × 10 crops of
# 224²; 32.88 G are MACs of 8 segments of one crop, the head left out and every batch-normed element counted
# twice: so counted, ours are 32.875 G; convolutions and the linear layer alone are 32.70 G. The 23.87 M
# parameters printed are those of the Something-Something V2 network, with 174 classes; with the 400 of
# Kinetics it has 24.33 M, as configs/recognition/tsm/metafile.yml of its version 0.x says (24,327,632).
TSM_R50 = ModelSpec(
    name="tsm_r50",
    title="TSM R50",
    paper="Lin et al., ICCV 2019",
    year=2019,
    modalities=("rgb",),
    inputs={"rgb": (3, 8, 224, 224)},
    clips=1,
    crops=10,
    num_classes=400,
    build=build_resnet50,
)
# MobileNetV2: 68.71 % with 8 segments × 3 crops of 256², 2.736 M parameters. 3.269 G are MACs of 8 segments
# of one such crop, the head left out and every batch-normed element counted twice: so counted, ours are
# 3.269 G. Convolutions and the linear layer alone are 3.13 G there, 4.1 % less, because thin depthwise
# layers make batch norm a larger part; 2.40 G at the 224² of training that is given here.
TSM_MOBILENET_V2 = ModelSpec(
    name="tsm_mobilenet_v2",
    title="TSM MobileNetV2",
    paper="Lin et al., ICCV 2019",
    year=2019,
    modalities=("rgb",),
    inputs={"rgb": (3, 8, 224, 224)},
    clips=1,
    crops=3,
    num_classes=400,
    build=build_mobilenet_v2,
    notes=(crop_note("3.13"),),
)
