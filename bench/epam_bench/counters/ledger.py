"""Every operation of one forward pass: what it is, where it was called, what it computes and moves."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import TypeVar

from epam_bench.records import OperationKind

KeyT = TypeVar("KeyT")


@dataclass(frozen=True)
class LedgerLine:
    """All calls of one operation by one module.

    Attributes:
        operation: as PyTorch dispatches it, without ``aten.``; one name for all devices.
        kind: what it does; only convolutions, matrix products and attention multiply and add.
        module: dotted path of the innermost module that called it; ``""`` is the network.
        calls: how often.
        macs: multiply-adds.
        elements: of the results.
        bytes_read: of the operands that are no weights, each as often as it is read.
        bytes_written: of the results.
        weight_bytes: of parameters and buffers, each as often as it is read.
    """

    operation: str
    kind: OperationKind
    module: str = ""
    calls: int = 1
    macs: int = 0
    elements: int = 0
    bytes_read: int = 0
    bytes_written: int = 0
    weight_bytes: int = 0

    def __add__(self, other: LedgerLine) -> LedgerLine:
        """Both lines as one that keeps the first's names."""
        return replace(
            self,
            calls=self.calls + other.calls,
            macs=self.macs + other.macs,
            elements=self.elements + other.elements,
            bytes_read=self.bytes_read + other.bytes_read,
            bytes_written=self.bytes_written + other.bytes_written,
            weight_bytes=self.weight_bytes + other.weight_bytes,
        )


@dataclass(frozen=True)
class Ledger:
    """The lines of one forward pass, in the order in which each was first met."""

    lines: tuple[LedgerLine, ...] = ()

    def __iter__(self) -> Iterator[LedgerLine]:
        return iter(self.lines)

    @property
    def total(self) -> LedgerLine:
        """Everything as one line, named ``total``."""
        start = LedgerLine(operation="total", kind=OperationKind.OTHER, calls=0)
        return sum(self.lines, start=start)

    def by_kind(self) -> dict[OperationKind, LedgerLine]:
        """One line a kind; its operation and module are those of the first."""
        return _merged(self.lines, lambda line: line.kind)

    def by_operation(self) -> tuple[LedgerLine, ...]:
        """One line for each operation and kind, modules merged, the module left empty."""
        merged = _merged(self.lines, lambda line: (line.operation, line.kind))
        return tuple(replace(line, module="") for line in merged.values())

    def by_module(self) -> dict[str, LedgerLine]:
        """What was called inside each module, its parts included; the network itself is ``""``."""
        inside: dict[str, LedgerLine] = {}
        for line in self.lines:
            for path in ancestors(line.module):
                inside[path] = inside[path] + line if path in inside else line
        return {path: replace(line, module=path) for path, line in inside.items()}


def _merged(lines: Iterable[LedgerLine], key: Callable[[LedgerLine], KeyT]) -> dict[KeyT, LedgerLine]:
    merged: dict[KeyT, LedgerLine] = {}
    for line in lines:
        group = key(line)
        merged[group] = merged[group] + line if group in merged else line
    return merged


def ancestors(path: str) -> Iterator[str]:
    """``a.b`` → ``""``, ``a``, ``a.b``."""
    yield ""
    parts = path.split(".") if path else []
    for depth in range(1, len(parts) + 1):
        yield ".".join(parts[:depth])
