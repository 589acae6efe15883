"""A module as a backend's call: inputs cast to its precision, logits back to float32, no autograd."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from epam.backends.backend import DTYPES, Output, Request
from epam.epam_net import EPAMLogits


def plain_call(
    module: Callable[..., Output], request: Request, *, tune_convolutions: bool = False
) -> Callable[..., Output]:
    """Wrap a module whose weights are on the request's device and in its precision.

    Args:
        module: or another callable, from inputs to logits.
        request: its precision and device.
        tune_convolutions: let cuDNN try its algorithms on the first call.
    """
    dtype = DTYPES[request.precision]
    on_cuda = request.device.type == "cuda"

    def call(*inputs: Tensor) -> Output:
        with torch.inference_mode():
            if not on_cuda:
                return float32_logits(module(*(tensor.to(dtype) for tensor in inputs)))
            with exact_float32(tune_convolutions=tune_convolutions):
                return float32_logits(module(*(tensor.to(dtype) for tensor in inputs)))

    return call


def float32_logits(output: Output) -> Output:
    """The same logits in float32."""
    if isinstance(output, EPAMLogits):
        return EPAMLogits(rgb=output.rgb.float(), pose=output.pose.float())
    return output.float()


@contextmanager
def exact_float32(*, tune_convolutions: bool = False) -> Iterator[None]:
    """Let cuDNN's float32 be float32, and not TF32 of ten bits, PyTorch's default for convolutions.

    What was set before comes back. Convolutions' own precision is set, for ``cudnn.flags`` and ``allow_tf32``
    raise once anybody has set that.
    """
    cudnn = torch.backends.cudnn
    convolution = cudnn.conv  # type: ignore[attr-defined]  # made at run time
    before = cudnn.benchmark, convolution.fp32_precision
    cudnn.benchmark, convolution.fp32_precision = tune_convolutions, "ieee"
    try:
        yield
    finally:
        cudnn.benchmark, convolution.fp32_precision = before


def count_weights_bytes(module: nn.Module) -> int:
    """Bytes of parameters and buffers, each tensor once."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in {id(t): t for t in tensors}.values())
