"""Takes apart what PyTorch runs on a CPU: every operation is timed as it is dispatched.

An operation's clock runs while PyTorch's own code does, and no longer. What the profiler itself takes
lies outside of it: the greater part is timed too, and the rest, the way from PyTorch's C++ into Python and
back, is measured on the smallest operation. So a pass's time less the profiler's is an estimate of a pass
without it, and what is left beside the operations is what lies between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch._ops import HigherOrderOperator
from torch.utils._python_dispatch import TorchDispatchMode

from epam.backends.backend import Inputs, Precision
from epam.backends.optimized_model import optimize
from epam_bench.roofline.dispatched_call import describe_call
from epam_bench.roofline.operation import Operation, OperationPass, TimedCall

CALIBRATION_CALLS = 300
CALIBRATION_ROUNDS = 5

_clock = time.perf_counter_ns


class DispatchTimer(TorchDispatchMode):
    """Times every operation, and describes it too where it is asked to.

    Args:
        indivisible: operations known to be made of no others; what is found is added.
        describes: whether to.

    Attributes:
        spans: function, start and end of each, in nanoseconds.
        described: each operation, in the same order; empty unless asked for.
        own_ns: what this mode's own code took.
        entries: how often it was entered.
    """

    supports_higher_order_operators = True

    def __init__(self, indivisible: set[Any], *, describes: bool = False) -> None:
        super().__init__()
        self.spans: list[tuple[Any, int, int]] = []
        self.described: list[Operation] = []
        self.own_ns = 0
        self.entries = 0
        self._describes = describes
        self._indivisible = indivisible

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        entered = _clock()
        self.entries += 1
        named = kwargs or {}
        # In inference mode what is made of others arrives whole.
        if torch.is_inference_mode_enabled() and func not in self._indivisible:
            before = _clock()
            result = self._decompose(func, args, named)
            if result is not NotImplemented:
                self.own_ns += before - entered
                return result
            self._indivisible.add(func)
        start = _clock()
        result = func(*args, **named)
        end = _clock()
        self.spans.append((func, start, end))
        if self._describes:
            self.described.append(describe_call(func, args, named, result))
        self.own_ns += start - entered + _clock() - end
        return result

    def _decompose(self, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if isinstance(func, HigherOrderOperator):
            return NotImplemented
        with self:
            return func.decompose(*args, **kwargs)


@dataclass
class DispatchProfile:
    """A network's operations, timed by :class:`DispatchTimer`.

    Args:
        call: the prepared network.
        inputs: what it is called with.
    """

    call: Callable[..., Any]
    inputs: Inputs
    launch_microseconds: float | None = None
    notes: tuple[str, ...] = ()
    _operations: list[Operation] = field(default_factory=list)
    _functions: list[Any] = field(default_factory=list)
    _passes: list[OperationPass] = field(default_factory=list)
    _indivisible: set[Any] = field(default_factory=set)

    def run_whole(self) -> Any:
        """A forward pass that is not taken apart; its logits."""
        return self.call(*self.inputs)

    def run_pass(self) -> None:
        """A forward pass that is."""
        if not self._operations:
            self._describe()
        crossing_ns = measure_crossing()
        with torch.inference_mode(), DispatchTimer(self._indivisible) as timer:
            start = _clock()
            self.call(*self.inputs)
            whole = _clock() - start
        if [span[0] for span in timer.spans] != self._functions:
            # Another path was taken than when the operations were described; the next pass may take it too.
            self._describe()
            return
        inside = sum(end - start for _, start, end in timer.spans)
        between = whole - inside - timer.own_ns - timer.entries * crossing_ns
        calls = tuple(
            TimedCall(operation, (end - start) / 1e6)
            for operation, (_, start, end) in zip(self._operations, timer.spans, strict=True)
        )
        self._passes.append(OperationPass(calls, between_ms=max(0.0, between / 1e6)))

    def passes(self) -> tuple[OperationPass, ...]:
        """Those that were taken apart."""
        return tuple(self._passes)

    def close(self) -> None:
        """Nothing was taken."""

    def _describe(self) -> None:
        with torch.inference_mode(), DispatchTimer(self._indivisible, describes=True) as timer:
            self.call(*self.inputs)
        self._operations, self._functions = timer.described, [span[0] for span in timer.spans]


def measure_crossing() -> float:
    """Nanoseconds that an operation costs more with a timer than without, the timer's own code left out."""
    x = torch.zeros(1)
    extra = []
    indivisible: set[Any] = set()
    with torch.inference_mode():
        for _ in range(CALIBRATION_ROUNDS):
            plain = _time_smallest(x)
            with DispatchTimer(indivisible) as timer:
                timed = _time_smallest(x)
            extra.append((timed - plain - timer.own_ns) / CALIBRATION_CALLS)
    return max(0.0, min(extra))


def _time_smallest(x: torch.Tensor) -> int:
    relu_ = torch.relu_
    start = _clock()
    for _ in range(CALIBRATION_CALLS):
        relu_(x)
    return _clock() - start


class DispatchProfiler:
    """Of every backend whose operations are PyTorch's."""

    def prepare(
        self,
        model: nn.Module,
        inputs: Inputs,
        *,
        backend: str,
        precision: Precision,
        device: str,
        threads: int,
    ) -> DispatchProfile:
        """Make it ready as the backend does.

        Raises:
            BackendError: the backend cannot.
        """
        ready = optimize(
            model, backend=backend, precision=precision, example_inputs=inputs, device=device, threads=threads
        )
        return DispatchProfile(ready, inputs, notes=ready.notes)


PROFILER = DispatchProfiler()
