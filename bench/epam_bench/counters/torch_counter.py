"""PyTorch's own counter, on the meta device, so that the answer depends on no device."""

from __future__ import annotations

import collections
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode, flop_registry

from epam_bench.counters.counter import Arguments, Count, KeywordArguments
from epam_bench.counters.replica import Replica, count_replica


class TorchCounter:
    """``torch.utils.flop_counter``: two FLOPs a multiply-add; halved here.

    Fused attention is sent down its mathematical form: the counter has no rule for the CPU's
    fused kernel and would count nothing (pytorch#195460).
    """

    name = "torch"
    package = "torch"
    convention = "convolutions, matrix products and attention; no norms, activations or pooling"

    def count(self, model: nn.Module, args: Arguments, kwargs: KeywordArguments | None = None) -> Count:
        """Count on a replica without weights; nothing is executed unless the network asks for values.

        Raises:
            WeightsNeededError: the network is on the meta device and asks for values.
        """
        return count_replica(_count, model, args, dict(kwargs or {}))


def _count(replica: Replica) -> Count:
    met = _OperationLog()
    with counting_flops(replica.model) as counter, met:
        replica.model(*replica.args, **replica.kwargs)
    # A network without one product has no entry at all.
    by_operation = counter.get_flop_counts().get("Global", {})
    return Count(
        macs=counter.get_total_flops() // 2,
        by_operation={_name(operation): value // 2 for operation, value in by_operation.items()},
        by_module=macs_by_path(counter, replica.model),
        uncounted=met.without_rule(),
    )


@contextmanager
def counting_flops(replica: nn.Module) -> Iterator[FlopCounterMode]:
    """PyTorch's counter over a replica: without gradients, and fused attention in its mathematical form."""
    # It hooks gradients of what modules are given, and without gradients there are none to hook.
    replica.requires_grad_(False)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        yield counter


def _name(operation: object) -> str:
    return str(operation).removeprefix("aten.")


def macs_by_path(counter: FlopCounterMode, network: nn.Module) -> dict[str, int]:
    """MACs by dotted path; the counter puts the network's class name in front of each."""
    root = type(network).__name__
    return {
        name.removeprefix(root).removeprefix("."): sum(counts.values()) // 2
        for name, counts in counter.get_flop_counts().items()
        if name != "Global"
    }


class _OperationLog(TorchDispatchMode):
    """Notes each operation that does arithmetic or moves data, views left out."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: collections.Counter[Any] = collections.Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if not func.is_view:
            self.calls[func._overloadpacket] += 1
        return func(*args, **(kwargs or {}))

    def without_rule(self) -> dict[str, int]:
        """Operations that PyTorch's counter has no formula for, with how often each was met."""
        return {
            _name(op): times for op, times in sorted(self.calls.items(), key=str) if op not in flop_registry
        }
