"""The `native` backend: EPAM-Net in C of our own, compiled on the machine that runs it."""

from __future__ import annotations

import ctypes
import os
import threading
import weakref
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn

from epam.attention import NoAttention, SpatialTemporalAttention
from epam.backends.backend import BackendError, Output, Precision, Prepared, Request
from epam.backends.native_kernels.binding import (
    BackboneWeights,
    BlockWeights,
    Features,
    NestedAttention,
    floats,
    kernels,
)
from epam.backends.native_kernels.compiling import find_compiler
from epam.backends.norm_folding import folded_weights
from epam.epam_net import POSE_FRAMES_PER_RGB_FRAME, EPAMLogits, EPAMNet
from epam.errors import InputError
from epam.x_shiftnet import ClassificationHead, ConvNorm, ShiftBottleneck, XShiftNet, XShiftNetRecognizer


class Workers:
    """The threads of one network; after a fork the child, which has none of them, starts its own."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._start()

    def _start(self) -> None:
        handle = kernels().start_workers(self._count)
        if not handle:
            raise BackendError(f"backend native: cannot start {self._count} threads; ask for fewer")
        self._handle, self._process = handle, os.getpid()
        _free_when_dropped(self, _stop_workers, self._handle, self._process)

    @property
    def handle(self) -> int:
        """For the C functions."""
        if self._process != os.getpid():
            self._start()
        return self._handle


def _free_when_dropped(owner: object, free: Callable[..., object], *arguments: object) -> None:
    """Free what is C's as soon as its owner is gone, but not as Python ends.

    A daemon thread may still be computing in it then, and the system takes all of it back anyway.
    """
    weakref.finalize(owner, free, *arguments).atexit = False


def _stop_workers(handle: int, process: int) -> None:
    if process == os.getpid():
        kernels().stop_workers(handle)


class NativeBackbone:
    """One :class:`epam.x_shiftnet.XShiftNet` for clips of one size, one clip at a time.

    Attributes:
        features: of the last clip, ``(T, H/s, W/s, C)`` with the channels filled up; overwritten by
            the next one.
    """

    def __init__(self, backbone: XShiftNet, clip: Tensor, *, threads: int) -> None:
        backbone.check_clip(clip)
        frames, height, width = clip.shape[2:]
        # C copies the weights: what they point to need live no longer than the call.
        packer = _WeightPacker()
        weights = packer.backbone(backbone)
        self._handle = kernels().build_backbone(ctypes.byref(weights), frames, height, width, threads)
        if not self._handle:
            raise BackendError(f"backend native: no memory for clips of shape {tuple(clip.shape[1:])}")
        _free_when_dropped(self, kernels().free_backbone, self._handle)
        self.weights_bytes = kernels().weights_bytes(self._handle)
        self.working_bytes = kernels().working_bytes(self._handle)
        stride, pitch = backbone.spatial_stride, kernels().feature_pitch(self._handle)
        self.features = torch.zeros(frames, height // stride, width // stride, pitch)
        self._shape = clip.shape[1:]
        self.channels = backbone.out_channels
        self.described = Features(self.features.data_ptr(), *self.features.shape[:3], self.channels, pitch)

    def run(self, clip: Tensor, workers: Workers) -> None:
        """``(C, T, H, W)``, contiguous float32, to ``features``.

        Raises:
            InputError: a clip of another shape than it was built for: C would read beyond its end.
        """
        if clip.shape != self._shape:
            raise InputError(
                f"a clip of shape {tuple(clip.shape)} came to a network built for {tuple(self._shape)}; "
                "call epam.optimize again with example_inputs of the new shape"
            )
        kernels().run_backbone(self._handle, workers.handle, clip.data_ptr(), self.features.data_ptr())

    def clip_major(self) -> Tensor:
        """A view of the features as the network's own modules have them, ``(1, C, T, h, w)``."""
        return self.features[..., : self.channels].permute(3, 0, 1, 2).unsqueeze(0)


class NativeHead:
    """:class:`epam.x_shiftnet.ClassificationHead` of a backbone's features."""

    def __init__(self, head: ClassificationHead, backbone: NativeBackbone) -> None:
        self._backbone = backbone
        self._weights = head.fc_cls.weight.detach().t().contiguous()
        self._bias = head.fc_cls.bias.detach().contiguous()
        self._pooled = torch.zeros(backbone.features.shape[-1])

    @property
    def classes(self) -> int:
        """How many logits there are."""
        return len(self._bias)

    def run(self, logits: Tensor, *, attention: Tensor | None = None) -> None:
        """Write ``(K)`` logits of the features, each place ``f`` of them ``f + f · A`` if there is an A."""
        library = kernels()
        where = None if attention is None else attention.data_ptr()
        library.pool(ctypes.byref(self._backbone.described), where, self._pooled.data_ptr())
        library.classify(
            self._weights.data_ptr(),
            self._bias.data_ptr(),
            *self._weights.shape,
            self._pooled.data_ptr(),
            logits.data_ptr(),
        )


class NativeNestedAttention:
    """:class:`epam.attention.SpatialTemporalAttention` of every third frame's pose features."""

    def __init__(self, attention: SpatialTemporalAttention, pose: NativeBackbone) -> None:
        self._pose = pose
        spatial, bias = folded_weights(attention.spatial)
        self._kept = (spatial.contiguous(), attention.conv_temporal_attention.weight.detach().contiguous())
        self._weights = NestedAttention(floats(self._kept[0]), float(bias), floats(self._kept[1]))
        sampled = pose.features[::POSE_FRAMES_PER_RGB_FRAME]
        self.map = torch.zeros(sampled.shape[:3])
        scratch = kernels().attention_scratch(ctypes.byref(pose.described), POSE_FRAMES_PER_RGB_FRAME)
        self._scratch = torch.zeros(scratch)

    def run(self) -> Tensor:
        """The map ``(T, h, w)``, overwritten by the next."""
        kernels().attend(
            ctypes.byref(self._weights),
            ctypes.byref(self._pose.described),
            POSE_FRAMES_PER_RGB_FRAME,
            self.map.data_ptr(),
            self._scratch.data_ptr(),
        )
        return self.map


class NativeRecognizer:
    """:class:`epam.x_shiftnet.XShiftNetRecognizer`: ``(N, C, T, H, W) → (N, K)``."""

    def __init__(self, model: XShiftNetRecognizer, clip: Tensor, *, threads: int) -> None:
        self._lock = threading.Lock()
        self._workers = Workers(threads)
        self._backbone = NativeBackbone(model.backbone, clip, threads=threads)
        self._head = NativeHead(model.cls_head, self._backbone)
        self.weights_bytes = self._backbone.weights_bytes + _size(model.cls_head)
        self.working_bytes = self._backbone.working_bytes

    def __call__(self, clip: Tensor) -> Tensor:
        """Clip after clip; calls from several threads wait for each other."""
        clip = _plain(clip)
        logits = torch.empty(len(clip), self._head.classes)
        with self._lock:
            for one, row in zip(clip, logits, strict=True):
                self._backbone.run(one, self._workers)
                self._head.run(row)
        return logits


class NativeEPAMNet:
    """:class:`epam.EPAMNet`: ``(N, 3, T, H, W), (N, 17, 3T, h, w) → (N, K), (N, K)``.

    The nested attention, and none, are computed in C; another one by its own module.
    """

    def __init__(self, model: EPAMNet, rgb: Tensor, heatmaps: Tensor, *, threads: int) -> None:
        model._check(rgb, heatmaps)
        self._lock = threading.Lock()
        self._workers = Workers(threads)
        self._rgb = NativeBackbone(model.rgb_backbone, rgb, threads=threads)
        self._pose = NativeBackbone(model.pose_backbone, heatmaps, threads=threads)
        self._pose_head = NativeHead(model.pose_cls_head, self._pose)
        self._rgb_head = NativeHead(model.rgb_cls_head, self._rgb)
        self._attention = model.attention_module
        self._plain_head = model.rgb_cls_head
        self._nested = (
            NativeNestedAttention(self._attention, self._pose)
            if isinstance(self._attention, SpatialTemporalAttention)
            else None
        )
        self.weights_bytes = (
            self._rgb.weights_bytes
            + self._pose.weights_bytes
            + sum(map(_size, (model.rgb_cls_head, model.pose_cls_head, self._attention)))
        )
        self.working_bytes = self._rgb.working_bytes + self._pose.working_bytes

    def __call__(self, rgb: Tensor, heatmaps: Tensor) -> EPAMLogits:
        """Pair after pair; calls from several threads wait for each other."""
        rgb, heatmaps = _plain(rgb), _plain(heatmaps)
        logits = EPAMLogits(
            rgb=torch.empty(len(rgb), self._rgb_head.classes),
            pose=torch.empty(len(rgb), self._pose_head.classes),
        )
        with self._lock:
            for index in range(len(rgb)):
                self._pose.run(heatmaps[index], self._workers)
                self._pose_head.run(logits.pose[index])
                self._rgb.run(rgb[index], self._workers)
                self._classify_guided(logits.rgb[index])
        return logits

    def _classify_guided(self, logits: Tensor) -> None:
        if self._nested is not None:
            self._rgb_head.run(logits, attention=self._nested.run())
        elif isinstance(self._attention, NoAttention):
            self._rgb_head.run(logits)
        else:
            sampled = self._pose.clip_major()[:, :, ::POSE_FRAMES_PER_RGB_FRAME]
            guided = self._attention.guide(self._rgb.clip_major(), sampled)
            logits.copy_(self._plain_head(guided)[0])


class _WeightPacker:
    """A backbone's folded weights as the C structures point to them, kept alive as long as this is."""

    def __init__(self) -> None:
        self._kept: list[object] = []

    def backbone(self, backbone: XShiftNet) -> BackboneWeights:
        stem = cast(nn.Conv2d, backbone.conv1_s.get_submodule("conv"))
        stages = [backbone.get_submodule(f"layer{n + 1}") for n in range(len(backbone.stage_blocks))]
        blocks = [cast(ShiftBottleneck, block) for stage in stages for block in stage.children()]
        packed = (BlockWeights * len(blocks))(*map(self._block, blocks))
        self._kept.append(packed)
        weights = BackboneWeights(
            in_channels=backbone.in_channels,
            stem_channels=backbone.stem_channels,
            stem_stride=stem.stride[0],
            block_count=len(blocks),
            blocks=packed,
            out_channels=backbone.out_channels,
        )
        self._point(weights, "stem", backbone.conv1_s)
        self._point(weights, "last", backbone.conv5)
        return weights

    def _block(self, block: ShiftBottleneck) -> BlockWeights:
        expand = block.conv1.get_parameter("conv.weight")
        weights = BlockWeights(
            in_channels=expand.shape[1],
            inner_channels=expand.shape[0],
            out_channels=len(block.conv3.get_parameter("conv.weight")),
            stride=block.shortcut_stride,
            fold=block.shift_fold,
        )
        self._point(weights, "expand", block.conv1)
        self._point(weights, "depthwise", block.conv2)
        self._point(weights, "project", block.conv3)
        if block.downsample is not None:
            self._point(weights, "shortcut", block.downsample)
        if block.se_module is not None:
            weights.squeezed_channels = block.se_module.fc1.out_channels
            self._point(weights, "squeeze", block.se_module.fc1)
            self._point(weights, "excite", block.se_module.fc2)
        return weights

    def _point(
        self, weights: BackboneWeights | BlockWeights, name: str, module: ConvNorm | nn.Conv2d
    ) -> None:
        if isinstance(module, ConvNorm):
            pair = folded_weights(module)
        else:
            assert module.bias is not None
            pair = module.weight.detach(), module.bias.detach()
        for field, tensor in zip((name, f"{name}_bias"), pair, strict=True):
            plain = tensor.contiguous()
            self._kept.append(plain)
            setattr(weights, field, floats(plain))


def _plain(clip: Tensor) -> Tensor:
    """As C reads it."""
    return clip.detach().to("cpu", torch.float32).contiguous()


def _size(module: nn.Module) -> int:
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@dataclass(frozen=True)
class NativeBackend:
    """C kernels for EPAM-Net and its two streams."""

    name: str = "native"
    summary: str = "kernels of our own in C, each block in one pass through the cache; needs a C compiler"

    @property
    def precisions(self) -> Mapping[str, tuple[Precision, ...]]:
        """Float32 on a CPU."""
        return {"cpu": ("fp32",)}

    def missing(self) -> str | None:
        """A compiler, on a system that has threads as POSIX does."""
        if os.name != "posix":
            return "runs on Linux and macOS alone"
        try:
            compiler = find_compiler()
        except BackendError as error:
            return str(error)
        if compiler is None:
            return "needs a C compiler, and finds no cc, gcc or clang: install one, such as apt install gcc"
        return None

    def refuses(self, model: nn.Module) -> str | None:
        """Any other network."""
        if isinstance(model, EPAMNet | XShiftNetRecognizer):
            return None
        return f"has kernels for EPAM-Net and its two streams alone, not for {type(model).__name__}"

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Compile the kernels if they are not in the cache, pack the weights, run once."""
        inputs = request.example_inputs
        network: NativeEPAMNet | NativeRecognizer
        if isinstance(model, EPAMNet):
            network = NativeEPAMNet(model, *inputs, threads=request.threads)
        elif isinstance(model, XShiftNetRecognizer):
            network = NativeRecognizer(model, *inputs, threads=request.threads)
        else:
            raise BackendError(f"backend native: {self.refuses(model)}")

        def call(*tensors: Tensor) -> Output:
            with torch.inference_mode():
                return network(*tensors)

        # An attention that does not fit says so now.
        call(*inputs)
        held = f"{network.working_bytes / 2**20:.0f} MiB of working memory, held from call to call"
        return Prepared(call=call, weights_bytes=network.weights_bytes, notes=(held,))


BACKEND = NativeBackend()
