"""What counters add up: each convention as weights over a record's ledger, and which of them give a number.

One multiply-add is one MAC in all of them. What differs is whether norms, activations, pooling and
elementwise operations count too, for which each element of the result is one operation or two.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from epam_bench.records import LedgerEntry, OperationKind

GIGA, MEGA, GIBI = 1e9, 1e6, 1024**3

_BATCH_NORM = ("batch_norm", "instance_norm")
"""Of normalisations, those that counters treat apart from layer and group norms, by part of their name."""

_RECTIFIERS = ("relu", "elu", "hardtanh")
"""Activations that every counter by layer type knows; swish, GELU and sigmoid are not in their tables."""

_PRODUCTS = ("bmm", "baddbmm", "mv", "dot", "vdot")
"""Matrix products in which no layer's weights take part, by their names in the dispatcher."""

_MULTIPLY_AND_ADD = (OperationKind.CONVOLUTION, OperationKind.MATRIX_PRODUCT, OperationKind.ATTENTION)


@dataclass(frozen=True)
class Convention:
    """What is added to the multiply-adds of convolutions and matrix products.

    Attributes:
        words: as a verdict names it.
        batch_norm: operations for each element of a batch norm's result.
        layer_norm: the same for layer and group norms.
        activation: for each element of an activation's.
        pooling: for each of a pooling's.
        elementwise: for each of a sum's, a product's and the like.
        rectifiers_only: leave out activations other than ReLU and its kin.
        attention: whether the two products of fused attention count.
        products: whether products of two activations count, as with a graph or in unfused attention.
        named: the rule of a counter in use, rather than a combination that only a search tries.
    """

    words: str
    batch_norm: int = 0
    layer_norm: int = 0
    activation: int = 0
    pooling: int = 0
    elementwise: int = 0
    rectifiers_only: bool = False
    attention: bool = True
    products: bool = True
    named: bool = True

    def count(self, ledger: Iterable[LedgerEntry]) -> int:
        """Operations of one forward pass under this convention."""
        return sum(self._weigh(entry) for entry in ledger)

    def _weigh(self, entry: LedgerEntry) -> int:
        match entry.kind:
            case OperationKind.ATTENTION:
                return entry.macs if self.attention else 0
            case OperationKind.MATRIX_PRODUCT if not self.products and entry.operation in _PRODUCTS:
                return 0
            case OperationKind.NORMALISATION:
                batched = any(part in entry.operation for part in _BATCH_NORM)
                return entry.elements * (self.batch_norm if batched else self.layer_norm)
            case OperationKind.ACTIVATION if self.rectifiers_only and not _is_rectifier(entry):
                return 0
            case OperationKind.ACTIVATION:
                return entry.elements * self.activation
            case OperationKind.POOLING:
                return entry.elements * self.pooling
            case OperationKind.ELEMENTWISE:
                return entry.elements * self.elementwise
            case _:
                return entry.macs if entry.kind in _MULTIPLY_AND_ADD else 0


PLAIN = Convention("convolutions and matrix products alone")
FVCORE = Convention(
    "fvcore's rule (2 for a batch-normed, 5 for a layer-normed element)",
    batch_norm=2,
    layer_norm=5,
    pooling=1,
)
"""fvcore 0.1.5, its ``batchnorm_flop_jit`` and ``norm_flop_counter``; mmengine's counter is a fork of it and
has the same rules."""
FVCORE_TRAINING = Convention(
    "fvcore's rule for a network in training mode (5 for a normed element)",
    batch_norm=5,
    layer_norm=5,
    pooling=1,
)
"""The same where nobody called ``eval``: what PyTorchVideo's X3D are printed with."""
THOP = Convention("thop's rule (4 for a normed element)", batch_norm=4, layer_norm=4, pooling=1)
"""thop 0.1: two for a normed element, and twice that with weights."""
LAYERWISE = Convention(
    "mmcv's and ptflops' rule (2 for a normed element, 1 for a rectified or pooled one)",
    batch_norm=2,
    layer_norm=2,
    activation=1,
    pooling=1,
    rectifiers_only=True,
)
"""mmcv 1's ``get_model_complexity_info``, a fork of ptflops: hooks on layers of known types."""
NO_ATTENTION = Convention("the rule of counters that miss fused attention", attention=False)

LAYERS = Convention(
    "the rule of counters by layer (convolutions and linear layers alone)",
    attention=False,
    products=False,
)

NAMED = (PLAIN, FVCORE, FVCORE_TRAINING, THOP, LAYERWISE, NO_ATTENTION, LAYERS)

RULE_OF = {
    "fvcore": FVCORE,
    "mmengine": FVCORE,
    "thop": THOP,
    "mmcv": LAYERWISE,
    "ptflops": LAYERWISE,
    "torch": PLAIN,
}
"""The rule of a counter that a source names."""


def _is_rectifier(entry: LedgerEntry) -> bool:
    """ReLU, ReLU6, leaky and exponential ones; not ``silu``, ``gelu`` or ``sigmoid``."""
    name = entry.operation
    return any(part in name for part in _RECTIFIERS) and "gelu" not in name


def combinations() -> tuple[Convention, ...]:
    """Norms not, once or twice, with or without activations, pooling and elementwise operations: 24."""
    return tuple(_combination(norm, *rest) for norm, *rest in product((0, 1, 2), (0, 1), (0, 1), (0, 1)))


def _combination(norm: int, activation: int, pooling: int, elementwise: int) -> Convention:
    parts = ["convolutions and matrix products"]
    parts += [f"{'2 × ' if norm == 2 else ''}norm elements"] if norm else []
    parts += ["activations"] if activation else []
    parts += ["pooling"] if pooling else []
    parts += ["elementwise operations"] if elementwise else []
    return Convention(
        " + ".join(parts),
        batch_norm=norm,
        layer_norm=norm,
        activation=activation,
        pooling=pooling,
        elementwise=elementwise,
        named=False,
    )


@dataclass(frozen=True)
class Search:
    """Which combinations give a number, and whether that says anything.

    Attributes:
        found: those within the tolerance, the nearest first, with their counts.
        tried: how many different counts were tried.
        covered: share of the numbers between the least and the largest of them that some combination
            would have given at this tolerance: near 1, a match was to be expected by chance.
    """

    found: tuple[tuple[Convention, int], ...]
    tried: int
    covered: float


def search(ledger: Sequence[LedgerEntry], value: float, tolerance: float) -> Search:
    """Which combinations of what counters add give ``value`` operations, to within ``tolerance``.

    Combinations that come to the same count, as where nothing is pooled, are one.
    """
    counts: dict[int, Convention] = {}
    for convention in combinations():
        counts.setdefault(convention.count(ledger), convention)
    near = sorted((abs(count - value), count) for count in counts if abs(count - value) <= tolerance)
    found = tuple((counts[count], count) for _, count in near)
    return Search(found, len(counts), _covered(counts, tolerance))


def _covered(counts: Iterable[int], tolerance: float) -> float:
    values = sorted(counts)
    if not values or values[0] == values[-1]:
        return 0.0
    windows = ((value - tolerance, value + tolerance) for value in values)
    return covered_length(windows, values[0], values[-1]) / (values[-1] - values[0])


def covered_length(windows: Iterable[tuple[float, float]], low: float, high: float) -> float:
    """Length of the union of intervals, inside ``low`` to ``high``.

    >>> covered_length([(0, 2), (1, 3), (5, 9)], 0, 6)
    4.0
    """
    return math.fsum(end - start for start, end in _merged(windows, low, high))


def _merged(windows: Iterable[tuple[float, float]], low: float, high: float) -> Iterator[tuple[float, float]]:
    open_until = low
    for start, end in sorted(windows):
        first, last = max(start, open_until), min(end, high)
        if last > first:
            yield first, last
            open_until = last
