"""Our counter: two independent accounts of one forward pass, every operation in a ledger."""

from __future__ import annotations

import collections
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Literal

import torch
from torch import nn

from epam_bench.counters.call_accountant import CallAccountant
from epam_bench.counters.counter import Arguments, Count, KeywordArguments
from epam_bench.counters.dispatch_accountant import DispatchAccountant, weights_of
from epam_bench.counters.ledger import Ledger, ancestors
from epam_bench.counters.replica import Replica, count_replica

Device = Literal["meta", "cpu", "cuda"]


class ConsensusCounter:
    """Counts by two accounts that share nothing but the run, and says where they differ.

    ::

        network ─ replica on meta ─ forward ─┬─ operations dispatched: shapes ──┬─ ledger, total
                                             └─ Python's calls: arguments ──────┴─ call by call: equal?

    The total is the first account's. Where the second's number for a call is another, or there is
    none, ``disagreements`` names module, call and both numbers.

    The convention: a multiply-add is one of a convolution, a matrix product or an attention, computed
    from the operands as they are shaped: positions of padding count, masks (causal ones too) halve
    nothing, a transposed convolution multiplies each input by each weight that it meets, and a
    complex multiply-add counts once, but of a convolution, which PyTorch makes of three real ones,
    three times. Biases, norms, activations, pooling and interpolation have
    none; their elements and bytes are in the ledger. What has multiply-adds and no formula is in
    ``uncounted``, and a caveat says that the total is a lower bound.
    """

    name = "consensus"
    package = "epam-bench"
    convention = (
        "multiply-adds of convolutions, matrix products and attention; all else by elements and bytes"
    )

    def count(
        self,
        model: nn.Module,
        args: Arguments,
        kwargs: KeywordArguments | None = None,
        *,
        device: Device = "meta",
    ) -> Count:
        """Count ``model(*args, **kwargs)`` in eval mode on a replica; the network is not touched.

        Without a device to run on, nothing is computed: the replica has shapes only. A network that
        asks for values, and cannot run so, is run once for real on the CPU, and a caveat says so.

        Args:
            model: any network, also on the meta device.
            args: its inputs by place.
            kwargs: its inputs by name.
            device: where the replica runs; ``cpu`` and ``cuda`` copy the weights.

        Raises:
            WeightsNeededError: the network is on the meta device and asks for values.
        """
        return count_replica(self._count, model, args, dict(kwargs or {}), device)

    def _count(self, replica: Replica) -> Count:
        dispatched = DispatchAccountant(weights_of(replica.model))
        called = CallAccountant(dispatched)
        with _module_paths(replica.model, dispatched) as elsewhere, torch.no_grad(), dispatched, called:
            replica.model(*replica.args, **replica.kwargs)
        ledger = dispatched.ledger
        return Count(
            macs=ledger.total.macs,
            by_operation=_macs_by_operation(ledger),
            by_module=_macs_by_module(ledger),
            uncounted=dict(dispatched.uncounted),
            caveats=(*_lower_bound(dispatched.uncounted), *_unheard(elsewhere)),
            ledger=ledger,
            disagreements=tuple(called.disagreements),
        )


def _macs_by_operation(ledger: Ledger) -> dict[str, int]:
    macs: collections.Counter[str] = collections.Counter()
    for line in ledger:
        if line.macs:
            macs[line.operation] += line.macs
    return dict(macs)


def _macs_by_module(ledger: Ledger) -> dict[str, int]:
    """Of the network and of every part that has any, its own parts' included."""
    macs: collections.Counter[str] = collections.Counter({"": 0})
    for line in ledger:
        if line.macs:
            for path in ancestors(line.module):
                macs[path] += line.macs
    return dict(macs)


def _lower_bound(uncounted: dict[str, int]) -> tuple[str, ...]:
    if not uncounted:
        return ()
    named = ", ".join(f"{name} ({times}×)" for name, times in uncounted.items())
    return (f"no formula for {named}: the total is a lower bound",)


def _unheard(paths: list[str]) -> tuple[str, ...]:
    if not paths:
        return ()
    return (
        f"{', '.join(paths)}: run in other threads, where nothing is counted: the total is a lower bound",
    )


@contextmanager
def _module_paths(model: nn.Module, dispatched: DispatchAccountant) -> Iterator[list[str]]:
    """Keep the accountant told of the innermost module that runs; only a replica's modules are hooked.

    Given is a list of the modules that ran in other threads: PyTorch's modes listen in one thread.
    """
    stack = [""]
    elsewhere: list[str] = []
    here = threading.get_ident()

    def enter(path: str) -> Any:
        def hook(*_: Any) -> None:
            if threading.get_ident() == here:
                stack.append(path)
                dispatched.module_path = path
            elif path not in elsewhere:
                elsewhere.append(path)

        return hook

    def leave(*_: Any) -> None:
        if threading.get_ident() == here:
            stack.pop()
            dispatched.module_path = stack[-1]

    handles = []
    for path, module in model.named_modules():
        # Compiled scripts take no hooks: what they do is their caller's.
        if path and not isinstance(module, torch.jit.ScriptModule):
            handles.append(module.register_forward_pre_hook(enter(path), prepend=True))
            handles.append(module.register_forward_hook(leave))
    try:
        yield elsewhere
    finally:
        for handle in handles:
            handle.remove()
