"""ONNX Runtime: the network exported as ONNX, then run by its CPU kernels."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping
from contextlib import redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from epam.atomic_file import write_atomically
from epam.backends.array_exchange import as_array, as_output
from epam.backends.backend import BackendError, Inputs, Output, Precision, Prepared, Request
from epam.backends.engine_errors import first_line
from epam.backends.frame_major import frame_major
from epam.backends.library_check import missing_libraries
from epam.errors import InputError

OPSET = 18
"""The exporter's own: it writes this one, and converts to others with a loss of optimisations."""

KEPT = "network.onnx"
"""In a request's cache."""


def export_onnx(model: nn.Module, inputs: Inputs) -> bytes:
    """The network as one ONNX file for inputs of these shapes.

    EPAM-Net and its streams are exported in their frame-major form, other networks as they are.

    Raises:
        BackendError: it has an operation that PyTorch's exporter does not know.
    """
    form = frame_major(model) or model
    try:
        with warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")
            program = torch.onnx.export(
                form, inputs, dynamo=True, opset_version=OPSET, verbose=False, optimize=True
            )
    except Exception as error:
        raise BackendError(
            f"{type(model).__name__} cannot be exported as ONNX: {first_line(error)}"
        ) from error
    assert program is not None
    return program.model_proto.SerializeToString()


class OnnxRuntime:
    """The network exported once, then run by ONNX Runtime on a CPU."""

    name = "onnxruntime"
    summary = "exported as ONNX and run by ONNX Runtime, which fuses and chooses memory formats"
    precisions: Mapping[str, tuple[Precision, ...]] = {"cpu": ("fp32",)}

    def missing(self) -> str | None:
        """What to install."""
        return missing_libraries("onnx", "onnxscript", "onnxruntime")

    def refuses(self, model: nn.Module) -> str | None:
        """Nothing is known not to export before it is tried."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Export, unless that is kept in the request's cache, and load for the request's shapes.

        Raises:
            BackendError: the network cannot be exported or loaded.
        """
        spared_seconds = keeping_seconds = 0.0
        session = _find_session(request)
        if session is None:
            start = time.perf_counter()
            exported = export_onnx(model, request.example_inputs)
            spared_seconds = time.perf_counter() - start
            session = start_session(exported, threads=request.threads)
            keeping_seconds = _keep(exported, request.cache)
        names = [given.name for given in session.get_inputs()]

        def call(*inputs: Tensor) -> Output:
            feed = {name: as_array(tensor) for name, tensor in zip(names, inputs, strict=True)}
            return as_output(session.run(None, feed))

        return Prepared(call=call, spared_seconds=spared_seconds, keeping_seconds=keeping_seconds)


def _find_session(request: Request) -> Any:
    """A session of the network as it was exported before; none where that is not kept, or cannot be read."""
    if request.cache is None:
        return None
    try:
        return start_session((request.cache / KEPT).read_bytes(), threads=request.threads)
    except (OSError, BackendError):
        return None


def _keep(exported: bytes, cache: Path | None) -> float:
    """Write the exported network for the next time; seconds that it took.

    A cache that cannot be written costs time, and no network.
    """
    if cache is None:
        return 0.0
    start = time.perf_counter()
    with suppress(InputError):
        write_atomically(cache / KEPT, exported)
    return time.perf_counter() - start


def start_session(exported: bytes, *, threads: int) -> Any:
    """An ``onnxruntime.InferenceSession`` of so many threads, which sleep between calls."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Within a call waiting threads spin, which is a tenth faster; after it they would for another 40 ms,
    # and keep a core busy while something else is being measured.
    options.add_session_config_entry("session.force_spinning_stop", "1")
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(exported, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise BackendError(f"ONNX Runtime cannot load the exported network: {first_line(error)}") from error


BACKEND = OnnxRuntime()
