"""torch.compile: inductor's C++ or Triton kernels, with the weights frozen into them."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import cast

import torch
from torch import Tensor, nn

from epam.backends.backend import DTYPES, BackendError, Output, Precision, Prepared, Request
from epam.backends.engine_errors import first_line
from epam.backends.frame_major import frame_major


class Compiled:
    """The network compiled by inductor for one shape of inputs."""

    name = "compile"
    summary = "compiled by torch.compile (inductor) with its weights frozen, channels-last where it is 2-D"
    precisions: Mapping[str, tuple[Precision, ...]] = {
        "cpu": ("fp32", "bf16"),
        "cuda": ("fp32", "fp16", "bf16"),
    }

    def missing(self) -> str | None:
        """The compiler to install."""
        from torch._inductor.cpp_builder import get_cpp_compiler

        try:
            get_cpp_compiler()
        except Exception:
            return "needs a C++ compiler, and none is found: apt-get install g++ (or name yours in $CXX)"
        return None

    def refuses(self, model: nn.Module) -> str | None:
        """Nothing is known not to compile before it is tried."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Compile for the request's shapes, by a first call.

        Raises:
            BackendError: the compiler fails on the network.
        """
        dtype = DTYPES[request.precision]
        form = frame_major(model)
        if form is not None:
            form = form.to(memory_format=torch.channels_last)
        network = (form or model).to(dtype)
        compiled = torch.compile(network, dynamic=False, options={"freezing": True})

        def call(*inputs: Tensor) -> Output:
            # Freezing happens only where autograd is off at the time of compiling.
            with torch.inference_mode():
                return _as_float(compiled(*(tensor.to(dtype) for tensor in inputs)))

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call(*request.example_inputs)
        except Exception as error:
            raise BackendError(f"backend {self.name}: {type(model).__name__}: {first_line(error)}") from error
        return Prepared(call=call)


def _as_float(output: Output) -> Output:
    if isinstance(output, Tensor):
        return output.float()
    return cast(Output, type(output)(*(logits.float() for logits in output)))


BACKEND = Compiled()
