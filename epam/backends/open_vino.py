"""OpenVINO: an engine for Intel and AMD processors that picks memory formats and kernels itself."""

from __future__ import annotations

import functools
import threading
import warnings
from collections.abc import Mapping
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
        """Convert, quantise where asked, and compile for the request's shapes.

        Raises:
            BackendError: the network cannot be converted, NNCF is missing for int8, or the processor
                does not compute in bf16.
        """
        converted = convert_model(model, request.example_inputs)
        notes = []
        if request.precision == "int8":
            converted = quantise_model(converted, request.calibration)
            notes.append(f"int8 by NNCF, ranges from {len(request.calibration)} inputs")
        compiled = _compile(converted, request)
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
        )


@functools.cache
def engine() -> Any:
    """The process's one ``openvino.Core``, which lives as long as the process.

    A core gives the thread that makes it a signal stack, and puts back the one before when it goes. Of
    two that do not go in the reverse order, the second puts back memory that is gone, and the next
    signal, a Ctrl-C for one, ends the process with a segmentation fault (seen in OpenVINO 2026.4).
    """
    return import_quietly("openvino").Core()


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
