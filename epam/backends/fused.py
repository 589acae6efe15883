"""The `fused` backend: norms folded, the fastest memory format, fused operations; PyTorch alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from epam.backends.backend import DTYPES, Precision, Prepared, Request
from epam.backends.frame_major import frame_major
from epam.backends.packed_convolution import can_pack, has_bf16
from epam.backends.packed_frames import pack_frames
from epam.backends.plain_call import count_weights_bytes, plain_call


@dataclass(frozen=True)
class FusedBackend:
    """What plain PyTorch can do, without a compiler."""

    name: str = "fused"
    summary: str = "norms folded, channels-last, operations fused; plain PyTorch, nothing to install"

    @property
    def precisions(self) -> Mapping[str, tuple[Precision, ...]]:
        """bf16 on a CPU that multiplies it itself."""
        cpu: tuple[Precision, ...] = ("fp32", "bf16") if has_bf16() else ("fp32",)
        return {"cpu": cpu, "cuda": ("fp32", "bf16", "fp16")}

    def missing(self) -> str | None:
        """Nothing is."""
        return None

    def refuses(self, model: nn.Module) -> str | None:
        """No network is."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Fold, lay out and pack."""
        dtype = DTYPES[request.precision]
        form = frame_major(model)
        if form is None:
            module = model.to(dtype)
            return Prepared(call=plain_call(module, request), weights_bytes=count_weights_bytes(module))
        if request.device.type == "cpu" and can_pack(dtype):
            packed = pack_frames(form, request.example_inputs, dtype)
            return Prepared(
                call=plain_call(packed, request),
                weights_bytes=packed.weights_bytes,
                notes=("convolutions packed and fused by oneDNN",),
            )
        form = form.to(dtype).to(memory_format=torch.channels_last)
        return Prepared(
            call=plain_call(form, request, tune_convolutions=True),
            weights_bytes=count_weights_bytes(form),
            notes=("frame-major, channels-last",),
        )


BACKEND = FusedBackend()
