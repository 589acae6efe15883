"""Takes apart what OpenVINO runs: its own counters, beside a network compiled without them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from epam.backends.backend import BackendError, Inputs, Precision
from epam.backends.optimized_model import optimize
from epam.backends.quiet_import import import_quietly
from epam_bench.records import OperationKind
from epam_bench.roofline.engine_node import Operand, describe_node, quickest_node_microseconds
from epam_bench.roofline.operation import Operation, OperationPass, TimedCall

RANGES_CAVEAT = "int8 ranges are those of the one drawn clip that is timed: no figure of its accuracy"

KINDS = {
    "Convolution": OperationKind.CONVOLUTION,
    "GroupConvolution": OperationKind.CONVOLUTION,
    "Deconvolution": OperationKind.CONVOLUTION,
    "BinaryConvolution": OperationKind.CONVOLUTION,
    "FullyConnected": OperationKind.MATRIX_PRODUCT,
    "MatMul": OperationKind.MATRIX_PRODUCT,
    "RNNCell": OperationKind.MATRIX_PRODUCT,
    "RNNSeq": OperationKind.MATRIX_PRODUCT,
    "ScaledDotProductAttention": OperationKind.ATTENTION,
    "MVN": OperationKind.NORMALISATION,
    "NormalizeL2": OperationKind.NORMALISATION,
    "RMSNorm": OperationKind.NORMALISATION,
    "Softmax": OperationKind.ACTIVATION,
    "Pooling": OperationKind.POOLING,
    "AdaptivePooling": OperationKind.POOLING,
    "Interpolate": OperationKind.INTERPOLATION,
    "Reduce": OperationKind.REDUCTION,
    "Eltwise": OperationKind.ELEMENTWISE,
    "Subgraph": OperationKind.ELEMENTWISE,
    "FakeQuantize": OperationKind.ELEMENTWISE,
    **dict.fromkeys(
        [
            "Reorder",
            "Transpose",
            "Reshape",
            "Concatenation",
            "Concat",
            "Slice",
            "StridedSlice",
            "Split",
            "Pad",
            "Tile",
            "Gather",
            "GatherND",
            "GatherElements",
            "Convert",
            "MemoryInput",
            "MemoryOutput",
            "Broadcast",
            "Roll",
            "ShuffleChannels",
            "SpaceToDepth",
            "DepthToSpace",
            "ScatterUpdate",
            "ScatterNDUpdate",
            "ScatterElementsUpdate",
            "Unique",
            "Squeeze",
            "Unsqueeze",
            "VariadicSplit",
            "Copy",
        ],
        OperationKind.DATA_MOVEMENT,
    ),
}
"""Of the types that OpenVINO's CPU plugin names its nodes by; ``Reduce…`` and others by their beginning."""

NO_TIME = frozenset({"Input", "Parameter", "Output", "Result", "Constant", "Const"})


@dataclass
class OpenVinoProfile:
    """A network compiled twice: with counters for the passes, without for the whole.

    Args:
        whole: prepared without counters.
        counting: prepared with them.
        inputs: what both are called with.
        operations: by the name of the node; ``infer_request`` is the one that counts.
        infer_request: see ``operations``.
    """

    whole: Callable[..., Any]
    counting: Callable[..., Any]
    inputs: Inputs
    operations: dict[str, Operation]
    infer_request: Any
    notes: tuple[str, ...] = ()
    _passes: list[OperationPass] = field(default_factory=list)

    def run_whole(self) -> Any:
        """A forward pass without counters; its logits."""
        return self.whole(*self.inputs)

    def run_pass(self) -> None:
        """A forward pass with counters."""
        start = time.perf_counter()
        self.counting(*self.inputs)
        whole_ms = 1e3 * (time.perf_counter() - start)
        calls = tuple(
            TimedCall(self.operations[entry.node_name], 1e3 * entry.real_time.total_seconds())
            for entry in self.infer_request.profiling_info
            if entry.node_name in self.operations and entry.status == type(entry.status).EXECUTED
        )
        between = whole_ms - sum(call.ms for call in calls)
        self._passes.append(OperationPass(calls, between_ms=max(0.0, between)))

    def passes(self) -> tuple[OperationPass, ...]:
        """Those that were taken apart."""
        return tuple(self._passes)

    @property
    def launch_microseconds(self) -> float:
        """Of the quickest node."""
        return quickest_node_microseconds(self._passes)

    def close(self) -> None:
        """Nothing was taken."""


class OpenVinoProfiler:
    """Of the backend ``openvino``, however it converts and compiles."""

    def prepare(
        self,
        model: nn.Module,
        inputs: Inputs,
        *,
        backend: str,
        precision: Precision,
        device: str,
        threads: int,
    ) -> OpenVinoProfile:
        """Compile twice.

        Raises:
            BackendError: the backend cannot.
        """

        def ready() -> Any:
            return optimize(
                model,
                backend=backend,
                precision=precision,
                example_inputs=inputs,
                device=device,
                threads=threads,
                calibration=[inputs] if precision == "int8" else (),
            )

        whole = ready()
        with _counters_on() as requests:
            counting = ready()
        counting(*inputs)
        request = next((heard for heard in reversed(requests) if _has_counted(heard)), None)
        if request is None:
            raise BackendError(f"backend {backend}: OpenVINO kept no counters of its nodes")
        notes = (*whole.notes, *((RANGES_CAVEAT,) if precision == "int8" else ()))
        operations = dict(_operations(request.get_compiled_model().get_runtime_model()))
        return OpenVinoProfile(whole, counting, inputs, operations, request, notes=notes)


def _has_counted(request: Any) -> bool:
    return any(entry.real_time for entry in request.profiling_info)


@contextmanager
def _counters_on() -> Iterator[list[Any]]:
    """Have every network that is compiled meanwhile keep counters; given are its requests as they are made.

    The backend keeps its request to itself, and it need not know of profiling: so OpenVINO is asked.
    """
    openvino = import_quietly("openvino")
    requests: list[Any] = []
    compile_model, create = openvino.Core.compile_model, openvino.CompiledModel.create_infer_request

    def compile_with_counters(
        core: Any, model: Any, device_name: Any = None, config: Any = None, **more: Any
    ) -> Any:
        return compile_model(core, model, device_name, {**(config or {}), "PERF_COUNT": True}, **more)

    def create_and_tell(compiled: Any) -> Any:
        requests.append(create(compiled))
        return requests[-1]

    openvino.Core.compile_model = compile_with_counters
    openvino.CompiledModel.create_infer_request = create_and_tell
    try:
        yield requests
    finally:
        openvino.Core.compile_model = compile_model
        openvino.CompiledModel.create_infer_request = create


def _operations(runtime: Any) -> Iterator[tuple[str, Operation]]:
    """Every node that takes time, by its name, from the graph that OpenVINO made of the network."""
    for node in runtime.get_ops():
        told = node.get_rt_info()
        name = told["layerType"].astype(str) if "layerType" in told else node.get_type_name()
        if name in NO_TIME:
            continue
        kernel = told["primitiveType"].astype(str) if "primitiveType" in told else ""
        operands = [_operand(port) for port in node.inputs()]
        results = [_operand(port) for port in node.outputs()]
        yield node.get_friendly_name(), describe_plugin_node(name, kernel, operands, results)


def describe_plugin_node(
    name: str, kernel: str, operands: Sequence[Operand], results: Sequence[Operand]
) -> Operation:
    """A node of the CPU plugin as an operation.

    Args:
        name: its type, as the plugin has it.
        kernel: the primitive that was chosen for it: it tells a copy that is left out.
        operands: what it reads.
        results: what it writes.
    """
    kind = KINDS.get(name) or _kind_by_word(name)
    if kind is OperationKind.DATA_MOVEMENT and kernel.startswith("undef"):
        return Operation(name=name, kind=kind, shape=next(iter((*operands, *results))).written)
    return describe_node(name, kind, operands, results, is_transposed=name == "Deconvolution")


def _kind_by_word(name: str) -> OperationKind:
    if name.startswith("Reduce"):
        return OperationKind.REDUCTION
    return OperationKind.POOLING if name.endswith("Pool") else OperationKind.OTHER


def _operand(port: Any) -> Operand:
    return Operand(tuple(port.get_shape()), port.get_element_type().bitwidth / 8)


PROFILER = OpenVinoProfiler()
