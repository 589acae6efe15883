"""TensorRT, through torch-tensorrt: NVIDIA's engine builds and tunes the network's kernels."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from epam.backends.backend import DTYPES, BackendError, Precision, Prepared, Request
from epam.backends.engine_errors import first_line
from epam.backends.frame_major import frame_major
from epam.backends.library_check import missing_libraries
from epam.backends.plain_call import count_weights_bytes, plain_call
from epam.backends.quiet_import import import_quietly

INSTALL = "pip install torch-tensorrt"
"""In the version of the installed PyTorch; it brings TensorRT along, and is made for Linux and Windows."""


class TensorRt:
    """The network as one TensorRT engine; not measured by us: no machine of ours had it."""

    name = "tensorrt"
    summary = "built into one TensorRT engine by torch-tensorrt"
    precisions: Mapping[str, tuple[Precision, ...]] = {"cuda": ("fp32", "fp16", "bf16")}

    def missing(self) -> str | None:
        """A device, or what to install."""
        if not torch.cuda.is_available():
            return "needs an NVIDIA GPU and a PyTorch that was built for CUDA; none is found here"
        return missing_libraries("torch_tensorrt", install=INSTALL)

    def refuses(self, model: nn.Module) -> str | None:
        """Nothing is known not to build before it is tried."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Build the engine for the request's shapes.

        Raises:
            BackendError: TensorRT fails on the network.
        """
        dtype = DTYPES[request.precision]
        network = (frame_major(model) or model).to(dtype)
        inputs = [tensor.to(dtype) for tensor in request.example_inputs]
        try:
            with warnings.catch_warnings(), torch.no_grad():
                warnings.simplefilter("ignore")
                engine = build_engine(import_quietly("torch_tensorrt"), network, inputs, dtype)
                call = plain_call(engine, request)
                call(*request.example_inputs)
        except Exception as error:
            raise BackendError(f"backend {self.name}: {type(model).__name__}: {first_line(error)}") from error
        return Prepared(call=call, weights_bytes=count_weights_bytes(network))


def build_engine(library: Any, network: nn.Module, inputs: list[torch.Tensor], dtype: torch.dtype) -> Any:
    """The network as torch-tensorrt compiles it, in that precision and no lower one.

    Args:
        library: ``torch_tensorrt``.
        network: with weights of ``dtype``.
        inputs: of the shapes to build for, of ``dtype``.
        dtype: float32 is computed as float32, not as TF32.
    """
    return library.compile(
        network, ir="dynamo", inputs=inputs, enabled_precisions={dtype}, disable_tf32=True, min_block_size=1
    )


BACKEND = TensorRt()
