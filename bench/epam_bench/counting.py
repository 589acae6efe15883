"""One model of the catalogue, one counter, one record."""

from __future__ import annotations

import importlib.metadata

import torch

from epam_baselines import ModelSpec, example_inputs
from epam_bench.counters import Count, Counter
from epam_bench.environment import describe_environment
from epam_bench.model_card import describe_model
from epam_bench.records import CountRecord


def count_model(
    spec: ModelSpec, counter: Counter, *, num_classes: int | None = None, by_module: bool = False
) -> CountRecord:
    """Build a model and count the multiply-adds of one clip.

    Args:
        spec: the model and its input shapes.
        counter: who counts.
        num_classes: width of the logits; by default the published checkpoint's.
        by_module: keep the split by module in the record.

    Raises:
        epam.errors.InputError: the input shapes are not ones that the network takes.
    """
    classes = spec.num_classes if num_classes is None else num_classes
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = spec.build(num_classes=classes)
    count = counter.count(model, example_inputs(spec))
    return CountRecord(
        model=describe_model(spec, model, classes),
        environment=describe_environment(),
        counter=counter.name,
        counter_version=importlib.metadata.version(counter.package),
        convention=counter.convention,
        macs=count.macs,
        macs_by_operation=count.by_operation,
        macs_by_module=count.by_module if by_module else {},
        uncounted=count.uncounted,
        caveats=(*count.caveats, *_split_caveats(count)),
    )


def _split_caveats(count: Count) -> tuple[str, ...]:
    """A split that does not sum to the total is the counter's, and is said."""
    total = sum(count.by_operation.values())
    if abs(total - count.macs) <= 1e-6 * max(count.macs, 1):
        return ()
    return (f"the split by operation sums to {total / 1e9:.3f} G, the total is {count.macs / 1e9:.3f} G",)
