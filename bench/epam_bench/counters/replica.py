"""A network's shape without its weights: what can be counted without being run or changed."""

from __future__ import annotations

import copy
import random
import warnings
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.parameter import is_lazy
from torch.utils._pytree import tree_leaves, tree_map_only

from epam.errors import InputError
from epam_bench.counters.counter import Arguments, Count, CounterError, WeightsNeededError
from epam_bench.counters.quick_shapes import QuickShapes, like_on_meta

InputsT = TypeVar("InputsT")


@dataclass(frozen=True)
class Replica:
    """A copy of a network in eval mode, with inputs of the same shapes, that a counter may do anything to."""

    model: nn.Module
    args: Arguments
    kwargs: dict[str, Any]


def count_replica(
    count: Callable[[Replica], Count],
    model: nn.Module,
    args: Arguments,
    kwargs: dict[str, Any],
    device: str = "meta",
) -> Count:
    """Count a replica on a device; on the CPU with its weights where it cannot run without values.

    The random generators of Python, NumPy and PyTorch are as they were afterwards.

    Raises:
        WeightsNeededError: the network has no values to run with.
    """
    with _random_state_kept(device), left_as_it_is(model), warnings.catch_warnings():
        # A network that is run to be counted has nothing to warn its user of.
        warnings.simplefilter("ignore")
        if device != "meta":
            return count(_real_replica(model, args, kwargs, device))
        try:
            with QuickShapes():
                return count(Replica(meta_replica(model), meta_inputs(args), meta_inputs(kwargs)))
        except (InputError, CounterError):
            raise
        # Whatever a network does with values fails in its own way: the real run tells a network's
        # own fault from one of the meta device.
        except Exception as error:
            if on_meta(model):
                raise WeightsNeededError(
                    f"{type(model).__name__} cannot run without values ({_first_line(error)}); build it on "
                    "the CPU"
                ) from error
            reason = _first_line(error)
        counted = count(_real_replica(model, args, kwargs, "cpu"))
        caveat = f"cannot run on the meta device ({reason}): counted in one real run on the CPU"
        return replace(counted, caveats=(*counted.caveats, caveat))


def meta_replica(model: nn.Module) -> nn.Module:
    """Copy a network with every tensor on the meta device, in eval mode.

    No weight is copied, and whatever a counter does to the replica, the network never sees.
    """
    memo: dict[int, Any] = {id(tensor): _to_meta(tensor) for tensor in _tensors_held(model)}
    return _copied(model, memo).eval()


def meta_inputs(inputs: InputsT) -> InputsT:
    """The same shapes and types on the meta device, also inside lists, tuples and dictionaries."""
    return tree_map_only(Tensor, like_on_meta, inputs)


def on_meta(model: nn.Module) -> bool:
    """Whether a network has no values: it was built on the meta device."""
    return any(tensor.is_meta for tensor in (*model.parameters(), *model.buffers()))


def _real_replica(model: nn.Module, args: Arguments, kwargs: dict[str, Any], device: str) -> Replica:
    if on_meta(model):
        raise WeightsNeededError(f"{type(model).__name__} is on the meta device; build it on the CPU")
    args, kwargs = tree_map_only(Tensor, lambda value: value.detach().to(device), (args, kwargs))
    # Refused by deepcopy: what was computed from others, what has no size yet, rows of sparse matrices.
    memo: dict[int, Any] = {
        id(tensor): _own_copy(tensor)
        for tensor in _tensors_held(model)
        if is_lazy(tensor) or not tensor.is_leaf or tensor.layout is torch.sparse_csr
    }
    return Replica(_copied(model, memo).to(device).eval(), args, kwargs)


def _own_copy(tensor: Tensor) -> Tensor:
    if is_lazy(tensor):
        return _without_size(tensor, tensor.device)
    return tensor.detach().clone()


def _without_size(lazy: Any, device: torch.device | str) -> Any:
    return type(lazy)(device=device, dtype=lazy.dtype)


def _copied(model: nn.Module, memo: dict[int, Any]) -> nn.Module:
    try:
        return _copy_module(model, memo)
    # Locks, open files, generators: pickling's refusals.
    except TypeError as error:
        raise CounterError(
            f"{type(model).__name__} cannot be copied ({error}); counting works on a copy, so keep such an "
            "attribute outside the network"
        ) from error


def _copy_module(module: nn.Module, memo: dict[int, Any]) -> nn.Module:
    """What ``copy.deepcopy`` gives, sooner: most of what a module holds are empty dictionaries."""
    if id(module) in memo:
        return memo[id(module)]
    if _says_how_it_is_copied(type(module)):
        return copy.deepcopy(module, memo)
    replica = memo[id(module)] = type(module).__new__(type(module))
    for name, value in vars(module).items():
        replica.__dict__[name] = _copy_value(value, memo)
    return replica


def _says_how_it_is_copied(kind: type) -> bool:
    """Whether a class of modules has more, less or something else copied than its attributes."""
    own = (
        "__deepcopy__",
        "__getnewargs__",
        "__getnewargs_ex__",
        "__getstate__",
        "__reduce__",
        "__reduce_ex__",
    )
    return any(getattr(kind, name, None) is not getattr(nn.Module, name, None) for name in own)


def _copy_value(value: Any, memo: dict[int, Any]) -> Any:
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, nn.Module):
        return _copy_module(value, memo)
    if type(value) in (dict, OrderedDict) and id(value) not in memo:
        entries = memo[id(value)] = type(value)()
        for key, entry in value.items():
            entries[key] = _copy_value(entry, memo)
        return entries
    return copy.deepcopy(value, memo)


def _tensors_held(model: nn.Module) -> Iterator[Tensor]:
    """Parameters, buffers, and tensors that are plain attributes or lie in lists and dictionaries."""
    for module in model.modules():
        for value in vars(module).values():
            if isinstance(value, Tensor):
                yield value
            # Most are empty: hooks, and the parts of what has none.
            elif isinstance(value, dict | list | tuple) and value:
                yield from (leaf for leaf in tree_leaves(value) if isinstance(leaf, Tensor))


def _to_meta(tensor: Tensor) -> Tensor:
    if is_lazy(tensor):
        return _without_size(tensor, "meta")
    data = like_on_meta(tensor)
    return nn.Parameter(data, tensor.requires_grad) if isinstance(tensor, nn.Parameter) else data


@contextmanager
def left_as_it_is(model: nn.Module) -> Iterator[None]:
    """The network itself in eval mode meanwhile; modes, buffers, classes' caches are as before afterwards.

    A copy does not reach what functions hold: of a lambda that calls a layer, the layer that runs is
    the network's own, and a batch norm in training mode would take the run into its statistics. Nor
    does it reach dictionaries of classes: a table kept there would stay on the meta device.
    """
    training = [module for module in model.modules() if module.training]
    buffers = [
        (buffer, buffer._version, buffer.detach().clone())
        for buffer in model.buffers()
        if not is_lazy(buffer) and buffer.device.type != "meta" and not buffer.is_inference()
    ]
    caches = [(cache, dict(cache)) for cache in _dictionaries_of_classes(model)]
    for module in training:
        module.training = False
    try:
        yield
    finally:
        for cache, entries in caches:
            cache.clear()
            cache.update(entries)
        for module in training:
            module.training = True
        with torch.no_grad():
            for buffer, version, before in buffers:
                # Autograd sees every write: what nothing was written to is left alone.
                if buffer._version != version:
                    buffer.copy_(before)


def _dictionaries_of_classes(model: nn.Module) -> Iterator[dict[Any, Any]]:
    """Those that a network's own classes hold: PyTorch's classes keep no tensors."""
    kinds = {kind for module in model.modules() for kind in type(module).__mro__}
    for kind in kinds:
        if not kind.__module__.startswith(("torch.", "builtins")):
            yield from (
                value
                for name, value in vars(kind).items()
                if type(value) is dict and not name.startswith("__")
            )


@contextmanager
def _random_state_kept(device: str) -> Iterator[None]:
    python, numpy = random.getstate(), np.random.get_state()  # noqa: NPY002 — a network's own draws
    with torch.random.fork_rng(devices=None if device == "cuda" else []):
        try:
            yield
        finally:
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002


def _first_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().partition(chr(10))[0]}"[:200]
