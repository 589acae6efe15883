"""fvcore's counter, which traces one forward pass on the CPU."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from epam_bench.counters.counter import Arguments, Count, KeywordArguments
from epam_bench.counters.positional import own_path, positional


class FvcoreCounter:
    """``fvcore.nn.FlopCountAnalysis``: prints multiply-adds under the name FLOPs.

    Tracing needs real tensors (convolutions cannot be traced on the meta device), so this counter
    runs the network once. It follows tensors given one after the other, so inputs by keyword and
    in dictionaries reach the network through a wrapper.
    """

    name = "fvcore"
    package = "fvcore"
    convention = "convolutions and matrix products, plus one operation per element of a norm"

    def count(self, model: nn.Module, args: Arguments, kwargs: KeywordArguments | None = None) -> Count:
        """Trace the network itself in eval mode; modes are put back afterwards."""
        wrapper = positional(model, args, kwargs)
        with _eval_mode(model), warnings.catch_warnings(), torch.no_grad():
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
