"""What every counter of multiply-adds takes and gives."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor, nn


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
    """

    macs: int
    by_operation: dict[str, int]
    by_module: dict[str, int] = field(default_factory=dict)
    uncounted: dict[str, int] = field(default_factory=dict)
    caveats: tuple[str, ...] = ()


class Counter(Protocol):
    """Counts the multiply-adds of a network's forward pass and leaves the network as it was."""

    name: str
    package: str
    convention: str

    def count(self, model: nn.Module, inputs: tuple[Tensor, ...]) -> Count:
        """Count ``model(*inputs)``; the batch dimension counts as it is."""
