"""TSN: an image network that looks at a few frames spread over the video, and averages what it sees.

Wang et al., "Temporal Segment Networks: Towards Good Practices for Deep Action Recognition", ECCV 2016;
on a ResNet-50 (He et al., CVPR 2016).
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from epam_baselines.mmaction_layout import ImageConvUnit, linear
from epam_baselines.specification import ModelSpec

WIDTH = 64
BLOCKS = (3, 4, 6, 3)
EXPANSION = 4
"""Output channels of a bottleneck over its inner width (ResNet)."""


class ImageBottleneck(nn.Module):
    """Residual block of ResNet-50.

    ::

        x ─┬─ conv1 1×1 ─ conv2 3×3, strided ─ conv3 1×1 ─ (+) ─ ReLU
           └────────────── [downsample 1×1] ───────────────┘
    """

    def __init__(self, in_channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        out_channels = EXPANSION * width
        self.conv1 = ImageConvUnit(in_channels, width, 1)
        self.conv2 = ImageConvUnit(width, width, 3, stride=stride)
        self.conv3 = ImageConvUnit(width, out_channels, 1, activation=None)
        self.downsample: nn.Module = nn.Identity()
        if stride != 1 or in_channels != out_channels:
            self.downsample = ImageConvUnit(in_channels, out_channels, 1, stride=stride, activation=None)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, H, W) → (N, 4 × width, H/s, W/s)``."""
        return self.relu(self.conv3(self.conv2(self.conv1(x))) + self.downsample(x))


class SegmentHead(nn.Module):
    """Mean over space, mean over the segments of a video, dropout, one linear layer.

    The logits are the mean of the segments' logits, which a linear layer lets one take first.
    """

    def __init__(self, channels: int, num_classes: int) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.4)
        self.fc_cls = linear(channels, num_classes, std=0.01)

    def forward(self, x: Tensor, segments: int) -> Tensor:
        """``(N·S, C, H, W) → (N, num_classes)``."""
        features = x.mean((2, 3)).unflatten(0, (-1, segments)).mean(1)
        return self.fc_cls(self.dropout(features))


class TSNR50(nn.Module):
    """TSN-R50 under the names of MMAction2's published checkpoints.

    ::

        segments ─ conv1 7×7 ─ max pool ─ layer1 ─ layer2 ─ layer3 ─ layer4 ─ mean ─ fc_cls
                   └───────────────── frame by frame ──────────────┘
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv1=ImageConvUnit(3, WIDTH, 7, stride=2),
            maxpool=nn.MaxPool2d(3, 2, padding=1),
        )
        channels = WIDTH
        for index, depth in enumerate(BLOCKS):
            width = WIDTH * 2**index
            first = ImageBottleneck(channels, width, stride=2 if index else 1)
            channels = EXPANSION * width
            rest = [ImageBottleneck(channels, width, stride=1) for _ in range(depth - 1)]
            layers[f"layer{index + 1}"] = nn.Sequential(first, *rest)
        self.backbone = nn.Sequential(layers)
        self.cls_head = SegmentHead(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, S, H, W) → (N, num_classes)``, one frame a segment."""
        frames = x.transpose(1, 2).flatten(0, 1)
        return self.cls_head(self.backbone(frames), x.shape[2])


# Source: MMAction2, configs/recognition/tsn/README.md (trained with 8 segments, 74.12 % with 25 segments ×
# 10 crops of 224², 24.33 M parameters, 102.7 G). The figure is MACs of 25 segments of one crop, the head
# left out and every batch-normed element counted twice: so counted, ours are 102.734 G; convolutions and the
# linear layer alone are 102.18 G. Older versions of that file print 1027 G: all ten crops.
SPEC = ModelSpec(
    name="tsn_r50",
    title="TSN R50",
    paper="Wang et al., ECCV 2016",
    year=2016,
    modalities=("rgb",),
    inputs={"rgb": (3, 25, 224, 224)},
    clips=1,
    crops=10,
    num_classes=400,
    build=TSNR50,
    notes=("A view is the 25 segments of its published accuracy; it was trained with 8.",),
)
