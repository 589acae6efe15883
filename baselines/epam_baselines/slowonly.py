"""SlowOnly: the slow path of SlowFast alone, a ResNet-50 that looks across time in its late stages.

Feichtenhofer et al., "SlowFast Networks for Video Recognition", ICCV 2019, table 1 and section 4.
"""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

from epam_baselines.mmaction_layout import ConvUnit, PooledClassifier, crop_note
from epam_baselines.specification import ModelSpec

EXPANSION = 4
"""Output channels of a bottleneck over its inner width (ResNet)."""


class Bottleneck(nn.Module):
    """Residual block; with ``temporal`` its first convolution sees three frames, else one.

    ::

        x ─┬─ conv1 1×1 (3×1×1) ─ conv2 1×3×3, strided ─ conv3 1×1 ─ (+) ─ ReLU
           └──────────────── [downsample 1×1] ────────────────────────┘
    """

    def __init__(
        self,
        in_channels: int,
        width: int,
        *,
        temporal: bool,
        spatial_stride: int = 1,
        temporal_stride: int = 1,
    ) -> None:
        super().__init__()
        out_channels = EXPANSION * width
        stride = (temporal_stride, spatial_stride, spatial_stride)
        self.conv1 = ConvUnit(in_channels, width, (3, 1, 1) if temporal else 1)
        self.conv2 = ConvUnit(width, width, (1, 3, 3), stride=stride)
        self.conv3 = ConvUnit(width, out_channels, 1, activation=False)
        nn.init.zeros_(self.conv3.bn.weight)  # so that a fresh block is its shortcut
        self.downsample: nn.Module = nn.Identity()
        if spatial_stride != 1 or in_channels != out_channels:
            self.downsample = ConvUnit(in_channels, out_channels, 1, stride=stride, activation=False)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, 4 × width, T/t, H/s, W/s)``, strides t and s."""
        return self.relu(self.conv3(self.conv2(self.conv1(x))) + self.downsample(x))


def residual_stage(
    in_channels: int,
    width: int,
    *,
    temporal: Sequence[bool],
    spatial_stride: int = 1,
    temporal_stride: int = 1,
) -> nn.Sequential:
    """Blocks of one width, one for each entry of ``temporal``; the first has the strides.

    ``(N, in_channels, T, H, W) → (N, 4 × width, T/t, H/s, W/s)``.
    """
    blocks = [
        Bottleneck(
            EXPANSION * width if index else in_channels,
            width,
            temporal=looks_across,
            spatial_stride=1 if index else spatial_stride,
            temporal_stride=1 if index else temporal_stride,
        )
        for index, looks_across in enumerate(temporal)
    ]
    return nn.Sequential(*blocks)


def slowonly_backbone(
    *,
    in_channels: int,
    width: int,
    blocks: Sequence[int],
    temporal: Sequence[bool],
    spatial_strides: Sequence[int],
    temporal_strides: Sequence[int],
    stem_stride: int,
) -> nn.Sequential:
    """Stem, then one stage for each entry of the four sequences, the width doubling from stage to stage.

    ``(N, in_channels, T, H, W) → (N, 4 × last width, T', H', W')``.

    Args:
        in_channels: 3 for RGB, 17 for heatmaps.
        width: channels of the stem and inner width of the first stage.
        blocks: depth of each stage.
        temporal: whether a stage's blocks look across time.
        spatial_strides: of each stage's first block.
        temporal_strides: of each stage's first block.
        stem_stride: spatial stride of the stem's convolution and of its max pool, each.
    """
    stride = (1, stem_stride, stem_stride)
    layers: OrderedDict[str, nn.Module] = OrderedDict(
        conv1=ConvUnit(in_channels, width, (1, 7, 7), stride=stride),
        maxpool=nn.MaxPool3d((1, 3, 3), stride, padding=(0, 1, 1)),
    )
    channels = width
    stages = zip(blocks, temporal, spatial_strides, temporal_strides, strict=True)
    for index, (depth, looks_across, spatial, temporal_stride) in enumerate(stages):
        inner = width * 2**index
        layers[f"layer{index + 1}"] = residual_stage(
            channels,
            inner,
            temporal=[looks_across] * depth,
            spatial_stride=spatial,
            temporal_stride=temporal_stride,
        )
        channels = EXPANSION * inner
    return nn.Sequential(layers)


class SlowOnlyR50(nn.Module):
    """SlowOnly-R50 under the names of MMAction2's published checkpoints.

    ::

        clip ─ conv1 1×7×7 ─ max pool ─ layer1 ─ layer2 ─ layer3 ─ layer4 ─ mean ─ fc_cls
                             └────── frame by frame ───┘ └─ across time ─┘
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.backbone = slowonly_backbone(
            in_channels=3,
            width=64,
            blocks=(3, 4, 6, 3),
            temporal=(False, False, True, True),
            spatial_strides=(1, 2, 2, 2),
            temporal_strides=(1, 1, 1, 1),
            stem_stride=2,
        )
        self.cls_head = PooledClassifier(2048, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``."""
        return self.cls_head(self.backbone(x))


# Source: MMAction2, configs/recognition/slowonly/README.md: 8x8 without pretraining 75.15 %, 10 clips × 3
# crops, 32.45 M parameters, 54.75 G; 4x16 likewise 72.97 %, 27.38 G. These are MACs of one 256² crop of
# the test config, the head left out and every batch-normed element counted twice: so counted, ours are
# 54.750 and 27.375. Convolutions and linear layers alone are 54.52 and 27.26 there, 41.74 and 20.87 at the
# 224² of training that is given here.
SPEC = ModelSpec(
    name="slowonly_r50",
    title="SlowOnly R50",
    paper="Feichtenhofer et al., ICCV 2019",
    year=2019,
    modalities=("rgb",),
    inputs={"rgb": (3, 8, 224, 224)},
    clips=10,
    crops=3,
    num_classes=400,
    build=SlowOnlyR50,
    frame_interval=8,
    notes=(crop_note("54.5"),),
)
SLOWONLY_R50_4X16 = dataclasses.replace(
    SPEC,
    name="slowonly_r50_4x16",
    title="SlowOnly R50 4×16",
    inputs={"rgb": (3, 4, 224, 224)},
    frame_interval=16,
    notes=(crop_note("27.3"),),
)
