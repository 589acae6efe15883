"""X-ShiftNet: X3D with its temporal convolutions replaced by a channel shift along time."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Literal

import torch.nn.functional as F
from torch import Tensor, nn

from epam.errors import InputError
from epam.temporal_shift import temporal_shift

Stream = Literal["rgb", "pose"]

STEM_CHANNELS = 24
RGB_BLOCKS = (3, 5, 11, 7)
POSE_BLOCKS = (5, 11, 7)
"""The paper's width of the first stage, and blocks in each stage of the two streams."""

RGB_FOLD_DIV = 8
POSE_FOLD_DIV = 4
"""A fold is an eighth of the channels for RGB, a quarter for pose (published code)."""

MOST_STAGES = 6
MOST_BLOCKS = 200
"""Past any use: a file's mistake in a size should not fill the memory."""

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

    Args:
        in_channels: width of the input.
        out_channels: width of the output.
        stride: spatial stride.
        fold_div: a fold is ``in_channels // fold_div`` channels; none leaves the shift out.
        squeeze: whether the block squeezes and excites.
    """

    def __init__(
        self, in_channels: int, out_channels: int, *, stride: int, fold_div: int | None, squeeze: bool
    ) -> None:
        super().__init__()
        inner = int(EXPANSION * out_channels)
        self.shift_fold = in_channels // fold_div if fold_div else 0
        self.conv1 = ConvNorm(in_channels, inner, 1)
        self.conv2 = ConvNorm(inner, inner, 3, stride=stride, groups=inner)
        self.se_module = SqueezeExcitation(inner) if squeeze else None
        self.conv3 = ConvNorm(inner, out_channels, 1)
        changes_shape = stride != 1 or in_channels != out_channels
        self.shortcut_stride = stride
        self.downsample = ConvNorm(in_channels, out_channels, 1) if changes_shape else None

    def forward(self, x: Tensor, frames: int) -> Tensor:
        """``(N·T, C, H, W) → (N·T, C', H/s, W/s)``."""
        shortcut = x if self.downsample is None else self.downsample(self._subsample(x))
        out = temporal_shift(x, frames=frames, fold=self.shift_fold) if self.shift_fold else x
        out = self.conv2(F.relu(self.conv1(out)))
        if self.se_module is not None:
            out = self.se_module(out, frames)
        return F.relu(self.conv3(F.silu(out)) + shortcut)

    def _subsample(self, x: Tensor) -> Tensor:
        """What a strided 1x1 convolution would look at.

        That convolution itself is not used: on a CPU in channels-last order its backward pass can
        write past its workspace where there are fewer channels than a vector register holds
        (github.com/uxlfoundation/oneDNN/issues/6035), and ends the process, or trains on garbage.
        """
        return x if self.shortcut_stride == 1 else x[:, :, :: self.shortcut_stride, :: self.shortcut_stride]


class Stage(nn.ModuleList):
    """Blocks of one width; the first halves the picture, every second one squeezes and excites."""

    def __init__(self, in_channels: int, out_channels: int, *, blocks: int, fold_div: int | None) -> None:
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
        stage_blocks: blocks in each stage.
        fold_div: a shift moves two folds of ``channels // fold_div`` channels each.
        stem_channels: width of the stem and the first stage; each further stage is twice as wide.
        temporal_shift: off, no frame sees another but through squeeze-and-excitation (an ablation).

    Raises:
        InputError: no stage, a stage without blocks, or a stem too narrow to hold one fold.
    """

    def __init__(
        self,
        *,
        in_channels: int,
        stem_stride: int,
        stage_blocks: Sequence[int],
        fold_div: int,
        stem_channels: int = STEM_CHANNELS,
        temporal_shift: bool = True,
    ) -> None:
        super().__init__()
        _check_size(stage_blocks, stem_channels, fold_div)
        self.in_channels = in_channels
        self.stem_channels = stem_channels
        self.stage_blocks = tuple(stage_blocks)
        self.temporal_shift = temporal_shift
        self.spatial_stride = stem_stride * 2 ** len(stage_blocks)
        self.conv1_s = ConvNorm(in_channels, stem_channels, 3, stride=stem_stride)
        channels = stem_channels
        self._stage_names = [f"layer{number}" for number in range(1, len(stage_blocks) + 1)]
        for index, (name, blocks) in enumerate(zip(self._stage_names, stage_blocks, strict=True)):
            width = stem_channels * 2**index
            stage = Stage(channels, width, blocks=blocks, fold_div=fold_div if temporal_shift else None)
            self.add_module(name, stage)
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


def rgb_backbone(
    *,
    stem_channels: int = STEM_CHANNELS,
    stage_blocks: Sequence[int] = RGB_BLOCKS,
    temporal_shift: bool = True,
) -> XShiftNet:
    """The RGB stream's backbone: ``(N, 3, T, H, W) → (N, 432, T, H/32, W/32)``, as in the paper."""
    return XShiftNet(
        in_channels=3,
        stem_stride=2,
        stage_blocks=stage_blocks,
        fold_div=RGB_FOLD_DIV,
        stem_channels=stem_channels,
        temporal_shift=temporal_shift,
    )


def pose_backbone(
    *,
    stem_channels: int = STEM_CHANNELS,
    stage_blocks: Sequence[int] = POSE_BLOCKS,
    temporal_shift: bool = True,
) -> XShiftNet:
    """The pose stream's backbone: ``(N, 17, T, H, W) → (N, 216, T, H/8, W/8)``, as in the paper."""
    return XShiftNet(
        in_channels=17,
        stem_stride=1,
        stage_blocks=stage_blocks,
        fold_div=POSE_FOLD_DIV,
        stem_channels=stem_channels,
        temporal_shift=temporal_shift,
    )


def x_shiftnet_rgb(
    num_classes: int = 60,
    *,
    dropout: float = 0.5,
    stem_channels: int = STEM_CHANNELS,
    stage_blocks: Sequence[int] = RGB_BLOCKS,
    temporal_shift: bool = True,
) -> XShiftNetRecognizer:
    """RGB alone: ``(N, 3, T, H, W) → (N, K)``; 16 × 224² in the paper.

    Args:
        num_classes: K.
        dropout: before the linear layer.
        stem_channels: width of the first stage; see :class:`XShiftNet`.
        stage_blocks: blocks in each stage.
        temporal_shift: whether frames see each other.
    """
    backbone = rgb_backbone(
        stem_channels=stem_channels, stage_blocks=stage_blocks, temporal_shift=temporal_shift
    )
    return XShiftNetRecognizer(backbone, stream="rgb", num_classes=num_classes, dropout=dropout)


def x_shiftnet_pose(
    num_classes: int = 60,
    *,
    dropout: float = 0.5,
    stem_channels: int = STEM_CHANNELS,
    stage_blocks: Sequence[int] = POSE_BLOCKS,
    temporal_shift: bool = True,
) -> XShiftNetRecognizer:
    """Joint heatmaps alone: ``(N, 17, T, H, W) → (N, K)``; 48 × 56² in the paper.

    Args:
        num_classes: K.
        dropout: before the linear layer.
        stem_channels: width of the first stage; see :class:`XShiftNet`.
        stage_blocks: blocks in each stage.
        temporal_shift: whether frames see each other.
    """
    backbone = pose_backbone(
        stem_channels=stem_channels, stage_blocks=stage_blocks, temporal_shift=temporal_shift
    )
    return XShiftNetRecognizer(backbone, stream="pose", num_classes=num_classes, dropout=dropout)


def _check_size(stage_blocks: Sequence[int], stem_channels: int, fold_div: int) -> None:
    stages_fit = 1 <= len(stage_blocks) <= MOST_STAGES
    if not stages_fit or not 1 <= min(stage_blocks) <= sum(stage_blocks) <= MOST_BLOCKS:
        raise InputError(
            f"stage blocks {list(stage_blocks)}: give one to {MOST_STAGES} stages, of at least one block "
            f"each and {MOST_BLOCKS} together"
        )
    if stem_channels < fold_div:
        raise InputError(
            f"{stem_channels} stem channels: at least {fold_div} are needed, for a temporal shift moves "
            f"one in {fold_div} of them each way"
        )


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
