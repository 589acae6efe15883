"""Batch norms of any network folded into the convolutions that feed them, as one run shows who feeds whom.

A graph tracer gives up on control flow that looks at numbers, which many networks have in their checks of
shapes; watching the operations of one run needs no graph.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, cast

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.weak import WeakIdKeyDictionary

from epam.backends.backend import Inputs

CONVOLUTIONS = (nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)

MOST_CHANGE = 1e-3
"""Of the largest logit: folding in float32 moves it by some 1e-6, a fold where none may be by its size."""

Pair = tuple[nn.Module, nn.Module]


def fold_observed_norms(model: nn.Module, inputs: Inputs) -> tuple[nn.Module, int]:
    """Fold every norm that a run on the inputs shows to be the only reader of a convolution.

    What cannot be folded, or changes the outputs when it is, stays.

    Args:
        model: in evaluation mode, without gradients.
        inputs: of ``forward``; one clip of them is run.

    Returns:
        A network that computes the same, and how many norms it lost; the model itself where that is none.
    """
    sample = tuple(tensor[:1] for tensor in inputs)
    watcher = _Watcher(model)
    with torch.inference_mode():
        with watcher:
            before = model(*sample)
        pairs = watcher.pairs(before)
        folded = copy.deepcopy(model)
        for convolution, norm in pairs:
            _fold(folded, convolution, norm)
        try:
            after = folded(*sample)
        # A forward may reach into the norm itself; whatever it then lacks, the network stays whole.
        except Exception:
            return model, 0
    if not pairs or not _agree(before, after):
        return model, 0
    return folded, len(pairs)


class _Watcher(TorchDispatchMode):
    """Sees every operation of a run: which tensors convolutions make, and which operations read these."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        named = dict(model.named_modules())
        # By the address of a tensor that is theirs alone.
        self._convolutions = _by_address(named, CONVOLUTIONS, lambda part: part.weight)
        self._norms = _by_address(named, NORMS, lambda part: part.running_mean)
        self._made: WeakIdKeyDictionary = WeakIdKeyDictionary()
        self._readers: dict[str, set[str | None]] = {}
        self._sources: dict[str, set[str | None]] = {}

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        given = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        norm = _first(self._norms, given) if "norm" in str(func) else None
        for tensor in given:
            if made_by := self._made.get(tensor):
                self._readers[made_by].add(norm if tensor is given[0] else None)
        if norm is not None:
            self._sources.setdefault(norm, set()).add(self._made.get(given[0]))
        output = func(*args, **(kwargs or {}))
        convolution = _first(self._convolutions, given) if "conv" in str(func) else None
        if convolution is not None and isinstance(output, Tensor):
            self._made[output] = convolution
            self._readers.setdefault(convolution, set())
        return output

    def pairs(self, output: object) -> list[tuple[str, str]]:
        """Names of convolutions and norms that read each other's tensors alone."""
        returned = {self._made.get(leaf) for leaf in tree_leaves(output) if isinstance(leaf, Tensor)}
        found = []
        for convolution, readers in self._readers.items():
            norm = next(iter(readers)) if len(readers) == 1 else None
            if norm and self._sources[norm] == {convolution} and convolution not in returned:
                found.append((convolution, norm))
        return found


def _by_address(
    named: Mapping[str, nn.Module],
    kinds: tuple[type[nn.Module], ...],
    tensor_of: Callable[[Any], Tensor | None],
) -> dict[int, str]:
    """Names of modules of these kinds, by the address of a tensor of theirs that is no other's."""
    found: dict[int, list[str]] = {}
    for name, part in named.items():
        tensor = tensor_of(part) if _is_plain(part, kinds) else None
        if tensor is not None and not tensor.is_meta:
            found.setdefault(tensor.data_ptr(), []).append(name)
    return {address: names[0] for address, names in found.items() if len(names) == 1}


def _is_plain(part: nn.Module, kinds: tuple[type[nn.Module], ...]) -> bool:
    """Whether a module computes as one of these kinds does: subclasses may only have other arguments."""
    kind = next((kind for kind in kinds if isinstance(part, kind)), None)
    return kind is not None and type(part).forward is kind.forward


def _first(names: Mapping[int, str], tensors: list[Tensor]) -> str | None:
    return next((names[t.data_ptr()] for t in tensors[1:] if t.data_ptr() in names), None)


def _fold(model: nn.Module, convolution_name: str, norm_name: str) -> None:
    convolution, norm = (
        cast(Any, model.get_submodule(convolution_name)),
        cast(Any, model.get_submodule(norm_name)),
    )
    weight, mean = convolution.weight.double(), norm.running_mean.double()
    scale = torch.rsqrt(norm.running_var.double() + norm.eps)
    scale = scale if norm.weight is None else scale * norm.weight.double()
    bias = -mean if convolution.bias is None else convolution.bias.double() - mean
    shifted = bias * scale if norm.bias is None else bias * scale + norm.bias.double()
    scaled = weight * scale.reshape(-1, *[1] * (weight.dim() - 1))
    dtype = convolution.weight.dtype
    convolution.weight = nn.Parameter(scaled.to(dtype), requires_grad=False)
    convolution.bias = nn.Parameter(shifted.to(dtype), requires_grad=False)
    parent, _, name = norm_name.rpartition(".")
    setattr(model.get_submodule(parent), name, nn.Identity())


def _agree(before: object, after: object) -> bool:
    pairs = zip(tree_leaves(before), tree_leaves(after), strict=True)
    # Not a number is never within a bound.
    return all(
        float((new.double() - old.double()).abs().max()) <= MOST_CHANGE * float(old.double().abs().max())
        for old, new in pairs
    )
