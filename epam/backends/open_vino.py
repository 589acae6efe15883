"""OpenVINO: an engine for Intel and AMD processors that picks memory formats and kernels itself."""

from __future__ import annotations

import functools
import os
import tempfile
import threading
import time
import warnings
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from epam.backends.array_exchange import as_array, as_output
from epam.backends.backend import BackendError, Inputs, Output, Precision, Prepared, Request
from epam.backends.engine_errors import first_line
from epam.backends.frame_major import frame_major
from epam.backends.library_check import missing_libraries
from epam.backends.open_vino_quantisation import quantise_model
from epam.backends.quiet_import import import_quietly

ARITHMETIC: dict[Precision, str] = {"fp32": "f32", "bf16": "bf16", "int8": "f32"}
"""What OpenVINO is told to compute in; an int8 network's own operations say where they are int8."""

KEPT, KEPT_WEIGHTS = "network.xml", "network.bin"
"""In a request's cache."""


def convert_model(model: nn.Module, inputs: Inputs) -> Any:
    """The network as an ``openvino.Model`` for inputs of these shapes.

    EPAM-Net and its streams are converted in their frame-major form, other networks as they are.

    Raises:
        BackendError: it has an operation that OpenVINO's converter does not know.
    """
    form = frame_major(model) or model
    failures = []
    for exported in (False, True):
        try:
            return _convert(form, inputs, exported=exported)
        except Exception as error:
            failures.append(error)
    reason = next(filter(None, map(_unknown_operations, failures)), first_line(failures[-1]))
    raise BackendError(f"OpenVINO cannot convert {type(model).__name__}: {reason}") from failures[-1]


def _convert(form: nn.Module, inputs: Inputs, *, exported: bool) -> Any:
    """Convert what PyTorch's tracer sees, or else what ``torch.export`` does: some networks have but one."""
    openvino = import_quietly("openvino")
    pytorch = import_quietly("openvino.frontend.pytorch")
    shapes = [tuple(tensor.shape) for tensor in inputs]
    extensions = [
        pytorch.ConversionExtension(name, _truncate) for name in ("aten::trunc", "aten.trunc.default")
    ]
    with warnings.catch_warnings():
        # The tracer warns of every size that it takes as fixed; here all sizes are.
        warnings.simplefilter("ignore")
        return openvino.convert_model(
            form, example_input=inputs, input=shapes, extension=extensions, dynamo=exported
        )


def _truncate(context: Any) -> list[Any]:
    """``trunc`` by operations that OpenVINO has, for its converter has none."""
    opset = import_quietly("openvino.opset13")
    x = context.get_input(0)
    return [opset.multiply(opset.sign(x), opset.floor(opset.absolute(x))).output(0)]


def _unknown_operations(error: Exception) -> str | None:
    """The line of a converter's long message that names the operations."""
    lines = (line.strip(" -") for line in str(error).splitlines())
    return next((line for line in lines if line.startswith("No conversion rule")), None)


class OpenVino:
    """The network converted once, then run by OpenVINO's CPU plugin."""

    name = "openvino"
    summary = "converted to OpenVINO, which fuses, chooses memory formats and generates its kernels"
    precisions: Mapping[str, tuple[Precision, ...]] = {"cpu": ("fp32", "bf16", "int8")}

    def missing(self) -> str | None:
        """What to install."""
        return missing_libraries("openvino")

    def refuses(self, model: nn.Module) -> str | None:
        """Nothing is known not to convert before it is tried."""
        return None

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Convert and, where asked, quantise, unless that is kept in the request's cache; and compile.

        Raises:
            BackendError: the network cannot be converted, NNCF is missing for int8, or the processor
                does not compute in bf16.
        """
        known = _read_kept(request.cache)
        start = time.perf_counter()
        converted = _convert_for(model, request) if known is None else known
        spared_seconds = time.perf_counter() - start
        compiled = _compile(converted, request)
        keeping_seconds = _keep(converted, request.cache) if known is None else 0.0
        is_int8 = request.precision == "int8"
        notes = [f"int8 by NNCF, ranges from {len(request.calibration)} inputs"] if is_int8 else []
        infer = compiled.create_infer_request()
        outputs = len(compiled.outputs)
        # A request that is busy refuses: calls from several threads wait for each other.
        one_at_a_time = threading.Lock()

        def call(*inputs: Tensor) -> Output:
            # What is shared is read before the call returns, so that nothing need be copied first.
            arrays = [as_array(tensor) for tensor in inputs]
            with one_at_a_time:
                results = infer.infer(arrays, share_inputs=True, share_outputs=True)
                return as_output([results[index] for index in range(outputs)])

        return Prepared(
            call=call,
            weights_bytes=None if request.precision == "bf16" else _count_constant_bytes(converted),
            notes=tuple(notes),
            spared_seconds=spared_seconds,
            keeping_seconds=keeping_seconds,
        )


@functools.cache
def engine() -> Any:
    """The process's one ``openvino.Core``, which lives as long as the process.

    A core gives the thread that makes it a signal stack, and puts back the one before when it goes. Of
    two that do not go in the reverse order, the second puts back memory that is gone, and the next
    signal, a Ctrl-C for one, ends the process with a segmentation fault (seen in OpenVINO 2026.4).
    """
    return import_quietly("openvino").Core()


def _convert_for(model: nn.Module, request: Request) -> Any:
    """An ``openvino.Model`` in the request's precision."""
    converted = convert_model(model, request.example_inputs)
    return quantise_model(converted, request.calibration) if request.precision == "int8" else converted


def _read_kept(cache: Path | None) -> Any:
    """The graph as it was converted before; none where it is not kept, or cannot be read."""
    if cache is None or not (cache / KEPT).exists():
        return None
    try:
        # Weights in memory of their own, as they are in a graph that was just converted.
        return engine().read_model(str(cache / KEPT), config={"ENABLE_MMAP": False})
    # Whatever its reader raises, the graph can be made again.
    except Exception:
        return None


def _keep(converted: Any, cache: Path | None) -> float:
    """Write the graph for the next time; seconds that it took.

    A cache that cannot be written costs time, and no network.
    """
    if cache is None:
        return 0.0
    start = time.perf_counter()
    with suppress(OSError, RuntimeError):
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache) as folder:
            import_quietly("openvino").save_model(converted, Path(folder) / KEPT, compress_to_fp16=False)
            # The graph goes first and comes last: where it is, its weights are.
            (cache / KEPT).unlink(missing_ok=True)
            for name in (KEPT_WEIGHTS, KEPT):
                _publish(Path(folder) / name, cache / name)
    return time.perf_counter() - start


def _publish(made: Path, path: Path) -> None:
    """Put a file in its place, its bytes on the disk: what is still to be written disturbs what is timed."""
    with made.open("rb") as file:
        os.fsync(file.fileno())
    made.replace(path)


def _compile(converted: Any, request: Request) -> Any:
    """An ``openvino.CompiledModel`` that computes in what was asked for."""
    wanted = ARITHMETIC[request.precision]
    try:
        compiled = engine().compile_model(
            converted,
            "CPU",
            {
                "PERFORMANCE_HINT": "LATENCY",
                "INFERENCE_NUM_THREADS": request.threads,
                "INFERENCE_PRECISION_HINT": wanted,
            },
        )
    except Exception as error:
        raise BackendError(
            f"backend openvino: OpenVINO cannot compile the network: {first_line(error)}"
        ) from error
    chosen = compiled.get_property("INFERENCE_PRECISION_HINT").get_type_name()
    if chosen != wanted:
        raise BackendError(
            f"backend openvino: this processor does not compute in {request.precision} (OpenVINO chose "
            f"{chosen}); use --precision fp32"
        )
    return compiled


def _count_constant_bytes(converted: Any) -> int:
    """Bytes of a graph's constants: its weights, and little else."""
    return sum(node.data.nbytes for node in converted.get_ops() if node.get_type_name() == "Constant")


BACKEND = OpenVino()
