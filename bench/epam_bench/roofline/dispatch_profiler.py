"""Takes apart what PyTorch runs on a CPU: every operation is timed as it is dispatched.

An operation's clock runs while PyTorch's own code does, and no longer. What the profiler itself takes
lies outside of it: its own code is timed too, and the rest, the way from PyTorch's C++ into Python and
back, is measured on the smallest operations. So a pass's time less the profiler's is an estimate of a
pass without it, and what is left beside the operations is what lies between them.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from epam.backends.backend import Inputs, Precision
from epam.backends.optimized_model import optimize
from epam_bench.roofline.dispatched_call import DispatchDescriber
from epam_bench.roofline.operation import Operation, OperationPass, TimedCall

CALIBRATION_CALLS = 100
CALIBRATION_ROUNDS = 9

_clock = time.perf_counter_ns


class DispatchTimer(TorchDispatchMode):
    """Times every operation, and does as little else as it can.

    Attributes:
        spans: function, start and end of each, in nanoseconds.
        own_ns: what this mode's own code took.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.spans: list[tuple[Any, int, int]] = []
        self.own_ns = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        entered = _clock()
        named = kwargs or {}
        start = _clock()
        result = func(*args, **named)
        end = _clock()
        self.spans.append((func, start, end))
        self.own_ns += start - entered + _clock() - end
        return result


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

    def run_whole(self) -> Any:
        """A forward pass that is not taken apart; its logits."""
        return self.call(*self.inputs)

    def run_pass(self) -> None:
        """A forward pass that is."""
        if not self._operations:
            self._describe()
        crossing_ns = measure_crossing()
        with torch.inference_mode(), DispatchTimer() as timer:
            start = _clock()
            self.call(*self.inputs)
            whole = _clock() - start
        if [span[0] for span in timer.spans] != self._functions:
            # Another path was taken than when the operations were described; the next pass may take it too.
            self._describe()
            return
        inside = sum(end - start for _, start, end in timer.spans)
        between = whole - inside - timer.own_ns - len(timer.spans) * crossing_ns
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
        with torch.inference_mode(), DispatchDescriber() as describer:
            self.call(*self.inputs)
        self._operations, self._functions = describer.operations, describer.functions


def measure_crossing() -> float:
    """Nanoseconds that a timer adds to an operation, its own code left out: of the smallest, in turns."""
    x = torch.zeros(1)

    def smallest() -> object:
        return torch.relu_(x)

    extra = []
    with torch.inference_mode():
        for _ in range(CALIBRATION_ROUNDS):
            plain = _repeat_ns(smallest)
            with DispatchTimer() as timer:
                timed = _repeat_ns(smallest)
            extra.append((timed - plain - timer.own_ns) / CALIBRATION_CALLS)
    return max(0.0, median(extra))


def _repeat_ns(action: Callable[[], object]) -> int:
    start = _clock()
    for _ in range(CALIBRATION_CALLS):
        action()
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
