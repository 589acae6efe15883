"""One model of the catalogue, one counter, one record."""

from __future__ import annotations

import functools
import importlib.metadata

import torch
from torch import nn

from epam.errors import EpamError
from epam_baselines import ModelSpec, example_inputs
from epam_bench.counters import Count, Counter, Ledger, WeightsNeededError
from epam_bench.counters.quick_shapes import QuickShapes
from epam_bench.counters.replica import on_meta
from epam_bench.environment import describe_environment
from epam_bench.model_card import describe_model
from epam_bench.records import CountRecord, LedgerEntry


class BuiltModel:
    """A model that several counters look at: built once without weights, and with them if one asks.

    Args:
        spec: the model.
        num_classes: width of the logits; by default the published checkpoint's.
    """

    def __init__(self, spec: ModelSpec, num_classes: int | None = None) -> None:
        self.spec = spec
        self.num_classes = spec.num_classes if num_classes is None else num_classes

    @functools.cached_property
    def shapes(self) -> nn.Module:
        """On the meta device; a network that cannot be built there has its weights."""
        try:
            with torch.device("meta"), QuickShapes():
                return self._build()
        except EpamError:
            raise
        # An initialisation that asks for values fails in its own way.
        except Exception:
            return self.weighted

    @functools.cached_property
    def weighted(self) -> nn.Module:
        """On the current default device, with fresh weights, the same every time."""
        return self._build()

    def count(self, counter: Counter) -> Count:
        """One clip, of the published shapes; with weights where shapes are not enough for the counter."""
        if on_meta(self.shapes):
            try:
                return counter.count(self.shapes, example_inputs(self.spec, device="meta"))
            except WeightsNeededError:
                pass
        return counter.count(self.weighted, example_inputs(self.spec))

    def _build(self) -> nn.Module:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            return self.spec.build(num_classes=self.num_classes)


def count_model(
    spec: ModelSpec,
    counter: Counter,
    *,
    num_classes: int | None = None,
    by_module: bool = False,
    built: BuiltModel | None = None,
) -> CountRecord:
    """Build a model and count the multiply-adds of one clip.

    Args:
        spec: the model and its input shapes.
        counter: who counts.
        num_classes: width of the logits; by default the published checkpoint's.
        by_module: keep the split by module in the record.
        built: the same model, already built for another counter.

    Raises:
        epam.errors.InputError: the input shapes are not ones that the network takes.
    """
    built = built or BuiltModel(spec, num_classes)
    count = built.count(counter)
    return CountRecord(
        model=describe_model(spec, built.shapes, built.num_classes),
        environment=describe_environment(),
        counter=counter.name,
        counter_version=importlib.metadata.version(counter.package),
        convention=counter.convention,
        macs=count.macs,
        macs_by_operation=count.by_operation,
        macs_by_module=count.by_module if by_module else {},
        uncounted=count.uncounted,
        ledger=_entries(count.ledger),
        disagreements=count.disagreements,
        caveats=(*count.caveats, *_split_caveats(count)),
    )


def _entries(ledger: Ledger | None) -> tuple[LedgerEntry, ...]:
    """The ledger's lines as a record keeps them: modules merged."""
    return tuple(
        LedgerEntry(
            operation=line.operation,
            kind=line.kind,
            calls=line.calls,
            macs=line.macs,
            elements=line.elements,
            bytes_read=line.bytes_read,
            bytes_written=line.bytes_written,
            weight_bytes=line.weight_bytes,
        )
        for line in (ledger.by_operation() if ledger else ())
    )


def _split_caveats(count: Count) -> tuple[str, ...]:
    """A split that does not sum to the total is the counter's, and is said."""
    total = sum(count.by_operation.values())
    if abs(total - count.macs) <= 1e-6 * max(count.macs, 1):
        return ()
    return (f"the split by operation sums to {total / 1e9:.3f} G, the total is {count.macs / 1e9:.3f} G",)
