"""X3D on heatmaps: EPAM-Net's first pose network, and the shallow one of PoseC3D's authors.

Abdelkawy et al., "EPAM-Net", arXiv 2408.05421v1, 2024; Duan et al., "Revisiting Skeleton-based Action
Recognition", CVPR 2022. Both are X3D (CVPR 2020) without its first stage.
"""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from epam_baselines.mmaction_layout import PooledClassifier
from epam_baselines.specification import ModelSpec
from epam_baselines.x3d import feature_channels, x3d_backbone

HEATMAPS = (17, 48, 56, 56)
POSE_BLOCKS = (5, 11, 7)
"""Blocks in each stage of EPAM-Net's pose network: X3D-M's last three (published code)."""
SHALLOW_BLOCKS = (2, 5, 3)
"""The same before they are made 2.2 times deeper (PYSKL's config: depth factor 1)."""


class X3DPose(nn.Module):
    """X3D on heatmaps under the names of the published checkpoints; time is never subsampled.

    ::

        heatmaps ─ conv1_s 1×3×3 ─ conv1_t depthwise 5×1×1 ─ layer1 … layer3 ─ conv5 1×1 ─ mean ─ fc_cls
                      [÷2]                                    ÷2  …  ÷2

    Args:
        stage_blocks: blocks in each stage.
        stem_stride: spatial stride of the first convolution.
        excite: squeeze-and-excite in every other block, and SiLU in all; off, there is neither.
        num_classes: width of the logits.
    """

    def __init__(
        self, *, stage_blocks: Sequence[int], stem_stride: int, excite: bool, num_classes: int
    ) -> None:
        super().__init__()
        self.backbone = x3d_backbone(
            in_channels=17, stage_blocks=stage_blocks, stem_stride=stem_stride, excite=excite
        )
        self.cls_head = PooledClassifier(feature_channels(len(stage_blocks)), num_classes)

    def forward(self, x: Tensor) -> Tensor:
        """``(N, 17, T, H, W) → (N, num_classes)``."""
        return self.cls_head(self.backbone(x))


def x3d_pose(*, num_classes: int, excite: bool = True) -> X3DPose:
    """EPAM-Net's: as deep as X3D-M, and a stem that keeps the size of the heatmaps."""
    return X3DPose(stage_blocks=POSE_BLOCKS, stem_stride=1, excite=excite, num_classes=num_classes)


def x3d_shallow_pose(*, num_classes: int) -> X3DPose:
    """PYSKL's: half as deep, a stem that halves the heatmaps, neither SE nor SiLU."""
    return X3DPose(stage_blocks=SHALLOW_BLOCKS, stem_stride=2, excite=False, num_classes=num_classes)


EXCITE_NOTE = (
    "EPAM-Net's code has the X3D pose network with squeeze-and-excitation and SiLU and without either; "
    "which one the first version of the paper printed is not known from its published facts. Built with "
    "both, as its RGB stream; without (option excite), it has 0.04 M parameters less and costs the same."
)

# Layers: EPAM-Net's repository, mmaction/models/backbones/x3dPose.py, and its PoseActionRecognition in
# actionModels/rgb_pose_action_recognition_model.py ("X3DPoseSE"; "X3DPose" is without). One clip a video:
# its README. A run of that code gives, without the head, 0.573 M parameters (0.531 without SE) and by
# fvcore, which counts two operations for each element of a batch norm, 3.977 G at the size given here;
# so do ours. Of convolutions and linear layers alone it is 3.822 G.
SPEC = ModelSpec(
    name="x3d_pose",
    title="X3D Pose",
    paper="Abdelkawy et al., arXiv 2408.05421v1, 2024",
    year=2024,
    modalities=("pose",),
    inputs={"heatmaps": HEATMAPS},
    clips=1,
    crops=1,
    num_classes=60,
    build=x3d_pose,
    notes=(EXCITE_NOTE,),
)

# Layers: PYSKL, configs/posec3d/x3d_shallow_ntu60_xsub/joint.py and pyskl/models/cnns/x3d.py. Views: its
# configs/posec3d/README.md (NTU60 X-Sub, joints: 92.1 %, 10 clips). A run of such a network in EPAM-Net's
# code gives, without the head, 0.241 M parameters and by fvcore 0.591 G at the 56² of training, given
# here; so do ours.
SHALLOW = ModelSpec(
    name="x3d_shallow_pose",
    title="PoseC3D X3D-shallow",
    paper="Duan et al., CVPR 2022",
    year=2022,
    modalities=("pose",),
    inputs={"heatmaps": HEATMAPS},
    clips=10,
    crops=1,
    num_classes=60,
    build=x3d_shallow_pose,
    notes=(
        "The published accuracy of X3D-shallow was taken at 64 × 64 heatmaps, and each clip was seen "
        "mirrored as well, which no table counts as a view.",
    ),
)
