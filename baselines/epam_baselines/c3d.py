"""C3D: eight 3 × 3 × 3 convolutions and three fully connected layers.

Tran et al., "Learning Spatiotemporal Features with 3D Convolutional Networks", ICCV 2015, section 3.
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from epam_baselines.clip_shape import require_clip_shape
from epam_baselines.mmaction_layout import ConvUnit, linear
from epam_baselines.specification import ModelSpec

CLIP = (3, 16, 112, 112)
"""The only clip that the first fully connected layer fits (paper, section 3.1)."""


class C3D(nn.Module):
    """C3D under the names of MMAction2's published checkpoint.

    ::

        clip ─ conv1a ─ pool ─ conv2a ─ pool ─ conv3a,b ─ pool ─ conv4a,b ─ pool ─ conv5a,b ─ pool ─┐
               logits ─ fc_cls ─ dropout ─ ReLU ─ fc7 ─ dropout ─ ReLU ─ fc6 ─ flatten ─────────────┘
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            OrderedDict(
                conv1a=_conv(3, 64),
                pool1=nn.MaxPool3d((1, 2, 2)),
                conv2a=_conv(64, 128),
                pool2=nn.MaxPool3d(2),
                conv3a=_conv(128, 256),
                conv3b=_conv(256, 256),
                pool3=nn.MaxPool3d(2),
                conv4a=_conv(256, 512),
                conv4b=_conv(512, 512),
                pool4=nn.MaxPool3d(2),
                conv5a=_conv(512, 512),
                conv5b=_conv(512, 512),
                # Padded, so that 7 × 7 pixels become 4 × 4 and not 3 × 3 (the Caffe model rounds up).
                pool5=nn.MaxPool3d(2, padding=(0, 1, 1)),
                flatten=nn.Flatten(),
                fc6=linear(512 * 1 * 4 * 4, 4096, std=0.005),
                relu6=nn.ReLU(inplace=True),
                dropout6=nn.Dropout(0.5),
                fc7=linear(4096, 4096, std=0.005),
                relu7=nn.ReLU(inplace=True),
            )
        )
        self.cls_head = nn.Sequential(
            OrderedDict(dropout=nn.Dropout(0.5), fc_cls=linear(4096, num_classes, std=0.01))
        )

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 3, 16, 112, 112) → (N, num_classes)``.

        Raises:
            InputError: the clip has another size.
        """
        require_clip_shape(x, CLIP, model="c3d")
        return self.cls_head(self.backbone(x))


def _conv(in_channels: int, out_channels: int) -> ConvUnit:
    """Convolution and ReLU: the network is older than batch norm."""
    return ConvUnit(in_channels, out_channels, 3, bias=True, norm=False)


# Views and classes: MMAction2, configs/recognition/c3d/README.md (UCF101 split 1, 83.08 %, 10 clips
# × 1 crop; 38.5 G MACs, 78.4 M parameters). Its config takes 16 frames in a row ("16x1x1").
SPEC = ModelSpec(
    name="c3d",
    title="C3D",
    paper="Tran et al., ICCV 2015",
    year=2015,
    modalities=("rgb",),
    inputs={"rgb": CLIP},
    clips=10,
    crops=1,
    num_classes=101,
    build=C3D,
    frame_interval=1,
)
