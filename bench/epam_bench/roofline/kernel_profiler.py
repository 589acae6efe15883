"""Takes apart what PyTorch runs on an NVIDIA GPU: the time of the kernels that each operation starts.

Kernels run while Python is far ahead or far behind, so no clock around an operation tells its time. Each
operation is given a number, under which PyTorch's profiler finds its kernels. What the GPU waits between
kernels is the whole, timed without a profiler, less what the kernels take.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from torch._C._autograd import DeviceType
from torch.autograd.profiler import record_function
from torch.profiler import ProfilerActivity, profile
from torch.utils._python_dispatch import TorchDispatchMode

from epam.backends.backend import Inputs, Precision
from epam.backends.optimized_model import optimize
from epam_bench.roofline.dispatched_call import DispatchDescriber
from epam_bench.roofline.operation import Operation, OperationPass, TimedCall

LABEL = "roofline operation "

CAVEAT = "what lies between operations is the whole less the kernels: it is not measured by itself"


class LabellingMode(TorchDispatchMode):
    """Puts every operation under a label with its number.

    Attributes:
        count: how many there were.
    """

    supports_higher_order_operators = True

    def __init__(self) -> None:
        super().__init__()
        self.count = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        with record_function(f"{LABEL}{self.count}"):
            self.count += 1
            return func(*args, **(kwargs or {}))


@dataclass
class KernelProfile:
    """A network whose operations' kernels are timed.

    Args:
        call: the prepared network.
        inputs: what it is called with.
        activities: what the profiler listens to.
    """

    call: Callable[..., Any]
    inputs: Inputs
    activities: tuple[ProfilerActivity, ...] = (ProfilerActivity.CPU, ProfilerActivity.CUDA)
    launch_microseconds: float | None = None
    notes: tuple[str, ...] = (CAVEAT,)
    _passes: list[OperationPass] = field(default_factory=list)

    def run_whole(self) -> Any:
        """A forward pass without a profiler; its logits."""
        return self.call(*self.inputs)

    def run_pass(self) -> None:
        """A forward pass with one."""
        with torch.inference_mode(), DispatchDescriber() as describer:
            self.call(*self.inputs)
        mode = LabellingMode()
        with profile(activities=list(self.activities)) as listening, torch.inference_mode(), mode:
            self.call(*self.inputs)
            if ProfilerActivity.CUDA in self.activities:
                torch.cuda.synchronize()
        if mode.count == len(describer.operations):
            calls = timed_calls(describer.operations, listening.events() or ())
            self._passes.append(OperationPass(tuple(calls)))

    def passes(self) -> tuple[OperationPass, ...]:
        """Those that were taken apart."""
        return tuple(self._passes)

    def close(self) -> None:
        """Nothing was taken."""


def timed_calls(operations: list[Operation], events: Iterable[Any]) -> list[TimedCall]:
    """Every operation with the time of the kernels under its label; none for those that start none."""
    kernel_us = dict.fromkeys(range(len(operations)), 0.0)
    for event in events:
        # A label appears on the device too, as long as its kernels: the one of the CPU has their sum.
        if event.name.startswith(LABEL) and event.device_type is DeviceType.CPU:
            kernel_us[int(event.name.removeprefix(LABEL))] += event.device_time_total
    return [TimedCall(operation, kernel_us[number] / 1e3) for number, operation in enumerate(operations)]


class KernelProfiler:
    """Of every backend whose operations are PyTorch's, on CUDA."""

    def prepare(
        self,
        model: nn.Module,
        inputs: Inputs,
        *,
        backend: str,
        precision: Precision,
        device: str,
        threads: int,
    ) -> KernelProfile:
        """Make it ready as the backend does.

        Raises:
            BackendError: the backend cannot.
        """
        ready = optimize(
            model, backend=backend, precision=precision, example_inputs=inputs, device=device, threads=threads
        )
        return KernelProfile(ready, inputs, notes=(*ready.notes, CAVEAT))


PROFILER = KernelProfiler()
