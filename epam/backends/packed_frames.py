"""EPAM-Net on a CPU with oneDNN: the frame-major form, each convolution fused with what follows it."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam.backends.backend import Inputs, Output
from epam.backends.frame_major import (
    FrameMajorBackbone,
    FrameMajorBlock,
    FrameMajorEPAMNet,
    FrameMajorRecognizer,
    clip_major,
    shift_frames,
)
from epam.backends.packed_convolution import PackedConvolution
from epam.epam_net import POSE_FRAMES_PER_RGB_FRAME, EPAMLogits


class PackedBlock:
    """:class:`epam.backends.frame_major.FrameMajorBlock` of packed convolutions."""

    def __init__(self, block: FrameMajorBlock, size: tuple[int, int, int, int], dtype: torch.dtype) -> None:
        rows, _, height, width = size
        stride = int(block.depthwise.stride[0])
        inner = block.expand.out_channels
        small = (rows, inner, height // stride, width // stride)
        self.shift_fold = block.shift_fold
        self.excitation = block.excitation
        self.expand = PackedConvolution(block.expand, size, "relu", dtype)
        self.depthwise = PackedConvolution(
            block.depthwise, (rows, inner, height, width), "none" if block.excitation else "swish", dtype
        )
        self.project = PackedConvolution(block.project, small, "none", dtype)
        self.shortcut = (
            PackedConvolution(block.shortcut, size, "none", dtype) if block.shortcut is not None else None
        )
        self.output_size = (rows, block.project.out_channels, *small[2:])

    def __call__(self, x: Tensor, clips: int) -> Tensor:
        """``(T·N, C, H, W) → (T·N, C', H/s, W/s)``; ``x`` may be overwritten."""
        out = shift_frames(x, clips=clips, fold=self.shift_fold) if self.shift_fold else x
        out = self.depthwise(self.expand(out))
        if self.excitation is not None:
            out.mul_(self.excitation(out, clips))
            F.silu(out, inplace=True)
        shortcut = x if self.shortcut is None else self.shortcut(x)
        return self.project.add_into(shortcut, out)


class PackedBackbone:
    """:class:`epam.backends.frame_major.FrameMajorBackbone` of packed convolutions."""

    def __init__(self, backbone: FrameMajorBackbone, clip: Tensor, dtype: torch.dtype) -> None:
        clips, channels, frames, height, width = clip.shape
        stride = int(backbone.stem.stride[0])
        self._dtype = dtype
        self.stem = PackedConvolution(backbone.stem, (clips * frames, channels, height, width), "relu", dtype)
        size = (clips * frames, backbone.stem.out_channels, height // stride, width // stride)
        self.blocks: list[PackedBlock] = []
        for block in backbone.blocks:
            self.blocks.append(PackedBlock(cast(FrameMajorBlock, block), size, dtype))
            size = self.blocks[-1].output_size
        self.last = PackedConvolution(backbone.last, size, "relu", dtype)

    def __call__(self, clip: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (T·N, C', H/s, W/s)``."""
        frames = clip.permute(2, 0, 1, 3, 4).flatten(0, 1)
        x = self.stem(frames.to(self._dtype, memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x, clip.shape[0])
        return self.last(x)

    @property
    def weights_bytes(self) -> int:
        """Of the packed convolutions."""
        convolutions = [self.stem, self.last]
        for block in self.blocks:
            convolutions += [block.expand, block.depthwise, block.project]
            convolutions += [block.shortcut] if block.shortcut else []
        return sum(convolution.weights_bytes for convolution in convolutions)


class PackedEPAMNet:
    """:class:`epam.EPAMNet`: the same logits, any attention."""

    def __init__(self, form: FrameMajorEPAMNet, example: Inputs, dtype: torch.dtype) -> None:
        rgb, heatmaps = example
        self._form = form
        self._rgb = PackedBackbone(form.rgb_backbone, rgb, dtype)
        self._pose = PackedBackbone(form.pose_backbone, heatmaps, dtype)
        self.weights_bytes = self._rgb.weights_bytes + self._pose.weights_bytes

    def __call__(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        """``(N, 3, T, H, W), (N, 17, 3T, h, w) → (N, K), (N, K)``."""
        clips = rgb.shape[0]
        pose = self._pose(heatmaps)
        sampled = clip_major(pose, clips)[:, :, ::POSE_FRAMES_PER_RGB_FRAME]
        guided = self._form.attention_module.guide(clip_major(self._rgb(rgb), clips), sampled)
        return EPAMLogits(rgb=self._form.rgb_cls_head(guided), pose=self._form.pose_cls_head(pose, clips))


class PackedRecognizer:
    """One stream by itself: the same logits."""

    def __init__(self, form: FrameMajorRecognizer, example: Inputs, dtype: torch.dtype) -> None:
        self._form = form
        self._backbone = PackedBackbone(form.backbone, example[0], dtype)
        self.weights_bytes = self._backbone.weights_bytes

    def __call__(self, clip: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, K)``."""
        return self._form.cls_head(self._backbone(clip), clip.shape[0])


def pack_frames(form: nn.Module, example: Inputs, dtype: torch.dtype) -> PackedEPAMNet | PackedRecognizer:
    """Pack the frame-major form of EPAM-Net or of a stream; the form's own weights become ``dtype``."""
    packed: PackedEPAMNet | PackedRecognizer
    if isinstance(form, FrameMajorEPAMNet):
        packed = PackedEPAMNet(form, example, dtype)
    else:
        assert isinstance(form, FrameMajorRecognizer)
        packed = PackedRecognizer(form, example, dtype)
    form.to(dtype)
    return packed


__all__ = ["Output", "PackedEPAMNet", "PackedRecognizer", "pack_frames"]
