"""What every counter of multiply-adds takes and gives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from torch import nn

from epam.errors import EpamError
from epam_bench.counters.ledger import Ledger

Arguments = tuple[Any, ...]
"""Positional inputs of a network: tensors, or lists, tuples and dictionaries of them."""

KeywordArguments = Mapping[str, Any]


class CounterError(EpamError):
    """A counter that cannot take this network or these inputs; another counter may."""


class WeightsNeededError(CounterError):
    """A network on the meta device that asks for values: it must be counted with real weights."""


@dataclass(frozen=True)
class Count:
    """Multiply-adds of one forward pass, as one counter sees them.

    Attributes:
        macs: the counter's total, in multiply-adds by its own convention.
        by_operation: the total split by kind of operation or layer.
        by_module: multiply-adds inside each module, its children's included, by dotted path; the
            network itself is ``""``.
        uncounted: operations that it met and has no rule for, with how often.
        caveats: sentences on what is known to be wrong with the total.
        ledger: every operation with what it computes and moves, of counters that keep one.
        disagreements: where two accounts of the same call differ, with both numbers.
    """

    macs: int
    by_operation: dict[str, int]
    by_module: dict[str, int] = field(default_factory=dict)
    uncounted: dict[str, int] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()
    ledger: Ledger | None = None
    disagreements: tuple[str, ...] = ()


class Counter(Protocol):
    """Counts the multiply-adds of a network's forward pass and leaves the network as it was."""

    name: str
    package: str
    convention: str

    def count(self, model: nn.Module, args: Arguments, kwargs: KeywordArguments | None = None) -> Count:
        """Count ``model(*args, **kwargs)`` in eval mode; the batch dimension counts as it is.

        Network and inputs may be on the meta device.

        Raises:
            WeightsNeededError: they are, and the network cannot be run without values.
            CounterError: this counter cannot take such a network or such inputs.
        """
