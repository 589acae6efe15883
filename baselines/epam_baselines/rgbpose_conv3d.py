"""RGBPose-Conv3D: SlowOnly on few large frames and PoseC3D on many heatmaps, each told what the other sees.

Duan et al., "Revisiting Skeleton-based Action Recognition", CVPR 2022, section 3.3.
"""

from __future__ import annotations

from collections import OrderedDict

import torch
from torch import Tensor, nn

from epam.epam_net import EPAMLogits
from epam_baselines.mmaction_layout import ConvUnit, linear
from epam_baselines.paired_clips import require_paired_clips
from epam_baselines.slowonly import residual_stage
from epam_baselines.specification import ModelSpec

POSE_FRAMES_PER_RGB_FRAME = 4
LATERAL_KERNEL = 7
"""Frames that a connection between the two paths looks across (MMAction2's config: fusion kernel)."""
RGB_TO_POSE_REDUCTION = 16
"""RGB features are given to the pose path in a sixteenth of their channels (config: lateral inflation)."""


class TimeExpansion(nn.Sequential):
    """Transposed convolution over time, batch norm, ReLU: RGB features at the pose path's rate.

    ``(N, C, T, H, W) → (N, C/16, 4T, H, W)``.
    """

    def __init__(self, channels: int) -> None:
        reduced = channels // RGB_TO_POSE_REDUCTION
        stride = POSE_FRAMES_PER_RGB_FRAME
        # Without the output padding it would stop at 4T - 3 frames.
        conv = nn.ConvTranspose3d(
            channels,
            reduced,
            (LATERAL_KERNEL, 1, 1),
            (stride, 1, 1),
            padding=(LATERAL_KERNEL // 2, 0, 0),
            output_padding=(stride - 1, 0, 0),
            bias=False,
        )
        super().__init__(OrderedDict(conv=conv, bn=nn.BatchNorm3d(reduced), relu=nn.ReLU(inplace=True)))


class RGBPath(nn.Module):
    """Layers of SlowOnly-R50; before ``layer3`` and ``layer4`` pose features join its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvUnit(3, 64, (1, 7, 7), stride=(1, 2, 2))
        self.maxpool = nn.MaxPool3d((1, 3, 3), (1, 2, 2), padding=(0, 1, 1))
        self.layer1 = residual_stage(64, 64, temporal=[False] * 3)
        self.layer2 = residual_stage(256, 128, temporal=[False] * 4, spatial_stride=2)
        self.layer2_lateral = _time_reduction(128)
        self.layer3 = residual_stage(512 + 128, 256, temporal=[True] * 6, spatial_stride=2)
        self.layer3_lateral = _time_reduction(256)
        self.layer4 = residual_stage(1024 + 256, 512, temporal=[True] * 3, spatial_stride=2)


class PosePath(nn.Module):
    """Layers of PoseC3D, no temporal stride; before ``layer2`` and ``layer3`` RGB features join its own."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = ConvUnit(17, 32, (1, 7, 7))
        self.maxpool = nn.MaxPool3d((1, 3, 3), 1, padding=(0, 1, 1))
        self.layer1 = residual_stage(32, 32, temporal=[False] * 4, spatial_stride=2)
        self.layer1_lateral = TimeExpansion(512)
        self.layer2 = residual_stage(128 + 32, 64, temporal=[True] * 6, spatial_stride=2)
        self.layer2_lateral = TimeExpansion(1024)
        self.layer3 = residual_stage(256 + 64, 128, temporal=[True] * 3, spatial_stride=2)


class RGBPoseBackbone(nn.Module):
    """The two paths and what crosses between them, twice in both directions.

    ::

        rgb ────── conv1 ─ maxpool ─ layer1 ─ layer2 ─┬─ layer3 ─┬─ layer4 ─ rgb features
                                                      ╳          ╳
        heatmaps ─ conv1 ─ maxpool ─ layer1 ──────────┴─ layer2 ─┴─ layer3 ─ pose features
    """

    def __init__(self) -> None:
        super().__init__()
        self.rgb_path = RGBPath()
        self.pose_path = PosePath()

    def forward(self, rgb: Tensor, heatmaps: Tensor) -> tuple[Tensor, Tensor]:
        """``(N, 3, T, 4h, 4w), (N, 17, 4T, h, w) → (N, 2048, T, h/8, w/8), (N, 512, 4T, h/8, w/8)``."""
        left, right = self.rgb_path, self.pose_path
        rgb = left.layer2(left.layer1(left.maxpool(left.conv1(rgb))))
        pose = right.layer1(right.maxpool(right.conv1(heatmaps)))
        rgb, pose = _exchange(rgb, pose, left.layer2_lateral, right.layer1_lateral)
        rgb, pose = left.layer3(rgb), right.layer2(pose)
        rgb, pose = _exchange(rgb, pose, left.layer3_lateral, right.layer2_lateral)
        return left.layer4(rgb), right.layer3(pose)


class TwoPathClassifier(nn.Module):
    """For each path: mean over time and space, dropout, one linear layer."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.dropout_rgb = nn.Dropout(0.5)
        self.dropout_pose = nn.Dropout(0.5)
        self.fc_rgb = linear(2048, num_classes, std=0.01)
        self.fc_pose = linear(512, num_classes, std=0.01)

    def forward(self, rgb: Tensor, pose: Tensor) -> EPAMLogits:
        """``(N, 2048, T, H, W), (N, 512, 4T, H, W) → (N, num_classes)`` twice."""
        return EPAMLogits(
            rgb=self.fc_rgb(self.dropout_rgb(rgb.mean((2, 3, 4)))),
            pose=self.fc_pose(self.dropout_pose(pose.mean((2, 3, 4)))),
        )


class RGBPoseConv3D(nn.Module):
    """RGBPose-Conv3D under the names of MMAction2's published checkpoint."""

    def __init__(self, *, num_classes: int) -> None:
        super().__init__()
        self.backbone = RGBPoseBackbone()
        self.cls_head = TwoPathClassifier(num_classes)

    def forward(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        """``(N, 3, T, 4h, 4w), (N, 17, 4T, h, w) → (N, num_classes)`` twice.

        Raises:
            InputError: sizes that do not match: four heatmaps a frame, of a quarter of its sides.
        """
        require_paired_clips(rgb, heatmaps, frame_ratio=POSE_FRAMES_PER_RGB_FRAME, model="rgbpose_conv3d")
        return self.cls_head(*self.backbone(rgb, heatmaps))


def _time_reduction(channels: int) -> ConvUnit:
    """Pose features at the RGB path's rate: ``(N, C, 4T, H, W) → (N, C, T, H, W)``."""
    stride = (POSE_FRAMES_PER_RGB_FRAME, 1, 1)
    return ConvUnit(channels, channels, (LATERAL_KERNEL, 1, 1), stride=stride, norm=False, activation=False)


def _exchange(
    rgb: Tensor, pose: Tensor, pose_for_rgb: nn.Module, rgb_for_pose: nn.Module
) -> tuple[Tensor, Tensor]:
    """Each path's features with the other's behind them; both are told what was before."""
    return torch.cat((rgb, pose_for_rgb(pose)), dim=1), torch.cat((pose, rgb_for_pose(rgb)), dim=1)


# Layers: MMAction2, configs/skeleton/posec3d/rgbpose_conv3d/rgbpose_conv3d.py. Views: the README beside it
# (NTU60 X-Sub, both streams 1 : 1: 96.8 % over 10 clips, 96.6 with one). It prints no cost. A run of its
# code gives, without the head, 35.994 M parameters and, of convolutions and linear layers, 58.005 G at
# the 224² and 56² of training, given here, and 75.762 G at the 256² and 64² of testing; so do ours.
SPEC = ModelSpec(
    name="rgbpose_conv3d",
    title="RGBPose-Conv3D",
    paper="Duan et al., CVPR 2022",
    year=2022,
    modalities=("rgb", "pose"),
    inputs={"rgb": (3, 8, 224, 224), "heatmaps": (17, 32, 56, 56)},
    clips=10,
    crops=1,
    num_classes=60,
    build=RGBPoseConv3D,
    notes=(
        "Published accuracies of RGBPose-Conv3D were taken at 256 × 256 frames and 64 × 64 heatmaps, "
        "75.76 G a view.",
        "RGBPose-Conv3D's published two-stream score is the sum of the streams' probabilities over all "
        "clips; what is fused here is their logits.",
    ),
)
