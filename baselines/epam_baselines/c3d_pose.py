"""C3D on heatmaps: a slim C3D that reads stacked keypoint heatmaps, PoseC3D's plainest backbone.

Duan et al., "Revisiting Skeleton-based Action Recognition", CVPR 2022; there and in PYSKL "C3D-light".
"""

from __future__ import annotations

from collections import OrderedDict

from torch import Tensor, nn

from epam_baselines.mmaction_layout import ConvUnit, PooledClassifier
from epam_baselines.specification import ModelSpec

WIDTH = 32
"""Channels of the first convolution, half of C3D's."""


class C3DPose(nn.Module):
    """C3D-light under the names of PYSKL's published checkpoint.

    Next to C3D: half the width, batch norms in the convolutions' biases' place, mean pooling that
    leaves time alone, neither the last stage nor the fully connected layers, and any size of clip.

    ::

        heatmaps ─ conv1a ─ pool ─ conv2a ─ pool ─ conv3a,b ─ pool ─ conv4a,b ─ mean ─ fc_cls
                            ÷2              ÷2                ÷2
    """

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.backbone = nn.Sequential(
            OrderedDict(
                conv1a=ConvUnit(17, WIDTH, 3),
                pool1=nn.AvgPool3d((1, 2, 2)),
                conv2a=ConvUnit(WIDTH, 2 * WIDTH, 3),
                pool2=nn.AvgPool3d((1, 2, 2)),
                conv3a=ConvUnit(2 * WIDTH, 4 * WIDTH, 3),
                conv3b=ConvUnit(4 * WIDTH, 4 * WIDTH, 3),
                pool3=nn.AvgPool3d((1, 2, 2)),
                conv4a=ConvUnit(4 * WIDTH, 8 * WIDTH, 3),
                conv4b=ConvUnit(8 * WIDTH, 8 * WIDTH, 3),
            )
        )
        self.cls_head = PooledClassifier(8 * WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 17, T, H, W) → (N, num_classes)``; H and W at least 8."""
        return self.cls_head(self.backbone(x))


# Layers: PYSKL, configs/posec3d/c3d_light_ntu60_xsub/joint.py and pyskl/models/cnns/c3d.py. Views: its
# configs/posec3d/README.md (NTU60 X-Sub, joints: 92.7 %, 10 clips). Neither prints a cost. Ours is 3.405 M
# parameters, and at the 56² of training, given here, 16.777 G MACs.
SPEC = ModelSpec(
    name="c3d_pose",
    title="PoseC3D C3D-light",
    paper="Duan et al., CVPR 2022",
    year=2022,
    modalities=("pose",),
    inputs={"heatmaps": (17, 48, 56, 56)},
    clips=10,
    crops=1,
    num_classes=60,
    build=C3DPose,
    notes=(
        "The published accuracy of C3D-light was taken at 64 × 64 heatmaps, 21.91 G a view, and each clip "
        "was seen mirrored as well, which no table counts as a view.",
        "No published cost of C3D-light was found, so its parameters and MACs are not checked against one.",
    ),
)
