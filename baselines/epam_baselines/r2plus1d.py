"""R(2+1)D: a video ResNet whose every convolution is one in space, then one in time.

Tran et al., "A Closer Look at Spatiotemporal Convolutions for Action Recognition", CVPR 2018, section 3.5.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from epam_baselines.mmaction_layout import PooledClassifier, crop_note, draw_convolution
from epam_baselines.specification import ModelSpec

WIDTH = 64
BLOCKS = (3, 4, 6, 3)
EPS = 1e-3
"""What the batch norm behind a pair of convolutions adds to a variance; the one between them keeps
PyTorch's 1e-5 (MMAction2, configs/_base_/models/r2plus1d_r34.py, mmaction/models/common/conv2plus1d.py)."""

Kernel = tuple[int, int, int]


def middle_channels(in_channels: int, out_channels: int, space: int) -> int:
    """Channels between the two convolutions: so many that the pair has the weights of one 3 × s × s.

    The paper's formula (section 3.5), rounded down; time is taken as 3 wide, for the shortcut's 1 × 1 too,
    as the published checkpoints have it.

    >>> middle_channels(64, 64, 3), middle_channels(3, 64, 7), middle_channels(64, 128, 1)
    (144, 83, 54)
    """
    weights = 3 * space * space * in_channels * out_channels
    return weights // (space * space * in_channels + 3 * out_channels)


class SpaceThenTime(nn.Sequential):
    """Convolution in space, batch norm, ReLU, convolution in time; padded to keep the size at stride 1.

    ``(N, C, T, H, W) → (N, C', T/t, H/s, W/s)``.
    """

    def __init__(self, in_channels: int, out_channels: int, kernel: Kernel, stride: tuple[int, int]) -> None:
        time, space, _ = kernel
        time_stride, space_stride = stride
        middle = middle_channels(in_channels, out_channels, space)
        conv_s = nn.Conv3d(
            in_channels,
            middle,
            (1, space, space),
            (1, space_stride, space_stride),
            (0, space // 2, space // 2),
            bias=False,
        )
        conv_t = nn.Conv3d(
            middle, out_channels, (time, 1, 1), (time_stride, 1, 1), (time // 2, 0, 0), bias=False
        )
        draw_convolution(conv_s)
        draw_convolution(conv_t)
        super().__init__(
            OrderedDict(conv_s=conv_s, bn_s=nn.BatchNorm3d(middle), relu=nn.ReLU(inplace=True), conv_t=conv_t)
        )


class FactoredUnit(nn.Sequential):
    """Convolution in space and time, batch norm, ReLU where asked."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel: Kernel,
        *,
        stride: tuple[int, int] = (1, 1),
        activation: bool = True,
    ) -> None:
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv=SpaceThenTime(in_channels, out_channels, kernel, stride),
            bn=nn.BatchNorm3d(out_channels, eps=EPS),
        )
        if activation:
            layers["activate"] = nn.ReLU(inplace=True)
        super().__init__(layers)


class BasicBlock(nn.Module):
    """Residual block of two 3 × 3 × 3 convolutions, each in two parts.

    ::

        x ─┬─ conv1 (1×3×3, 3×1×1), strided ─ conv2 (1×3×3, 3×1×1) ─ (+) ─ ReLU
           └────────────── [downsample (1×1, 1×1)] ───────────────────┘
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = FactoredUnit(in_channels, out_channels, (3, 3, 3), stride=(stride, stride))
        self.conv2 = FactoredUnit(out_channels, out_channels, (3, 3, 3), activation=False)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = FactoredUnit(
                in_channels, out_channels, (1, 1, 1), stride=(stride, stride), activation=False
            )
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C', T/s, H/s, W/s)``."""
        return self.relu(self.conv2(self.conv1(x)) + self.downsample(x))


class R2Plus1DR34(nn.Module):
    """R(2+1)D-34 under the names of MMAction2's published checkpoints.

    ::

        clip ─ conv1 (1×7×7, 3×1×1) ─ max pool ─ layer1 ─ layer2 ─ layer3 ─ layer4 ─ mean ─ fc_cls
          T              T               T         T       T/2      T/4      T/8
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv1=FactoredUnit(3, WIDTH, (3, 7, 7), stride=(1, 2)),
            # The paper's network has no pool here; MMAction2's has.
            maxpool=nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1)),
        )
        channels = WIDTH
        for index, depth in enumerate(BLOCKS):
            width = WIDTH * 2**index
            first = BasicBlock(channels, width, stride=2 if index else 1)
            rest = [BasicBlock(width, width, stride=1) for _ in range(depth - 1)]
            layers[f"layer{index + 1}"] = nn.Sequential(first, *rest)
            channels = width
        self.backbone = nn.Sequential(layers)
        self.cls_head = PooledClassifier(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``."""
        return self.cls_head(self.backbone(x))


# Source: MMAction2, configs/recognition/r2plus1d/README.md (8x8x1: 69.76 %, 10 clips × 3 crops, 63.8 M
# parameters, 53.1 G). The figure is MACs of one 256² crop of the test config, the head left out and every
# batch-normed element counted twice: so counted, ours are 53.141 G; convolutions and the linear layer
# alone are 52.98 G there, 40.56 G at the 224² of training that is given here.
SPEC = ModelSpec(
    name="r2plus1d_r34",
    title="R(2+1)D R34",
    paper="Tran et al., CVPR 2018",
    year=2018,
    modalities=("rgb",),
    inputs={"rgb": (3, 8, 224, 224)},
    clips=10,
    crops=3,
    num_classes=400,
    build=R2Plus1DR34,
    frame_interval=8,
    notes=(
        crop_note("53.0"),
        "It has the max pool after the stem of MMAction2's published network; the paper's has none.",
    ),
)
