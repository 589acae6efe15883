"""thop's counter, which hooks layers of known types, with what it cannot see named."""

from __future__ import annotations

import collections
import traceback
import warnings
from collections.abc import Iterator
from typing import Any

from torch import nn

from epam_bench.counters.counter import Arguments, Count, CounterError, KeywordArguments
from epam_bench.counters.positional import positional
from epam_bench.counters.replica import Replica, count_replica
from epam_bench.counters.torch_counter import counting_flops, macs_by_path


class ThopCounter:
    """``thop.profile``: one rule a layer type, matched exactly; anything else is silently nothing.

    Subclasses of known layers, functional calls and weights used directly are not seen. What they
    compute is found by PyTorch's counter in the same run and named in the caveats.
    """

    name = "thop"
    package = "thop"
    convention = "layers of known types: convolutions, linear, and four operations per element of a norm"

    def count(self, model: nn.Module, args: Arguments, kwargs: KeywordArguments | None = None) -> Count:
        """Count on a replica without weights: thop leaves buffers behind in what it profiles.

        Raises:
            CounterError: the network calls a layer by keyword, which thop's rules cannot read.
        """
        return count_replica(_profile, model, args, dict(kwargs or {}))


def _profile(replica: Replica) -> Count:
    wrapper = positional(replica.model, replica.args, replica.kwargs)
    with counting_flops(wrapper) as by_torch, warnings.catch_warnings():
        # thop still imports distutils' version numbers, which warn of their end.
        warnings.simplefilter("ignore")
        import thop

        try:
            total, _, layers = thop.profile(wrapper, wrapper.tensors, verbose=False, ret_layer_info=True)
        except Exception as error:
            if not _raised_by_a_rule(error):
                raise
            raise CounterError(
                f"thop cannot count this network: {type(error).__name__} in its rule for a layer ({error}); "
                "its rules read a layer's first positional input"
            ) from error
    unseen = _unseen(wrapper, macs_by_path(by_torch, wrapper))
    return Count(
        macs=int(total),
        by_operation=_by_layer_type(wrapper, layers),
        uncounted={what: times for what, (_, times) in unseen.items()},
        caveats=tuple(
            f"thop does not see {macs / 1e9:.3f} G MACs of {what}" for what, (macs, _) in unseen.items()
        ),
    )


def _raised_by_a_rule(error: Exception) -> bool:
    """Whether thop's own code failed, and not the network."""
    frames = list(traceback.walk_tb(error.__traceback__))
    return frames[-1][0].f_globals.get("__name__", "").startswith("thop.")


def _by_layer_type(wrapper: nn.Module, layers: dict[str, Any]) -> dict[str, int]:
    totals: collections.Counter[str] = collections.Counter()

    def add(branch: dict[str, Any], path: str) -> None:
        for name, (macs, _, children) in branch.items():
            if children:
                add(children, f"{path}{name}.")
            elif macs:
                totals[type(wrapper.get_submodule(path + name)).__name__] += int(macs)

    add(layers, "")
    return dict(totals)


def _unseen(wrapper: nn.Module, by_module: dict[str, int]) -> dict[str, tuple[int, int]]:
    """Multiply-adds done by modules that thop has no rule for: what → (MACs, how many modules)."""
    from thop.profile import register_hooks

    unseen: dict[str, tuple[int, int]] = {}
    for path, module in wrapper.named_modules():
        own = by_module.get(path, 0) - sum(_within(module, path, by_module))
        if own > 0 and type(module) not in register_hooks:
            macs, times = unseen.get(type(module).__name__, (0, 0))
            unseen[type(module).__name__] = (macs + own, times + 1)
    return {f"operations inside {name}": found for name, found in unseen.items()}


def _within(module: nn.Module, path: str, by_module: dict[str, int]) -> Iterator[int]:
    """MACs of the nearest modules below that were called; a container is not, its parts are."""
    for name, child in module.named_children():
        child_path = f"{path}.{name}" if path else name
        if child_path in by_module:
            yield by_module[child_path]
        else:
            yield from _within(child, child_path, by_module)
