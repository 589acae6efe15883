"""EPAM-Net's first version: X3D in both streams, where the final one has X-ShiftNet.

Abdelkawy et al., "EPAM-Net", arXiv 2408.05421v1, 2024.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from epam.attention import ATTENTION_MOMENTUM, AttentionMap
from epam.epam_net import POSE_FRAMES_PER_RGB_FRAME, EPAMLogits
from epam_baselines.mmaction_layout import ConvUnit, PooledClassifier
from epam_baselines.paired_clips import require_paired_clips
from epam_baselines.specification import ModelSpec
from epam_baselines.x3d import SMALL_BLOCKS, X3DHead, feature_channels, x3d_backbone
from epam_baselines.x3d_pose import EXCITE_NOTE, HEATMAPS, POSE_BLOCKS


class ClipAttention(AttentionMap):
    """:class:`epam.attention.SpatialTemporalAttention` over clips whose time is an axis of its own.

    The same map from the same weights, in the shapes of the published code. Next to 3-D convolutions
    throughout, a 2-D one would also keep the network from PyTorch's 3-D channels-last order.
    """

    def __init__(self) -> None:
        super().__init__()
        self.spatial = ConvUnit(2, 1, (1, 7, 7), activation=False)
        self.spatial.bn.momentum = ATTENTION_MOMENTUM
        self.conv_temporal_attention = nn.Conv1d(1, 1, 7, padding=3, bias=False)
        nn.init.kaiming_normal_(self.conv_temporal_attention.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, pose: Tensor) -> Tensor:
        """``(N, C, T, h, w) → (N, 1, T, h, w)``."""
        statistics = torch.cat((pose.amax(1, keepdim=True), pose.mean(1, keepdim=True)), dim=1)
        spatial = self.spatial(statistics).sigmoid()
        temporal = self.conv_temporal_attention(spatial.mean(dim=(3, 4))).sigmoid()
        return spatial * temporal[..., None, None]


class EPAMNetV1(nn.Module):
    """X3D-M on frames, guided by X3D on heatmaps, under the names of EPAM-Net's published code.

    ::

        rgb ────── rgb_backbone ─────── f ──────────────── f + f · A ─ rgb_cls_head ── rgb logits
                                                               │
        heatmaps ─ pose_backbone ─┬─ every third frame ─ attention
                                  └─────────────────────────────────── pose_cls_head ─ pose logits

    Args:
        num_classes: K.
        excite: whether the pose network has squeeze-and-excitation and SiLU; the RGB one always has.
    """

    def __init__(self, *, num_classes: int, excite: bool = True) -> None:
        super().__init__()
        self.rgb_backbone = x3d_backbone(in_channels=3, stage_blocks=SMALL_BLOCKS)
        self.rgb_cls_head = X3DHead(feature_channels(len(SMALL_BLOCKS)), num_classes)
        self.pose_backbone = x3d_backbone(
            in_channels=17, stage_blocks=POSE_BLOCKS, stem_stride=1, excite=excite
        )
        self.pose_cls_head = PooledClassifier(feature_channels(len(POSE_BLOCKS)), num_classes)
        self.attention_module = ClipAttention()

    def forward(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        """``(N, 3, T, 4h, 4w), (N, 17, 3T, h, w) → (N, K), (N, K)``.

        Raises:
            InputError: sizes that do not match: three heatmaps a frame, of a quarter of its sides.
        """
        require_paired_clips(rgb, heatmaps, frame_ratio=POSE_FRAMES_PER_RGB_FRAME, model="epam_net_v1")
        pose = self.pose_backbone(heatmaps)
        guided = self.attention_module.guide(self.rgb_backbone(rgb), pose[:, :, ::POSE_FRAMES_PER_RGB_FRAME])
        return EPAMLogits(rgb=self.rgb_cls_head(guided), pose=self.pose_cls_head(pose))


# Layers: EPAM-Net's repository, RGBPoseAttentionActionRecognizer in
# actionModels/rgb_pose_action_recognition_model.py with its X3D branch (use_TShift off: X3D-M's own head
# for RGB) and its "poseX3dSE". Its README of 2024-08-14 and the abstract of v1 print ratios alone: 6.2 to
# 9.9 × fewer multiply-adds, 9 to 9.6 × fewer parameters than others, which are not named. A run of that
# code gives, without heads, 2.09 + 0.573 M parameters and by fvcore, which counts two operations for each
# element of a batch norm, 4.897 + 3.977 G; so do ours. Nothing published gives the sum.
# The ratios fit one reading: two operations for each batch-normed element and one for each activated one,
# which gives the final version its published 8.1 G (8.095), make 9.03 G here, and MMNet's published 89.2 G
# (Table 1 of the final version) is 9.9 times that. What 6.2 × is taken of is not known.
SPEC = ModelSpec(
    name="epam_net_v1",
    title="EPAM-Net v1 (X3D)",
    paper="Abdelkawy et al., arXiv 2408.05421v1, 2024",
    year=2024,
    modalities=("rgb", "pose"),
    inputs={"rgb": (3, 16, 224, 224), "heatmaps": HEATMAPS},
    clips=1,
    crops=1,
    num_classes=60,
    build=EPAMNetV1,
    head=("rgb_cls_head", "pose_cls_head"),
    notes=(
        EXCITE_NOTE,
        "Of EPAM-Net v1's cost only ratios are published; it is built from the X3D parts of the published "
        "code, with the final version's attention, for which of that code's attentions v1 had is not known; "
        "the two spatial-temporal ones in it cost under 2 M MACs.",
    ),
)
