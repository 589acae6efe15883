"""fvcore's counter, which traces one forward pass on the CPU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_map_only

from epam.errors import InputError
from epam_bench.counters.counter import Arguments, Count, KeywordArguments, WeightsNeededError
from epam_bench.counters.positional import PositionalNetwork, own_path, positional
from epam_bench.counters.replica import left_as_it_is, meta_replica, on_meta
from epam_bench.counters.shapes_only import ShapesOnly, hollow, hollow_network


class FvcoreCounter:
    """``fvcore.nn.FlopCountAnalysis``: prints multiply-adds under the name FLOPs.

    Tracing needs tensors on the CPU (convolutions cannot be traced on the meta device), so this
    counter runs the network once, or, of a network on meta, its shapes. It follows tensors given one
    after the other, so inputs by keyword and in dictionaries reach the network through a wrapper.
    """

    name = "fvcore"
    package = "fvcore"
    convention = (
        "convolutions, matrix products, two operations per batch-normed element, five per layer-normed"
    )

    def count(self, model: nn.Module, args: Arguments, kwargs: KeywordArguments | None = None) -> Count:
        """Trace the network itself in eval mode, modes put back afterwards; on meta a replica's shapes.

        Raises:
            WeightsNeededError: the network is on the meta device, and shapes are not enough.
        """
        if not on_meta(model):
            with left_as_it_is(model), _eval_mode(model):
                return _trace(positional(model, args, kwargs))
        network = hollow_network(meta_replica(model))
        hollow_args, hollow_kwargs = tree_map_only(Tensor, hollow, (args, dict(kwargs or {})))
        try:
            with ShapesOnly():
                return _trace(positional(network, hollow_args, hollow_kwargs))
        except InputError:
            raise
        except Exception as error:
            raise WeightsNeededError(
                f"fvcore cannot trace {type(model).__name__} without values ({type(error).__name__}); build "
                "it on the CPU"
            ) from error


def _trace(wrapper: PositionalNetwork) -> Count:
    with warnings.catch_warnings(), torch.no_grad():
        # fvcore uses torch.jit, which announces its retirement at import and at every call.
        warnings.simplefilter("ignore")
        from fvcore.nn import FlopCountAnalysis

        analysis = FlopCountAnalysis(wrapper.eval(), wrapper.tensors)
        analysis.unsupported_ops_warnings(False).uncalled_modules_warnings(False)
        by_module = {
            path: int(value)
            for name, value in analysis.by_module().items()
            if (path := own_path(name)) is not None
        }
        return Count(
            macs=int(analysis.total()),
            by_operation={name: int(value) for name, value in analysis.by_operator().items()},
            by_module=by_module,
            uncounted={
                name.removeprefix("aten::"): times for name, times in analysis.unsupported_ops().items()
            },
        )


@contextmanager
def _eval_mode(model: nn.Module) -> Iterator[None]:
    """Eval mode for every part, and each part's own mode again afterwards."""
    modes = [(part, part.training) for part in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for part, training in modes:
            part.training = training
