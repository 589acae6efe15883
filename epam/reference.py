"""The reference twin: EPAM-Net in the plain 3-D form, the oracle of tests and of speed-ups.

Nothing here is fast and nothing is shared with the network itself but the result's type: every
convolution is ``nn.Conv3d``, the shift copies slices, and all weights have the published names
and five-dimensional shapes.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from epam.checkpoints import published_state
from epam.epam_net import EPAMLogits
from epam.epam_net import EPAMNet as FoldedEPAMNet
from epam.errors import InputError
from epam.x_shiftnet import XShiftNet as FoldedXShiftNet
from epam.x_shiftnet import XShiftNetRecognizer as FoldedRecognizer


class ConvNorm(nn.Module):
    def __init__(self, cin: int, cout: int, k: int, stride: int = 1, groups: int = 1, momentum: float = 0.1):
        super().__init__()
        self.conv = nn.Conv3d(
            cin, cout, (1, k, k), (1, stride, stride), (0, k // 2, k // 2), groups=groups, bias=False
        )
        self.bn = nn.BatchNorm3d(cout, momentum=momentum)

    def forward(self, x: Tensor) -> Tensor:
        return self.bn(self.conv(x))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels: int):
        super().__init__()
        # A sixteenth, to the nearest multiple of 8; the paper's 54, 108, 216, 432 give 8, 8, 16, 32.
        squeezed = max(8, (channels + 64) // 128 * 8)
        squeezed += 8 if squeezed * 16 < 0.9 * channels else 0
        self.fc1 = nn.Conv3d(channels, squeezed, 1)
        self.fc2 = nn.Conv3d(squeezed, channels, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(self.fc2(torch.relu(self.fc1(x.mean((2, 3, 4), keepdim=True)))))


def shift(x: Tensor, fold: int) -> Tensor:
    """Copy the first fold from the next frame, the second from the previous: (N, C, T, H, W)."""
    out = torch.zeros_like(x)
    out[:, :fold, :-1] = x[:, :fold, 1:]
    out[:, fold : 2 * fold, 1:] = x[:, fold : 2 * fold, :-1]
    out[:, 2 * fold :] = x[:, 2 * fold :]
    return out


class Block(nn.Module):
    def __init__(self, cin: int, cout: int, stride: int, fold_div: int, squeeze: bool, shifts: bool):
        super().__init__()
        inner = cout * 9 // 4
        self.fold = cin // fold_div if shifts else 0
        self.conv1 = ConvNorm(cin, inner, 1)
        self.conv2 = ConvNorm(inner, inner, 3, stride, groups=inner)
        self.se_module = SqueezeExcitation(inner) if squeeze else nn.Identity()
        self.conv3 = ConvNorm(inner, cout, 1)
        same = stride == 1 and cin == cout
        self.downsample = nn.Identity() if same else ConvNorm(cin, cout, 1, stride)

    def forward(self, x: Tensor) -> Tensor:
        y = torch.relu(self.conv1(shift(x, self.fold)))
        y = self.se_module(self.conv2(y))
        return torch.relu(self.conv3(y * torch.sigmoid(y)) + self.downsample(x))


class XShiftNet(nn.Sequential):
    def __init__(self, like: FoldedXShiftNet, stem_stride: int, fold_div: int):
        super().__init__()
        width = like.stem_channels
        self.add_module("conv1_s", ConvNorm(like.in_channels, width, 3, stem_stride))
        self.add_module("relu", nn.ReLU())
        for stage, depth in enumerate(like.stage_blocks):
            cout = like.stem_channels * 2**stage
            blocks = [
                Block(cout if i else width, cout, 1 if i else 2, fold_div, i % 2 == 0, like.temporal_shift)
                for i in range(depth)
            ]
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
            width = cout
        self.out_channels = width * 9 // 4
        self.add_module("conv5", ConvNorm(width, self.out_channels, 1))
        self.add_module("relu_last", nn.ReLU())


class Head(nn.Module):
    def __init__(self, channels: int, num_classes: int):
        super().__init__()
        self.dropout = nn.Dropout(0.5)
        self.fc_cls = nn.Linear(channels, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc_cls(self.dropout(x.mean((2, 3, 4))))


class NestedAttention(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.spatial = ConvNorm(2, 1, 7, momentum=0.01)
        self.conv_temporal_attention = nn.Conv1d(1, 1, 7, padding=3, bias=False)

    def forward(self, pose: Tensor) -> Tensor:
        largest, average = pose.max(1, keepdim=True).values, pose.mean(1, keepdim=True)
        spatial = torch.sigmoid(self.spatial(torch.cat([largest, average], 1)))
        temporal = torch.sigmoid(self.conv_temporal_attention(spatial.mean((3, 4))))
        return spatial * temporal[:, :, :, None, None]


def rgb_backbone(like: FoldedXShiftNet) -> XShiftNet:
    return XShiftNet(like, stem_stride=2, fold_div=8)


def pose_backbone(like: FoldedXShiftNet) -> XShiftNet:
    return XShiftNet(like, stem_stride=1, fold_div=4)


class EPAMNet(nn.Module):
    """The multimodal network with the paper's nested attention, or with none."""

    def __init__(self, like: FoldedEPAMNet, *, attention: bool):
        super().__init__()
        num_classes = like.rgb_cls_head.fc_cls.out_features
        self.rgb_backbone = rgb_backbone(like.rgb_backbone)
        self.pose_backbone = pose_backbone(like.pose_backbone)
        self.attention_module = NestedAttention() if attention else None
        self.rgb_cls_head = Head(self.rgb_backbone.out_channels, num_classes)
        self.pose_cls_head = Head(self.pose_backbone.out_channels, num_classes)

    def forward(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        """``(N, 3, T, H, W), (N, 17, 3T, h, w) → (N, K), (N, K)``."""
        features, pose = self.rgb_backbone(rgb), self.pose_backbone(heatmaps)
        if self.attention_module is not None:
            features = features + features * self.attention_module(pose[:, :, ::3])
        return EPAMLogits(self.rgb_cls_head(features), self.pose_cls_head(pose))


class XShiftNetRecognizer(nn.Module):
    """One stream by itself, ``(N, C, T, H, W) → (N, K)``."""

    def __init__(self, backbone: XShiftNet, num_classes: int):
        super().__init__()
        self.backbone = backbone
        self.cls_head = Head(backbone.out_channels, num_classes)

    def forward(self, clip: Tensor) -> Tensor:
        return self.cls_head(self.backbone(clip))


def build_twin(model: nn.Module) -> nn.Module:
    """Build the reference twin of a network, with the same weights, dtype, device and mode.

    Widths, depths, and whether frames are shifted at all are taken over; nothing else is.

    Raises:
        InputError: the network has no twin (an ablation's attention, or another class).
    """
    twin = _empty_twin(model)
    state = published_state(model)
    if set(state) != set(twin.state_dict()):
        raise InputError("the reference twin has the nested attention or none; this network has another")
    twin.load_state_dict(state)
    parameter = next(model.parameters())
    return twin.to(device=parameter.device, dtype=parameter.dtype).train(model.training)


def _empty_twin(model: nn.Module) -> nn.Module:
    if isinstance(model, FoldedEPAMNet):
        has_attention = any(True for _ in model.attention_module.parameters())
        return EPAMNet(model, attention=has_attention)
    if isinstance(model, FoldedRecognizer):
        build = {"rgb": rgb_backbone, "pose": pose_backbone}[model.stream]
        return XShiftNetRecognizer(build(model.backbone), model.cls_head.fc_cls.out_features)
    raise InputError(f"no reference twin for {type(model).__name__}; EPAM-Net and its two streams have one")
