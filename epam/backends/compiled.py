"""torch.compile: inductor's C++ or Triton kernels, with the weights frozen into them."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Mapping

import torch
from torch import nn

from epam.backends.backend import DTYPES, BackendError, Precision, Prepared, Request
from epam.backends.engine_errors import first_line
from epam.backends.frame_major import frame_major
from epam.backends.memory_format import lay_out
from epam.backends.plain_call import count_weights_bytes, plain_call


class Compiled:
    """The network compiled by inductor for one shape of inputs.

    EPAM-Net and its streams are compiled in their frame-major form, channels-last; of other networks
    inductor chooses the memory format.
    """

    name = "compile"
    summary = "compiled by torch.compile (inductor) with its weights frozen into the kernels"
    precisions: Mapping[str, tuple[Precision, ...]] = {
        "cpu": ("fp32", "bf16"),
        "cuda": ("fp32", "fp16", "bf16"),
    }

    def missing(self) -> str | None:
        """The compiler that inductor calls; with a GPU, Triton calls it too."""
        wanted = os.environ.get("CXX") or ("clang++" if sys.platform == "darwin" else "g++")
        if shutil.which(wanted):
            return None
        return (
            f"needs a C++ compiler, and {wanted!r} is not found: apt-get install g++, or name another in CXX"
        )

    def refuses(self, model: nn.Module) -> str | None:
        """Nothing is known not to compile before it is tried."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Compile for the request's shapes, by a first call; the kernels go to PyTorch's own cache on disk.

        Raises:
            BackendError: the compiler fails on the network.
        """
        from torch._inductor import config as inductor

        form = frame_major(model)
        network = (form and lay_out(form, "channels-last")) or model
        network = network.to(DTYPES[request.precision])
        call = plain_call(torch.compile(network, dynamic=False), request)
        try:
            # Freezing given to torch.compile as an option is not heeded: it is read before options are.
            with inductor.patch(freezing=True), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                call(*request.example_inputs)
        except Exception as error:
            raise BackendError(f"backend {self.name}: {type(model).__name__}: {first_line(error)}") from error
        return Prepared(call=call, weights_bytes=count_weights_bytes(network))


BACKEND = Compiled()
