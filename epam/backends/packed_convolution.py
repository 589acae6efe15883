"""Convolutions of oneDNN with what follows them fused: ReLU, swish, or the sum with a residual.

PyTorch's CPU builds carry oneDNN, and ``torch.compile`` reaches its fused operations under
``torch.ops.mkldnn``: they are there without a compiler, with weights laid out once for the kernel that
will run. They are PyTorch's private operations, so their presence and their arithmetic are tried first.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Activation = Literal["none", "relu", "swish"]


class PackedConvolution:
    """A 2-D convolution on channels-last tensors, with its activation.

    Args:
        conv: with the norm folded in; its weight is copied.
        input_size: ``(N, C, H, W)`` of what it will mostly see; other sizes give the same numbers.
        activation: applied to what it returns.
        dtype: of weights and activations.
    """

    def __init__(
        self, conv: nn.Conv2d, input_size: Sequence[int], activation: Activation, dtype: torch.dtype
    ) -> None:
        self._padding = list(map(int, conv.padding))
        self._stride = list(map(int, conv.stride))
        self._dilation = list(map(int, conv.dilation))
        self._groups = conv.groups
        self._activation = activation
        self._bias = None if conv.bias is None else conv.bias.detach().to(dtype)
        weight = conv.weight.detach().to(dtype)
        self.weights_bytes = (weight.numel() + weight.shape[0]) * weight.element_size()
        self._weight = torch.ops.aten.mkldnn_reorder_conv2d_weight(
            weight.to_mkldnn(), self._padding, self._stride, self._dilation, self._groups, list(input_size)
        )

    def __call__(self, x: Tensor) -> Tensor:
        """``(N, C, H, W) → (N, C', H', W')``."""
        return torch.ops.mkldnn._convolution_pointwise(
            x,
            self._weight,
            self._bias,
            self._padding,
            self._stride,
            self._dilation,
            self._groups,
            self._activation,
            [],
            "",
        )

    def add_into(self, residual: Tensor, x: Tensor) -> Tensor:
        """``residual ← relu(residual + conv(x))``, in its own memory; whatever the activation is."""
        return torch.ops.mkldnn._convolution_pointwise_.binary(
            residual,
            x,
            self._weight,
            self._bias,
            self._padding,
            self._stride,
            self._dilation,
            self._groups,
            "add",
            1.0,
            "relu",
            [],
            "",
        )


class PackedShift:
    """The temporal shift of one clip's frames, as a depthwise convolution along time.

    Each channel's three weights are one 1 and two 0s. It reads and writes everything once, which slices
    and their concatenation, several operations each of three channels a pixel, do not.

    Args:
        channels: C.
        fold: channels that take their next frame's value, and as many their previous one's; 0: none.
        dtype: of what is shifted.
    """

    def __init__(self, channels: int, fold: int, dtype: torch.dtype) -> None:
        self._fold, self._channels = fold, channels
        self._weight = torch.zeros(channels, 1, 3, 1, dtype=dtype)
        # The kernel's places: previous frame, this one, next one.
        self._weight[:fold, :, 2] = 1
        self._weight[fold : 2 * fold, :, 0] = 1
        self._weight[2 * fold :, :, 1] = 1

    def __call__(self, x: Tensor, start: int, stop: int) -> Tensor:
        """``(T, C, H, W) → (stop − start, C, H, W)``, what frames ``start`` to ``stop`` see; empty past T."""
        if not self._fold:
            return x[start:stop]
        first, last = max(start - 1, 0), min(stop + 1, len(x))
        seen = x[first:last]
        # As one picture, whose height is time and whose width is all pixels of a frame.
        picture = seen.permute(0, 2, 3, 1).flatten(1, 2).unsqueeze(0).permute(0, 3, 1, 2)
        moved = torch.ops.mkldnn._convolution_pointwise(
            picture, self._weight, None, [1, 0], [1, 1], [1, 1], self._channels, "none", [], ""
        )
        frames = moved.permute(0, 2, 3, 1)[0, start - first : stop - first]
        return frames.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)


@cache
def can_pack(dtype: torch.dtype) -> bool:
    """Whether this build and processor have the operations, and they compute what they are to."""
    if not torch.backends.mkldnn.is_available():
        return False
    if dtype is torch.bfloat16 and not has_bf16():
        return False
    try:
        with torch.inference_mode(), torch.random.fork_rng(devices=()):
            return _agrees(dtype)
    # Whatever a private operation does that is not there any more, or takes other arguments.
    except (AttributeError, RuntimeError, TypeError, NotImplementedError):
        return False


def has_bf16() -> bool:
    """Whether the processor multiplies bfloat16 itself; emulated, it is slower than float32."""
    has = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    if has is not None and has():
        return True
    # Elsewhere than on x86, oneDNN says so where the processor can.
    is_x86 = getattr(torch.cpu, "_is_avx2_supported", lambda: False)()
    if is_x86 or not torch.backends.mkldnn.is_available():
        return False
    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


def _agrees(dtype: torch.dtype) -> bool:
    conv = nn.Conv2d(8, 8, 1).requires_grad_(False)
    x = torch.randn(2, 8, 4, 4, dtype=dtype).contiguous(memory_format=torch.channels_last)
    residual = torch.randn_like(x)
    exact = conv.double()(x.double())
    wanted = F.silu(exact), F.relu(exact + residual.double())
    got = (
        PackedConvolution(conv, x.shape, "swish", dtype)(x),
        PackedConvolution(conv, x.shape, "none", dtype).add_into(residual, x),
    )
    bound = 1e-4 if dtype is torch.float32 else 1e-1
    return all(float((a.double() - b).abs().max()) < bound for a, b in zip(got, wanted, strict=True))
