"""ir-CSN: a video ResNet whose 3 × 3 × 3 convolutions look at every channel alone.

Tran et al., "Video Classification with Channel-Separated Convolutional Networks", ICCV 2019, section 3:
"interaction-reduced" means that nothing replaces the mixing of channels that a depthwise layer gives up.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from epam_baselines.mmaction_layout import ConvUnit, PooledClassifier, crop_note
from epam_baselines.specification import ModelSpec

WIDTH = 64
BLOCKS = (3, 4, 6, 3)
EXPANSION = 4
"""Output channels of a bottleneck over its inner width (ResNet)."""
EPS = 1e-3
"""What every batch norm adds to a variance (MMAction2, mmaction/models/backbones/resnet3d_csn.py)."""


class ChannelSeparatedBottleneck(nn.Module):
    """Residual block whose only view across time and space is depthwise.

    ::

        x ─┬─ conv1 1×1 ─ conv2 depthwise 3×3×3, strided ─ conv3 1×1 ─ (+) ─ ReLU
           └──────────────────── [downsample 1×1] ──────────────────────┘
    """

    def __init__(self, in_channels: int, width: int, *, stride: tuple[int, int, int]) -> None:
        super().__init__()
        out_channels = EXPANSION * width
        self.conv1 = ConvUnit(in_channels, width, 1, eps=EPS)
        # A sequence of one, because the interaction-preserved form has a 1×1 in front; the names show it.
        self.conv2 = nn.Sequential(ConvUnit(width, width, 3, stride=stride, groups=width, eps=EPS))
        self.conv3 = ConvUnit(width, out_channels, 1, activation=False, eps=EPS)
        self.downsample: nn.Module = nn.Identity()
        if stride != (1, 1, 1) or in_channels != out_channels:
            self.downsample = ConvUnit(in_channels, out_channels, 1, stride=stride, activation=False, eps=EPS)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, 4 × width, T/t, H/s, W/s)``, strides t and s."""
        return self.relu(self.conv3(self.conv2(self.conv1(x))) + self.downsample(x))


class CSNR50(nn.Module):
    """ir-CSN-R50 under the names of MMAction2's published checkpoints.

    ::

        clip ─ conv1 3×7×7 ─ max pool ─ layer1 ─ layer2 ─ layer3 ─ layer4 ─ mean ─ fc_cls
          T        T            T         T       T/2      T/4      T/8
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv1=ConvUnit(3, WIDTH, (3, 7, 7), stride=(1, 2, 2), eps=EPS),
            maxpool=nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
        )
        channels = WIDTH
        for index, depth in enumerate(BLOCKS):
            width = WIDTH * 2**index
            layers[f"layer{index + 1}"] = _stage(channels, width, depth, first_stride=2 if index else 1)
            channels = EXPANSION * width
        self.backbone = nn.Sequential(layers)
        self.cls_head = PooledClassifier(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``."""
        return self.cls_head(self.backbone(x))


def _stage(in_channels: int, width: int, depth: int, *, first_stride: int) -> nn.Sequential:
    """Blocks of one width, the first with its stride in time and space alike."""
    strides = [first_stride] + [1] * (depth - 1)
    return nn.Sequential(
        *(
            ChannelSeparatedBottleneck(
                EXPANSION * width if index else in_channels, width, stride=(stride, stride, stride)
            )
            for index, stride in enumerate(strides)
        )
    )


# Source: MMAction2, configs/recognition/csn/README.md (32x2x1, pretrained on IG65M, batch norms frozen:
# 79.44 %, 10 clips × 3 crops, 13.13 M parameters, 55.9 G). The figure is MACs of one 256² crop of the test
# config, the head left out and every batch-normed element counted twice: so counted, ours are 55.899 G.
# Convolutions and the linear layer alone are 55.26 G there, 1.1 % less, because depthwise layers make
# batch norm a larger part; 42.31 G at the 224² of training that is given here.
SPEC = ModelSpec(
    name="csn_r50",
    title="irCSN R50",
    paper="Tran et al., ICCV 2019",
    year=2019,
    modalities=("rgb",),
    inputs={"rgb": (3, 32, 224, 224)},
    clips=10,
    crops=3,
    num_classes=400,
    build=CSNR50,
    frame_interval=2,
    notes=(
        crop_note("55.3"),
        "Its published accuracy comes after pretraining on 65 million videos of Instagram.",
    ),
)
