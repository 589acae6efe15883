"""EPAM-Net for inference: norms folded, and every large tensor four-dimensional with time in front.

A clip's frames are the batch of a 2-D network, ordered by time first: row ``t · N + n`` is frame ``t`` of
clip ``n``. A shift by one frame is then a shift by N rows, for any N, and no large tensor ever has a
fifth axis: compilers and inference engines know fast layouts for four.
"""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam.backends.norm_folding import fold_norm
from epam.epam_net import POSE_FRAMES_PER_RGB_FRAME, EPAMLogits, EPAMNet
from epam.x_shiftnet import (
    ClassificationHead,
    ShiftBottleneck,
    SqueezeExcitation,
    XShiftNet,
    XShiftNetRecognizer,
)


def shift_frames(x: Tensor, *, clips: int, fold: int) -> Tensor:
    """The temporal shift on ``(T·N, C, H, W)``, N clips: one frame is N rows."""
    from_next = F.pad(x[clips:, :fold], (0, 0, 0, 0, 0, 0, 0, clips))
    from_previous = F.pad(x[:-clips, fold : 2 * fold], (0, 0, 0, 0, 0, 0, clips, 0))
    return torch.cat([from_next, from_previous, x[:, 2 * fold :]], dim=1)


class FrameMajorExcitation(nn.Module):
    """Squeeze-and-excitation of whole clips: the scales alone, ``(T·N, C, H, W) → (T·N or 1, C, 1, 1)``."""

    def __init__(self, module: SqueezeExcitation) -> None:
        super().__init__()
        self.fc1, self.fc2 = module.fc1, module.fc2

    def forward(self, x: Tensor, clips: int) -> Tensor:
        """One scale a channel and clip, repeated for the frames of several clips."""
        if clips == 1:
            mean = x.mean(dim=(0, 2, 3), keepdim=True)
        else:
            mean = x.mean(dim=(2, 3), keepdim=True).unflatten(0, (-1, clips)).mean(dim=0)
        scale = self.fc2(F.relu(self.fc1(mean))).sigmoid()
        return scale if clips == 1 else scale.repeat(x.shape[0] // clips, 1, 1, 1)


class FrameMajorBlock(nn.Module):
    """:class:`epam.x_shiftnet.ShiftBottleneck` with its norms folded."""

    def __init__(self, block: ShiftBottleneck) -> None:
        super().__init__()
        self.shift_fold = block.shift_fold
        self.expand = fold_norm(block.conv1)
        self.depthwise = fold_norm(block.conv2)
        self.excitation = FrameMajorExcitation(block.se_module) if block.se_module is not None else None
        self.project = fold_norm(block.conv3)
        self.shortcut = fold_norm(block.downsample) if block.downsample is not None else None
        if self.shortcut is not None:
            # In training the strided form is avoided for its backward pass; there is none here.
            self.shortcut.stride = (block.shortcut_stride, block.shortcut_stride)

    def forward(self, x: Tensor, clips: int) -> Tensor:
        """``(T·N, C, H, W) → (T·N, C', H/s, W/s)``."""
        shortcut = x if self.shortcut is None else self.shortcut(x)
        out = shift_frames(x, clips=clips, fold=self.shift_fold) if self.shift_fold else x
        out = self.depthwise(F.relu(self.expand(out)))
        if self.excitation is not None:
            out = out * self.excitation(out, clips)
        return F.relu(self.project(F.silu(out)) + shortcut)


class FrameMajorBackbone(nn.Module):
    """:class:`epam.x_shiftnet.XShiftNet` with its norms folded."""

    def __init__(self, backbone: XShiftNet) -> None:
        super().__init__()
        self.stem = fold_norm(backbone.conv1_s)
        stages = [backbone.get_submodule(f"layer{n + 1}") for n in range(len(backbone.stage_blocks))]
        self.blocks = nn.ModuleList(
            FrameMajorBlock(cast(ShiftBottleneck, block)) for stage in stages for block in stage.children()
        )
        self.last = fold_norm(backbone.conv5)

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (T·N, C', H/s, W/s)``."""
        clips = clip.shape[0]
        # Of one clip, dropping the axis spares engines a five-dimensional transpose.
        frames = clip[0].transpose(0, 1) if clips == 1 else clip.permute(2, 0, 1, 3, 4).flatten(0, 1)
        x = F.relu(self.stem(frames))
        for block in self.blocks:
            x = block(x, clips)
        return F.relu(self.last(x))


class FrameMajorHead(nn.Module):
    """:class:`epam.x_shiftnet.ClassificationHead` without its dropout."""

    def __init__(self, head: ClassificationHead) -> None:
        super().__init__()
        self.fc_cls = head.fc_cls

    def forward(self, features: Tensor, clips: int) -> Tensor:
        """``(T·N, C, h, w) → (N, K)``."""
        pooled = features.mean(dim=(2, 3)).unflatten(0, (-1, clips)).mean(dim=0)
        return self.fc_cls(pooled)


def clip_major(features: Tensor, clips: int) -> Tensor:
    """``(T·N, C, h, w) → (N, C, T, h, w)``, as the network's own modules have it."""
    if clips == 1:
        return features.transpose(0, 1).unsqueeze(0)
    return features.unflatten(0, (-1, clips)).permute(1, 2, 0, 3, 4)


class FrameMajorEPAMNet(nn.Module):
    """:class:`epam.EPAMNet` for inference: the same logits, any attention."""

    def __init__(self, model: EPAMNet) -> None:
        super().__init__()
        self.rgb_backbone = FrameMajorBackbone(model.rgb_backbone)
        self.pose_backbone = FrameMajorBackbone(model.pose_backbone)
        self.attention_module = model.attention_module
        self.rgb_cls_head = model.rgb_cls_head
        self.pose_cls_head = FrameMajorHead(model.pose_cls_head)

    def forward(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        """``(N, 3, T, H, W), (N, 17, 3T, h, w) → (N, K), (N, K)``."""
        clips = rgb.shape[0]
        pose = self.pose_backbone(heatmaps)
        # The attention sees features of 7 × 7: small enough for the network's own five axes.
        sampled = clip_major(pose, clips)[:, :, ::POSE_FRAMES_PER_RGB_FRAME]
        guided = self.attention_module.guide(clip_major(self.rgb_backbone(rgb), clips), sampled)
        return EPAMLogits(rgb=self.rgb_cls_head(guided), pose=self.pose_cls_head(pose, clips))


class FrameMajorRecognizer(nn.Module):
    """:class:`epam.x_shiftnet.XShiftNetRecognizer` for inference: the same logits."""

    def __init__(self, model: XShiftNetRecognizer) -> None:
        super().__init__()
        self.backbone = FrameMajorBackbone(model.backbone)
        self.cls_head = FrameMajorHead(model.cls_head)

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, K)``."""
        return self.cls_head(self.backbone(clip), clip.shape[0])


def frame_major(model: nn.Module) -> nn.Module | None:
    """The network's frame-major form, sharing no folded weight with it; none for other networks.

    Modules without a norm (heads, excitation, attention) are shared: copy the model first if it is
    going to change.
    """
    if isinstance(model, EPAMNet):
        return FrameMajorEPAMNet(model).eval()
    if isinstance(model, XShiftNetRecognizer):
        return FrameMajorRecognizer(model).eval()
    return None
