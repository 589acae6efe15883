"""CUDA graphs: one recording of all of a network's kernels, replayed with a single launch."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from functools import partial

import torch
from torch import Tensor, nn

from epam.backends.backend import DTYPES, BackendError, Inputs, Output, Precision, Prepared, Request
from epam.backends.engine_errors import first_line
from epam.backends.frame_major import frame_major
from epam.backends.memory_format import lay_out
from epam.backends.plain_call import count_weights_bytes, exact_float32, float32_logits

WARM_UP_CALLS = 3
"""Before recording: cuDNN tries its algorithms and libraries allocate, which no graph may hold."""


class CudaGraph:
    """The network recorded once and replayed: no launch waits for Python.

    ::

        inputs ─ copy ─► fixed buffers ─ replay ─► fixed logits ─ copy ─► logits

    A graph reads and writes the same addresses each time, hence the buffers; casting to the precision
    and back to float32 is recorded with the rest.
    """

    name = "cudagraph"
    summary = "frame-major, channels-last, recorded as one CUDA graph and replayed"
    precisions: Mapping[str, tuple[Precision, ...]] = {"cuda": ("fp32", "fp16", "bf16")}

    def missing(self) -> str | None:
        """A device, or a PyTorch that knows of one."""
        if torch.cuda.is_available():
            return None
        return "needs an NVIDIA GPU and a PyTorch that was built for CUDA; none is found here"

    def refuses(self, model: nn.Module) -> str | None:
        """Nothing is known not to record before it is tried."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Record for the request's shapes.

        Raises:
            BackendError: the network does what a graph cannot hold, such as looking at a value.
        """
        network = lay_out((frame_major(model) or model).to(DTYPES[request.precision]), "channels-last")
        buffers = tuple(torch.empty_like(tensor).copy_(tensor) for tensor in request.example_inputs)
        forward = _forward(network, buffers, DTYPES[request.precision])
        try:
            with torch.inference_mode(), torch.cuda.device(request.device):
                graph, logits = record(forward)
        except RuntimeError as error:
            raise BackendError(
                f"backend {self.name}: {type(model).__name__} cannot be recorded: {first_line(error)}"
            ) from error
        return Prepared(
            call=replaying(partial(_replay, graph, network), buffers, logits),
            weights_bytes=count_weights_bytes(network),
        )


def _forward(network: nn.Module, buffers: Inputs, dtype: torch.dtype) -> Callable[[], Output]:
    def forward() -> Output:
        return float32_logits(network(*(buffer.to(dtype) for buffer in buffers)))

    return forward


def record(forward: Callable[[], Output]) -> tuple[torch.cuda.CUDAGraph, Output]:
    """Record what a function launches, on the current device; its logits are what a replay writes to.

    Recorded on a stream of its own, as a graph must be, after calls on that stream that let libraries
    choose and allocate.
    """
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    graph = torch.cuda.CUDAGraph()
    with exact_float32(tune_convolutions=True):
        with torch.cuda.stream(stream):
            for _ in range(WARM_UP_CALLS):
                forward()
        torch.cuda.current_stream().wait_stream(stream)
        torch.cuda.synchronize()
        with torch.cuda.graph(graph, stream=stream):
            logits = forward()
    return graph, logits


def _replay(graph: torch.cuda.CUDAGraph, _network: nn.Module) -> None:
    """Replay; a graph knows its weights by their addresses alone, so the network must outlive it."""
    graph.replay()


def replaying(replay: Callable[[], None], buffers: Inputs, logits: Output) -> Callable[..., Output]:
    """The call that fills the buffers, replays, and copies the logits out of the next replay's way.

    All three go to the caller's current stream, in this order; calls from several threads wait for
    each other, for they share the buffers.
    """
    one_at_a_time = threading.Lock()

    def call(*inputs: Tensor) -> Output:
        with one_at_a_time, torch.inference_mode():
            for buffer, tensor in zip(buffers, inputs, strict=True):
                buffer.copy_(tensor)
            replay()
            if isinstance(logits, Tensor):
                return logits.clone()
            return type(logits)(*(stream.clone() for stream in logits))

    return call


BACKEND = CudaGraph()
