"""X-ShiftNet: X3D with its temporal convolutions replaced by a channel shift along time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from epam.errors import InputError
from epam.temporal_shift import temporal_shift

Stream = Literal["rgb", "pose"]

STEM_CHANNELS = 24
EXPANSION = 2.25
"""Inner width of a block over its outer width (X3D-M's gamma_b)."""

SQUEEZE_REDUCTION = 16


def squeezed_channels(channels: int) -> int:
    """Width of a squeeze: ``channels / 16`` to the nearest multiple of 8, never below 90 % of it.

    >>> [squeezed_channels(c) for c in (54, 108, 216, 432)]
    [8, 8, 16, 32]
    """
    wanted = channels / SQUEEZE_REDUCTION
    rounded = max(8, int((wanted + 4) // 8) * 8)
    return rounded + 8 if rounded < 0.9 * wanted else rounded


class ConvNorm(nn.Sequential):
    """2-D convolution without bias, then batch norm, under the published names ``conv`` and ``bn``."""

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        kernel_size: int,
        *,
        stride: int = 1,
        groups: int = 1,
        momentum: float = 0.1,
    ) -> None:
        conv = nn.Conv2d(
            in_channels,
            out_channels,
            kernel_size,
            stride=stride,
            padding=kernel_size // 2,
            groups=groups,
            bias=False,
        )
        super().__init__(OrderedDict(conv=conv, bn=nn.BatchNorm2d(out_channels, momentum=momentum)))


class SqueezeExcitation(nn.Module):
    """Scales each channel by what the whole clip, all frames together, says of it."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        squeezed = squeezed_channels(channels)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, C, H, W) → (N·T, C, H, W)``."""
        clips = x.unflatten(0, (-1, frames))
        squeezed = F.relu(self.fc1(clips.mean(dim=(1, 3, 4)).unflatten(1, (-1, 1, 1))))
        scale = self.fc2(squeezed).sigmoid()
        return (clips * scale.unsqueeze(1)).flatten(0, 1)


class ShiftBottleneck(nn.Module):
    """Residual block whose only view across time is a channel shift.

    ::

        x ─┬─ shift ─ expand ─ ReLU ─ depthwise 3×3 ─ [SE] ─ swish ─ project ─ (+) ─ ReLU
           └──────────────────────── shortcut ────────────────────────────────┘

    The three convolutions keep the published names ``conv1`` (expand), ``conv2`` (depthwise) and
    ``conv3`` (project); ``downsample`` is the shortcut where the shape changes.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, fold_div: int, squeeze: bool
    ) -> None:
        super().__init__()
        inner = int(EXPANSION * out_channels)
        self.shift_fold = in_channels // fold_div
        self.conv1 = ConvNorm(in_channels, inner, 1)
        self.conv2 = ConvNorm(inner, inner, 3, stride=stride, groups=inner)
        self.se_module = SqueezeExcitation(inner) if squeeze else None
        self.conv3 = ConvNorm(inner, out_channels, 1)
        changes_shape = stride != 1 or in_channels != out_channels
        self.downsample = ConvNorm(in_channels, out_channels, 1, stride=stride) if changes_shape else None

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, C, H, W) → (N·T, C', H/s, W/s)``."""
        shortcut = x if self.downsample is None else self.downsample(x)
        out = temporal_shift(x, frames=frames, fold=self.shift_fold)
        out = self.conv2(F.relu(self.conv1(out)))
        if self.se_module is not None:
            out = self.se_module(out, frames)
        return F.relu(self.conv3(F.silu(out)) + shortcut)


class Stage(nn.ModuleList):
    """Blocks of one width; the first halves the picture, every second one squeezes and excites."""

    def __init__(self, in_channels: int, out_channels: int, *, blocks: int, fold_div: int) -> None:
        super().__init__(
            ShiftBottleneck(
                in_channels if index == 0 else out_channels,
                out_channels,
                stride=2 if index == 0 else 1,
                fold_div=fold_div,
                squeeze=index % 2 == 0,
            )
            for index in range(blocks)
        )

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, C, H, W) → (N·T, C', H/2, W/2)``."""
        for block in self:
            x = block(x, frames)
        return x


class XShiftNet(nn.Module):
    """The backbone: a 2-D network over frames folded into the batch, and a shift between them.

    ::

        clip ─ stem 3×3 ─ layer1 ─ … ─ layerS ─ conv5 1×1 ─ features

    Nothing pools or strides along time. Sources: model.md's facts are the paper's §3 and the
    published reference implementation; weights carry the published names, without the
    convolutions' time axis of length 1.

    Args:
        in_channels: 3 for RGB, 17 for joint heatmaps.
        stem_stride: spatial stride of the first convolution.
        stage_blocks: blocks in each stage; stage *i* is ``24 · 2^i`` channels wide.
        fold_div: a shift moves two folds of ``channels // fold_div`` channels each.
    """

    def __init__(
        self, *, in_channels: int, stem_stride: int, stage_blocks: tuple[int, ...], fold_div: int
    ) -> None:
        super().__init__()
        self.in_channels = in_channels
        self.spatial_stride = stem_stride * 2 ** len(stage_blocks)
        self.conv1_s = ConvNorm(in_channels, STEM_CHANNELS, 3, stride=stem_stride)
        channels = STEM_CHANNELS
        self._stage_names = [f"layer{number}" for number in range(1, len(stage_blocks) + 1)]
        for index, (name, blocks) in enumerate(zip(self._stage_names, stage_blocks, strict=True)):
            width = STEM_CHANNELS * 2**index
            self.add_module(name, Stage(channels, width, blocks=blocks, fold_div=fold_div))
            channels = width
        self.out_channels = int(EXPANSION * channels)
        self.conv5 = ConvNorm(channels, self.out_channels, 1)
        initialise_weights(self)

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, C', T, H/s, W/s)``, s being ``spatial_stride``.

        Raises:
            InputError: another number of dimensions or channels, or H, W not divisible by s.
        """
        self.check_clip(clip)
        frames = clip.shape[2]
        x = F.relu(self.conv1_s(clip.transpose(1, 2).flatten(0, 1)))
        for name in self._stage_names:
            x = getattr(self, name)(x, frames)
        return F.relu(self.conv5(x)).unflatten(0, (-1, frames)).transpose(1, 2)

    def check_clip(self, clip: Tensor) -> None:
        """Raise InputError unless the clip has this network's channels and sizes its stride divides."""
        if clip.dim() != 5 or clip.shape[1] != self.in_channels:
            raise InputError(
                f"expected a clip of shape (N, {self.in_channels}, T, H, W), got {tuple(clip.shape)}"
            )
        *_, frames, height, width = clip.shape
        stride = self.spatial_stride
        if min(clip.shape) < 1 or height % stride or width % stride:
            raise InputError(
                f"a clip of {frames} frames of {height} × {width} does not fit: it needs at least one "
                f"frame, and a height and width divisible by {stride}; resize or pad it"
            )


class ClassificationHead(nn.Module):
    """Mean over time and space, dropout, one linear layer (published name ``fc_cls``)."""

    def __init__(self, channels: int, num_classes: int, *, dropout: float = 0.5) -> None:
        super().__init__()
        self.dropout = nn.Dropout(dropout)
        self.fc_cls = nn.Linear(channels, num_classes)
        initialise_weights(self)

    def forward(self, features: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, K)``."""
        return self.fc_cls(self.dropout(features.mean(dim=(2, 3, 4))))


class XShiftNetRecognizer(nn.Module):
    """One stream by itself: backbone and head.

    Attributes:
        stream: which of the two streams it is.
        checkpoint_prefixes: other prefixes, in published files, of this network's own.
    """

    def __init__(self, backbone: XShiftNet, *, stream: Stream, num_classes: int, dropout: float) -> None:
        super().__init__()
        self.stream = stream
        self.backbone = backbone
        self.cls_head = ClassificationHead(backbone.out_channels, num_classes, dropout=dropout)

    @property
    def checkpoint_prefixes(self) -> Mapping[str, str]:
        """Prefixes that a checkpoint may have where this network has another."""
        return {f"{self.stream}_backbone.": "backbone.", f"{self.stream}_cls_head.": "cls_head."}

    def forward(self, clip: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, K)`` logits."""
        return self.cls_head(self.backbone(clip))


def rgb_backbone() -> XShiftNet:
    """The RGB stream's backbone: ``(N, 3, T, H, W) → (N, 432, T, H/32, W/32)``."""
    return XShiftNet(in_channels=3, stem_stride=2, stage_blocks=(3, 5, 11, 7), fold_div=8)


def pose_backbone() -> XShiftNet:
    """The pose stream's backbone: ``(N, 17, T, H, W) → (N, 216, T, H/8, W/8)``."""
    return XShiftNet(in_channels=17, stem_stride=1, stage_blocks=(5, 11, 7), fold_div=4)


def x_shiftnet_rgb(num_classes: int = 60, *, dropout: float = 0.5) -> XShiftNetRecognizer:
    """RGB alone: ``(N, 3, T, H, W) → (N, K)``; 16 × 224² in the paper."""
    return XShiftNetRecognizer(rgb_backbone(), stream="rgb", num_classes=num_classes, dropout=dropout)


def x_shiftnet_pose(num_classes: int = 60, *, dropout: float = 0.5) -> XShiftNetRecognizer:
    """Joint heatmaps alone: ``(N, 17, T, H, W) → (N, K)``; 48 × 56² in the paper."""
    return XShiftNetRecognizer(pose_backbone(), stream="pose", num_classes=num_classes, dropout=dropout)


def initialise_weights(module: nn.Module) -> None:
    """Draw fresh weights as the published code does.

    Convolutions: Kaiming normal, fan-out, ReLU gain. Linear: normal of std 0.01, bias 0. The last
    norm of every block starts at 0, so that each block starts as its shortcut.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv1d | nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
            if part.bias is not None:
                nn.init.zeros_(part.bias)
        elif isinstance(part, nn.Linear):
            nn.init.normal_(part.weight, std=0.01)
            nn.init.zeros_(part.bias)
    for part in module.modules():
        if isinstance(part, ShiftBottleneck):
            nn.init.zeros_(part.conv3.get_parameter("bn.weight"))
