"""Takes apart what ONNX Runtime runs: its own profile, beside a session that keeps none."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import nn

from epam.backends.backend import BackendError, Inputs, Precision
from epam.backends.optimized_model import optimize
from epam_bench.records import OperationKind
from epam_bench.roofline.engine_node import Operand, describe_node, quickest_node_microseconds
from epam_bench.roofline.operation import OperationPass, TimedCall

_NAMES = {
    OperationKind.CONVOLUTION: "Conv FusedConv ConvTranspose ConvInteger QLinearConv NhwcFusedConv",
    OperationKind.MATRIX_PRODUCT: """
        MatMul Gemm FusedMatMul FusedGemm MatMulInteger QLinearMatMul Einsum LSTM GRU RNN
    """,
    OperationKind.ATTENTION: "Attention MultiHeadAttention GroupQueryAttention",
    OperationKind.NORMALISATION: """
        BatchNormalization LayerNormalization SkipLayerNormalization SimplifiedLayerNormalization
        InstanceNormalization GroupNormalization RMSNormalization
    """,
    OperationKind.ACTIVATION: """
        Relu Sigmoid QuickGelu Gelu FastGelu BiasGelu Tanh HardSigmoid HardSwish Softmax LogSoftmax LeakyRelu
        Elu Selu PRelu Softplus Clip Erf
    """,
    OperationKind.POOLING: """
        MaxPool AveragePool GlobalAveragePool GlobalMaxPool LpPool
    """,
    OperationKind.INTERPOLATION: "Resize Upsample GridSample",
    OperationKind.REDUCTION: """
        ReduceMean ReduceSum ReduceMax ReduceMin ReduceProd ReduceL1 ReduceL2 ReduceLogSumExp ReduceSumSquare
        ArgMax ArgMin CumSum
    """,
    OperationKind.ELEMENTWISE: """
        Add Mul Sub Div Pow Sqrt Exp Log Neg Abs Reciprocal Where Equal Greater Less Not And Or Min Max Sum
        QuantizeLinear DequantizeLinear Cast
    """,
    OperationKind.DATA_MOVEMENT: """
        ReorderInput ReorderOutput Transpose Reshape Concat Slice Split Pad Tile Gather GatherND
        GatherElements ScatterND ScatterElements Expand Squeeze Unsqueeze Flatten Identity Shape Constant
        ConstantOfShape Range DepthToSpace SpaceToDepth
    """,
}
KINDS = {name: kind for kind, names in _NAMES.items() for name in names.split()}

MOVE_NOTHING = frozenset({"Reshape", "Squeeze", "Unsqueeze", "Flatten", "Identity", "Shape"})
"""Done in place, mostly: the result is the operand under another shape."""

ELEMENT_BYTES = {"double": 8, "int64": 8, "uint64": 8, "float": 4, "int32": 4, "uint32": 4, "float16": 2}
ELEMENT_BYTES |= {"bfloat16": 2, "int16": 2, "uint16": 2, "int8": 1, "uint8": 1, "bool": 1}

CAVEAT = "multiply-adds as ONNX Runtime's kernels do them: channels that a blocked layout pads are in them"


@dataclass
class OnnxRuntimeProfile:
    """A network loaded twice: in a session that keeps a profile, for the passes, and in one that does not.

    Args:
        whole: prepared without a profile.
        kept: prepared with one.
        inputs: what both are called with.
        session: the one that keeps it; its profile is written when it is closed.
        folder: where to.
    """

    whole: Callable[..., Any]
    kept: Callable[..., Any]
    inputs: Inputs
    session: Any
    folder: tempfile.TemporaryDirectory[str]
    notes: tuple[str, ...] = (CAVEAT,)
    _passes: tuple[OperationPass, ...] | None = field(default=None)

    def run_whole(self) -> Any:
        """A forward pass without a profile; its logits."""
        return self.whole(*self.inputs)

    def run_pass(self) -> None:
        """A forward pass with one."""
        self.kept(*self.inputs)

    def passes(self) -> tuple[OperationPass, ...]:
        """Those that were taken apart; there can be no more of them afterwards."""
        if self._passes is None:
            events = json.loads(Path(self.session.end_profiling()).read_text(encoding="utf-8"))
            # The first pass of a session lays out its memory.
            self._passes = tuple(read_passes(events))[1:]
        return self._passes

    @property
    def launch_microseconds(self) -> float:
        """Of the quickest node."""
        return quickest_node_microseconds(self.passes())

    def close(self) -> None:
        """Remove the profile."""
        with suppress(OSError):
            self.folder.cleanup()


class OnnxRuntimeProfiler:
    """Of the backend ``onnxruntime``, however it exports and loads."""

    def prepare(
        self,
        model: nn.Module,
        inputs: Inputs,
        *,
        backend: str,
        precision: Precision,
        device: str,
        threads: int,
    ) -> OnnxRuntimeProfile:
        """Load twice.

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
            )

        whole = ready()
        folder = tempfile.TemporaryDirectory(prefix="roofline-")
        with _profile_kept(Path(folder.name)) as sessions:
            kept = ready()
        if not sessions:
            folder.cleanup()
            raise BackendError(f"backend {backend}: ONNX Runtime kept no profile")
        kept(*inputs)
        return OnnxRuntimeProfile(whole, kept, inputs, sessions[-1], folder, notes=(*whole.notes, CAVEAT))


@contextmanager
def _profile_kept(folder: Path) -> Iterator[list[Any]]:
    """Have every session that is made meanwhile keep a profile in a folder; given are the sessions."""
    import onnxruntime

    sessions: list[Any] = []
    make = onnxruntime.InferenceSession

    def make_with_profile(model: Any, sess_options: Any = None, *rest: Any, **more: Any) -> Any:
        options = sess_options or onnxruntime.SessionOptions()
        options.enable_profiling = True
        options.profile_file_prefix = str(folder / "profile")
        sessions.append(make(model, options, *rest, **more))
        return sessions[-1]

    onnxruntime.InferenceSession = make_with_profile
    try:
        yield sessions
    finally:
        onnxruntime.InferenceSession = make


def read_passes(events: Iterable[Mapping[str, Any]]) -> Iterator[OperationPass]:
    """The passes in a profile: each ends with the event ``model_run``, which lasts as long as it did."""
    calls: list[TimedCall] = []
    for event in events:
        if event["cat"] == "Node" and "op_name" in event.get("args", {}):
            calls.append(_timed_node(event))
        elif event["name"] == "model_run":
            between = event["dur"] / 1e3 - sum(call.ms for call in calls)
            yield OperationPass(tuple(calls), between_ms=max(0.0, between))
            calls = []


def _timed_node(event: Mapping[str, Any]) -> TimedCall:
    told = event["args"]
    name = told["op_name"]
    operands = [_operand(shape) for shape in told.get("input_type_shape", ())]
    results = [_operand(shape) for shape in told.get("output_type_shape", ())]
    kind = KINDS.get(name, OperationKind.OTHER)
    if name in MOVE_NOTHING:
        operands, results = [Operand(operand.shape, 0) for operand in operands[:1]], []
    operation = describe_node(name, kind, operands, results, is_transposed=name == "ConvTranspose")
    return TimedCall(operation, event["dur"] / 1e3)


def _operand(described: Mapping[str, Any]) -> Operand:
    """``{"float": [1, 3, 8, 8]}`` → its operand."""
    ((element, shape),) = described.items()
    return Operand(tuple(shape), ELEMENT_BYTES.get(element, 4))


PROFILER = OnnxRuntimeProfiler()
