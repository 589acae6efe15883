"""A network that takes its keyword and nested inputs as plain tensors, for counters that know no others."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.utils._pytree import tree_flatten, tree_leaves, tree_unflatten

from epam_bench.counters.counter import Arguments, CounterError, KeywordArguments

WRAPPED = "network"
"""Name of the wrapped network inside the wrapper: the first part of every path that a counter sees."""


class PositionalNetwork(nn.Module):
    """A network behind a ``forward`` that takes tensors in a row and gives tensors in a row.

    Keyword arguments, lists, tuples and dictionaries are put together again inside; what is no
    tensor (numbers, flags, None) is kept as it was given.
    """

    def __init__(self, network: nn.Module, args: Arguments, kwargs: KeywordArguments | None) -> None:
        super().__init__()
        self.network = network
        self._leaves, self._structure = tree_flatten((args, dict(kwargs or {})))
        self._places = [place for place, leaf in enumerate(self._leaves) if isinstance(leaf, Tensor)]

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """What to call it with: the tensors among the inputs, in order."""
        return tuple(self._leaves[place] for place in self._places)

    def forward(self, *tensors: Tensor) -> tuple[Tensor, ...]:
        """Tensors of the inputs → tensors of the outputs."""
        leaves = list(self._leaves)
        for place, tensor in zip(self._places, tensors, strict=True):
            leaves[place] = tensor
        args, kwargs = tree_unflatten(leaves, self._structure)
        return tuple(_tensors_of(self.network(*args, **kwargs)))


def positional(model: nn.Module, args: Arguments, kwargs: KeywordArguments | None) -> PositionalNetwork:
    """Wrap a network for these inputs; the network itself is not changed.

    Raises:
        CounterError: there is no tensor among the inputs.
    """
    wrapper = PositionalNetwork(model, args, kwargs)
    if not wrapper.tensors:
        raise CounterError(f"{type(model).__name__} was given no tensor; this counter follows tensors")
    return wrapper


def own_path(path: str) -> str | None:
    """A path inside the wrapper as one of the network; none for the wrapper itself."""
    if path == WRAPPED:
        return ""
    return path.removeprefix(f"{WRAPPED}.") if path.startswith(f"{WRAPPED}.") else None


def _tensors_of(output: Any) -> list[Tensor]:
    """Tensors of an output of any form; those of a class of the network's own are its attributes."""
    found: list[Tensor] = []
    for leaf in tree_leaves(output):
        if isinstance(leaf, Tensor):
            found.append(leaf)
        elif hasattr(leaf, "__dict__"):
            found.extend(value for value in vars(leaf).values() if isinstance(value, Tensor))
    return found
