"""EPAM-Net on a CPU with oneDNN: the frame-major form, each convolution fused with what follows it.

Clips go through one after another: a clip's frames are batch enough for every core, and the tensors of
several clips together would no longer fit the caches.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam.backends.backend import Inputs
from epam.backends.frame_major import (
    FrameMajorBackbone,
    FrameMajorBlock,
    FrameMajorEPAMNet,
    FrameMajorExcitation,
    FrameMajorRecognizer,
    clip_major,
)
from epam.backends.packed_convolution import PackedConvolution, PackedShift
from epam.epam_net import POSE_FRAMES_PER_RGB_FRAME, EPAMLogits

CHUNK_BYTES = 4 * 2**20
"""A block's widest tensor is made in chunks of frames of at most so many bytes for each thread.

Ours, by trial: the depthwise convolution then finds in a cache what the expansion wrote, and no tensor
is so large (32 MB) that the C library would give it fresh pages from the system on each call."""

LARGEST_COUNTED_BLOCK = 31 * 2**20
"""Bytes; glibc's threshold of mapping adapts up to 32 MB (mallopt(3), M_MMAP_THRESHOLD)."""

Size = tuple[int, int, int, int]


class PackedExcitation:
    """The scales of squeeze-and-excitation, one a channel, from the mean over a clip: ``(C,) → (C, 1, 1)``.

    Two products of a matrix and a vector; as convolutions they would take ten times as long.
    """

    def __init__(self, excitation: FrameMajorExcitation, dtype: torch.dtype) -> None:
        self._layers = [
            (conv.weight.detach().flatten(1).to(dtype), cast(Tensor, conv.bias).detach().to(dtype))
            for conv in (excitation.fc1, excitation.fc2)
        ]

    def __call__(self, mean: Tensor) -> Tensor:
        """Each channel's scale."""
        (squeeze, squeeze_bias), (excite, excite_bias) = self._layers
        squeezed = torch.addmv(squeeze_bias, squeeze, mean).relu_()
        return torch.addmv(excite_bias, excite, squeezed).sigmoid_()[:, None, None]


class PackedBlock:
    """:class:`epam.backends.frame_major.FrameMajorBlock` of packed convolutions, for one clip.

    ::

                    chunk by chunk of frames             the clip            chunk by chunk
        x ─┬─ shift ─ expand, ReLU ─ depthwise [, swish] ─ [squeeze] ─ [scale, swish] ─ project ─┐
           └─ shortcut ──────────────────────────────────────────────────────────────── (+), ReLU ─

    Args:
        block: the block, its norms folded.
        size: ``(T, C, H, W)`` of its input.
        dtype: of weights and activations.
        threads: that share a chunk.
    """

    def __init__(self, block: FrameMajorBlock, size: Size, dtype: torch.dtype, threads: int) -> None:
        frames, channels, height, width = size
        stride, inner = int(block.depthwise.stride[0]), block.expand.out_channels
        out_height, out_width = -(-height // stride), -(-width // stride)
        frame_bytes = inner * height * width * dtype.itemsize
        self.chunk = chunk_length(frames, most=CHUNK_BYTES * threads // frame_bytes)
        self.output_size = (frames, block.project.out_channels, out_height, out_width)
        self.excitation = None if block.excitation is None else PackedExcitation(block.excitation, dtype)
        self.shift = PackedShift(channels, block.shift_fold, dtype)
        self.expand = PackedConvolution(block.expand, (self.chunk, *size[1:]), "relu", dtype)
        self.depthwise = PackedConvolution(
            block.depthwise,
            (self.chunk, inner, height, width),
            "swish" if self.excitation is None else "none",
            dtype,
        )
        self.project = PackedConvolution(
            block.project, (self.chunk, inner, out_height, out_width), "none", dtype
        )
        self.shortcut = (
            None if block.shortcut is None else PackedConvolution(block.shortcut, size, "none", dtype)
        )

    def __call__(self, x: Tensor) -> Tensor:
        """``(T, C, H, W) → (T, C', H/s, W/s)``; ``x`` may be overwritten."""
        out = x if self.shortcut is None else self.shortcut(x)
        starts = range(0, len(x), self.chunk)
        parts: Iterator[Tensor] = (self.depthwise(self.expand(moved)) for moved in self._shifted(x))
        if self.excitation is not None:
            parts = self._excited(list(parts))
        for start, part in zip(starts, parts, strict=True):
            self.project.add_into(out[start : start + self.chunk], part)
        return out

    def _shifted(self, x: Tensor) -> Iterator[Tensor]:
        """The chunks, shifted; each looks at its neighbours before these can have been overwritten."""
        ready = self.shift(x, 0, self.chunk)
        for start in range(self.chunk, len(x), self.chunk):
            following = self.shift(x, start, start + self.chunk)
            yield ready
            ready = following
        yield ready

    def _excited(self, parts: list[Tensor]) -> Iterator[Tensor]:
        """The chunks scaled by what the whole clip says, and then swish, in place."""
        assert self.excitation is not None
        scale = self.excitation(torch.cat([part.mean(dim=(2, 3)) for part in parts]).mean(dim=0))
        return (F.silu(part.mul_(scale), inplace=True) for part in parts)

    @property
    def convolutions(self) -> list[PackedConvolution]:
        """All of it."""
        first = [] if self.shortcut is None else [self.shortcut]
        return [*first, self.expand, self.depthwise, self.project]


def chunk_length(frames: int, *, most: int) -> int:
    """How many frames a chunk has: at most ``most``, all chunks alike where few more make them so.

    >>> [chunk_length(frames, most=5) for frames in (3, 16, 48, 13)]
    [3, 4, 4, 5]
    """
    fewest = math.ceil(frames / max(1, most))
    chunks = next((n for n in range(fewest, 2 * fewest) if frames % n == 0), fewest)
    return math.ceil(frames / chunks)


class PackedBackbone:
    """:class:`epam.backends.frame_major.FrameMajorBackbone` of packed convolutions, for one clip."""

    def __init__(self, backbone: FrameMajorBackbone, clip: Tensor, dtype: torch.dtype, threads: int) -> None:
        _, channels, frames, height, width = clip.shape
        stride = int(backbone.stem.stride[0])
        self._dtype = dtype
        self.stem = PackedConvolution(backbone.stem, (frames, channels, height, width), "relu", dtype)
        size = (frames, backbone.stem.out_channels, height // stride, width // stride)
        self.blocks: list[PackedBlock] = []
        for block in backbone.blocks:
            self.blocks.append(PackedBlock(cast(FrameMajorBlock, block), size, dtype, threads))
            size = self.blocks[-1].output_size
        self.last = PackedConvolution(backbone.last, size, "relu", dtype)

    def __call__(self, clip: Tensor) -> Tensor:
        """``(C, T, H, W) → (T, C', H/s, W/s)``."""
        x = self.stem(clip.transpose(0, 1).to(self._dtype, memory_format=torch.channels_last))
        for block in self.blocks:
            x = block(x)
        return self.last(x)

    @property
    def weights_bytes(self) -> int:
        """Of the packed convolutions."""
        inner = [convolution for block in self.blocks for convolution in block.convolutions]
        return sum(convolution.weights_bytes for convolution in (self.stem, *inner, self.last))


class PackedEPAMNet:
    """:class:`epam.EPAMNet`: the same logits, any attention."""

    def __init__(self, form: FrameMajorEPAMNet, example: Inputs, dtype: torch.dtype, threads: int) -> None:
        rgb, heatmaps = example
        self._rgb = PackedBackbone(form.rgb_backbone, rgb, dtype, threads)
        self._pose = PackedBackbone(form.pose_backbone, heatmaps, dtype, threads)
        self._form = form.to(dtype)
        self.weights_bytes = self._rgb.weights_bytes + self._pose.weights_bytes

    def __call__(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        """``(N, 3, T, H, W), (N, 17, 3T, h, w) → (N, K), (N, K)``."""
        logits = [self._one_clip(*pair) for pair in zip(rgb, heatmaps, strict=True)]
        return EPAMLogits(
            rgb=torch.cat([pair.rgb for pair in logits]), pose=torch.cat([pair.pose for pair in logits])
        )

    def _one_clip(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        form, pose = self._form, self._pose(heatmaps)
        sampled = clip_major(pose[::POSE_FRAMES_PER_RGB_FRAME], 1)
        guided = form.attention_module.guide(clip_major(self._rgb(rgb), 1), sampled)
        return EPAMLogits(rgb=form.rgb_cls_head(guided), pose=form.pose_cls_head(pose, 1))


class PackedRecognizer:
    """One stream by itself: the same logits."""

    def __init__(self, form: FrameMajorRecognizer, example: Inputs, dtype: torch.dtype, threads: int) -> None:
        self._backbone = PackedBackbone(form.backbone, example[0], dtype, threads)
        self._form = form.to(dtype)
        self.weights_bytes = self._backbone.weights_bytes

    def __call__(self, clips: Tensor) -> Tensor:
        """``(N, C, T, H, W) → (N, K)``."""
        return torch.cat([self._form.cls_head(self._backbone(clip), 1) for clip in clips])


def pack_frames(
    form: nn.Module, example: Inputs, *, dtype: torch.dtype, threads: int
) -> PackedEPAMNet | PackedRecognizer:
    """Pack the frame-major form of EPAM-Net or of a stream, which changes it.

    Args:
        form: of :func:`epam.backends.frame_major.frame_major`.
        example: inputs of the shapes to come.
        dtype: of weights and activations.
        threads: that compute.
    """
    # glibc returns memory to the system when twice the largest block that it has mapped and freed lies free:
    # one block, of the largest size that it counts, makes it keep a call's memory for the next one.
    torch.empty(LARGEST_COUNTED_BLOCK, dtype=torch.uint8)
    if isinstance(form, FrameMajorEPAMNet):
        return PackedEPAMNet(form, example, dtype, threads)
    assert isinstance(form, FrameMajorRecognizer)
    return PackedRecognizer(form, example, dtype, threads)
