"""The `fused` backend: norms folded, the fastest memory format, fused operations; PyTorch alone."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor, nn

from epam.backends.backend import DTYPES, Output, Precision, Prepared, Request
from epam.backends.frame_major import frame_major
from epam.backends.memory_format import FormatName, lay_out, lay_out_tensor, try_formats
from epam.backends.observed_folding import fold_observed_norms
from epam.backends.packed_convolution import can_pack, has_bf16
from epam.backends.packed_frames import pack_frames
from epam.backends.plain_call import count_weights_bytes, plain_call


@dataclass(frozen=True)
class FusedBackend:
    """What plain PyTorch can do without a compiler.

    ::

        EPAM-Net, its streams ─ frame-major form ─┬─ CPU with oneDNN: packed, fused, frames in chunks
                                                  └─ elsewhere: channels-last
        any other network ─ norms folded as a run shows them ─ the faster of two memory formats
    """

    name: str = "fused"
    summary: str = "norms folded, channels-last, operations fused; plain PyTorch, nothing to install"

    @property
    def precisions(self) -> Mapping[str, tuple[Precision, ...]]:
        """On a CPU, bf16 only where the processor multiplies it itself."""
        cpu: tuple[Precision, ...] = ("fp32", "bf16") if has_bf16() else ("fp32",)
        return {"cpu": cpu, "cuda": ("fp32", "bf16", "fp16")}

    def missing(self) -> str | None:
        """Nothing is."""
        return None

    def refuses(self, model: nn.Module) -> str | None:
        """No network is."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Fold, lay out, and pack where oneDNN can."""
        form = frame_major(model)
        if form is None:
            return _prepare_any(model, request)
        dtype = DTYPES[request.precision]
        if request.device.type == "cpu" and can_pack(dtype):
            packed = pack_frames(form, request.example_inputs, dtype=dtype, threads=request.threads)
            return Prepared(
                call=plain_call(packed, request),
                weights_bytes=packed.weights_bytes,
                notes=("frame-major form, channels-last, convolutions packed and fused by oneDNN",),
            )
        without = (
            "" if request.device.type == "cuda" else "; oneDNN's fused operations are not to be had here"
        )
        form = lay_out(form.to(dtype), "channels-last")
        return Prepared(
            call=plain_call(form, request, tune_convolutions=True),
            weights_bytes=count_weights_bytes(form),
            notes=(f"frame-major form, channels-last{without}",),
        )


def _prepare_any(model: nn.Module, request: Request) -> Prepared:
    folded, count = fold_observed_norms(model, request.example_inputs)
    module = folded.to(DTYPES[request.precision])

    def build(name: FormatName) -> Callable[..., Output]:
        laid_out = lay_out(copy.deepcopy(module), name)

        def call(*inputs: Tensor) -> Output:
            return laid_out(*(lay_out_tensor(tensor, name) for tensor in inputs))

        return plain_call(call, request, tune_convolutions=True)

    calls: dict[FormatName, Callable[..., Output]] = {
        "contiguous": build("contiguous"),
        "channels-last": build("channels-last"),
    }
    chosen, fastest_ms = try_formats(calls, request.example_inputs)
    norms = "batch norm" if count == 1 else "batch norms"
    tried = ", ".join(f"{name} {fastest:.3g} ms" for name, fastest in fastest_ms.items())
    return Prepared(
        call=calls[chosen],
        weights_bytes=count_weights_bytes(module),
        notes=(f"{count} {norms} folded; {chosen}, the fastest call of a trial ({tried})",),
    )


BACKEND = FusedBackend()
