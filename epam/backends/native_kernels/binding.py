"""The C functions and structures of this folder, as ctypes knows them."""

from __future__ import annotations

import ctypes
from ctypes import POINTER, Structure, c_float, c_int, c_long, c_void_p
from functools import cache

from torch import Tensor

from epam.backends.native_kernels.compiling import load_library

FLOATS = POINTER(c_float)


class BlockWeights(Structure):
    """``BlockWeights`` of backbone.h."""

    _fields_ = (
        *((name, c_long) for name in ("in_channels", "inner_channels", "out_channels")),
        *((name, c_long) for name in ("stride", "fold", "squeezed_channels")),
        *((name, FLOATS) for name in ("expand", "expand_bias", "depthwise", "depthwise_bias")),
        *((name, FLOATS) for name in ("project", "project_bias", "shortcut", "shortcut_bias")),
        *((name, FLOATS) for name in ("squeeze", "squeeze_bias", "excite", "excite_bias")),
    )


class BackboneWeights(Structure):
    """``BackboneWeights`` of backbone.h."""

    _fields_ = (
        *((name, c_long) for name in ("in_channels", "stem_channels", "stem_stride")),
        ("stem", FLOATS),
        ("stem_bias", FLOATS),
        ("block_count", c_long),
        ("blocks", POINTER(BlockWeights)),
        ("out_channels", c_long),
        ("last", FLOATS),
        ("last_bias", FLOATS),
    )


class Features(Structure):
    """``Features`` of head.h."""

    _fields_ = (
        ("first", c_void_p),
        *((name, c_long) for name in ("frames", "height", "width", "channels", "pitch")),
    )


class NestedAttention(Structure):
    """``NestedAttention`` of head.h."""

    _fields_ = (("spatial", FLOATS), ("spatial_bias", c_float), ("temporal", FLOATS))


SIGNATURES: dict[str, tuple[object, list[object]]] = {
    "start_workers": (c_void_p, [c_int]),
    "stop_workers": (None, [c_void_p]),
    "build_backbone": (c_void_p, [POINTER(BackboneWeights), c_long, c_long, c_long, c_int]),
    "feature_pitch": (c_long, [c_void_p]),
    "weights_bytes": (c_long, [c_void_p]),
    "working_bytes": (c_long, [c_void_p]),
    "run_backbone": (None, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "free_backbone": (None, [c_void_p]),
    "attention_scratch": (c_long, [POINTER(Features), c_long]),
    "attend": (None, [POINTER(NestedAttention), POINTER(Features), c_long, c_void_p, c_void_p]),
    "pool": (None, [POINTER(Features), c_void_p, c_void_p]),
    "classify": (None, [c_void_p, c_void_p, c_long, c_long, c_void_p, c_void_p]),
}
"""What each function returns and takes."""


@cache
def kernels() -> ctypes.CDLL:
    """The library, compiled and loaded once a process.

    Raises:
        BackendError: there is no compiler, or it fails.
    """
    library = load_library()
    for name, (returns, takes) in SIGNATURES.items():
        function = getattr(library, name)
        function.restype, function.argtypes = returns, takes
    return library


def floats(tensor: Tensor) -> object:
    """A pointer to a contiguous float32 tensor's numbers; the tensor must outlive it."""
    return ctypes.cast(tensor.data_ptr(), FLOATS)
