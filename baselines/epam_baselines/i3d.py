"""I3D on a ResNet-50: an image network inflated into a video network, kernel by kernel.

Carreira and Zisserman, "Quo Vadis, Action Recognition? A New Model and the Kinetics Dataset", CVPR 2017;
on a ResNet-50 as in Wang et al., "Non-local Neural Networks", CVPR 2018, section 4.1.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from epam_baselines.mmaction_layout import ConvUnit, PooledClassifier, crop_note
from epam_baselines.slowonly import EXPANSION, residual_stage
from epam_baselines.specification import ModelSpec

WIDTH = 64
TEMPORAL = (
    (True, True, True),
    (True, False, True, False),
    (True, False, True, False, True, False),
    (False, True, False),
)
"""Blocks, stage by stage, whose first convolution is inflated to three frames (MMAction2,
configs/_base_/models/i3d_r50.py)."""


class I3DR50(nn.Module):
    """I3D-R50 under the names of MMAction2's published checkpoints.

    Time shrinks to an eighth before the second stage, and no more after it.

    ::

        clip ─ conv1 5×7×7 ─ max pool ─ layer1 ─ pool2 ─ layer2 ─ layer3 ─ layer4 ─ mean ─ fc_cls
          T        T/2          T/4                T/8
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        layers: OrderedDict[str, nn.Module] = OrderedDict(
            conv1=ConvUnit(3, WIDTH, (5, 7, 7), stride=2),
            maxpool=nn.MaxPool3d((1, 3, 3), stride=2, padding=(0, 1, 1)),
        )
        channels = WIDTH
        for index, temporal in enumerate(TEMPORAL):
            inner = WIDTH * 2**index
            layers[f"layer{index + 1}"] = residual_stage(
                channels, inner, temporal=temporal, spatial_stride=2 if index else 1
            )
            channels = EXPANSION * inner
            if index == 0:
                layers["pool2"] = nn.MaxPool3d((2, 1, 1))
        self.backbone = nn.Sequential(layers)
        self.cls_head = PooledClassifier(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, T, H, W) → (N, num_classes)``, T at least 8."""
        return self.cls_head(self.backbone(x))


# Source: MMAction2, configs/recognition/i3d/README.md (32x2x1: 73.47 %, 10 clips × 3 crops, 28.0 M
# parameters, 43.5 G). The figure is MACs of one 256² crop of the test config, the head left out and every
# batch-normed element counted twice: so counted, ours are 43.456 G; convolutions and the linear layer
# alone are 43.27 G there, 33.13 G at the 224² of training that is given here.
SPEC = ModelSpec(
    name="i3d_r50",
    title="I3D R50",
    paper="Carreira & Zisserman, CVPR 2017",
    year=2017,
    modalities=("rgb",),
    inputs={"rgb": (3, 32, 224, 224)},
    clips=10,
    crops=3,
    num_classes=400,
    build=I3DR50,
    frame_interval=2,
    notes=(crop_note("43.3"),),
)
