"""The second account: multiply-adds from the arguments of Python's calls, compared with the first's."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping
from math import prod
from types import FunctionType
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._pytree import tree_leaves

from epam_bench.counters.call_formulas import CALL_FORMULAS
from epam_bench.counters.dispatch_accountant import CallScope, DispatchAccountant
from epam_bench.records import OperationKind

ONE_LINE_CALLS: Mapping[str, OperationKind] = {
    "scaled_dot_product_attention": OperationKind.ATTENTION,
    **dict.fromkeys(
        (
            "gru",
            "lstm",
            "rnn_tanh",
            "rnn_relu",
            "gru_cell",
            "lstm_cell",
            "rnn_tanh_cell",
            "rnn_relu_cell",
        ),
        OperationKind.MATRIX_PRODUCT,
    ),
    **{
        f"{name}{axes}d": OperationKind.POOLING
        for name in ("adaptive_avg_pool", "adaptive_max_pool", "avg_pool", "max_pool", "lp_pool")
        for axes in (1, 2, 3)
    },
    "local_response_norm": OperationKind.NORMALISATION,
    "rms_norm": OperationKind.NORMALISATION,
}
"""Calls that one device computes in one operation and another in several: one line of the ledger."""

ATTENTION_BLOCK = "multi_head_attention_forward"

PRODUCTS_OF_ATTENTION = ("bmm", "baddbmm")
"""What the attention block calls for scores and sums; its projections are linear layers."""

_WRITTEN_IN_PYTHON = ("torch.functional", "torch.nn.functional")
"""Not tensors' methods: those call their own name again."""

_ASKS_WHO_LISTENS = ("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic")


class CallAccountant(TorchFunctionMode):
    """Works out each call's multiply-adds from its arguments and compares them with those dispatched.

    The formulas share nothing with the dispatch account's but the tensors. Which call an operation
    belongs to, and so whether a product is part of an attention, is what this account tells the
    ledger; numbers it does not.
    """

    def __init__(self, dispatched: DispatchAccountant) -> None:
        super().__init__()
        self.macs = 0
        self.disagreements: list[str] = []
        self._dispatched = dispatched
        self._attention_depth = 0
        self._known_depth = 0
        dispatched.when_outside_calls = self._compare_operation

    def __torch_function__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        name = call_name(func)
        if name in _SKIPPED:
            return func(*args, **kwargs)
        if name in CALL_FORMULAS:
            return self._compare(name, func, args, kwargs)
        if kind := ONE_LINE_CALLS.get(name):
            with self._dispatched.scope(name, kind, one_line=True) as scope:
                result = func(*args, **kwargs)
            self._dispatched.enter_call(scope, (args, kwargs), result)
            self._without_formula(scope)
            return result
        if inside := _without_question(func):
            with self:
                return inside(*args, **kwargs)
        with self._dispatched.scope(name) as scope:
            result = func(*args, **kwargs)
        self._without_formula(scope)
        return result

    def _compare_operation(self, name: str, args: tuple[Any, ...], dispatched: int) -> None:
        """An operation that no call of Python's asked for, by the formula for a call of its name."""
        if name not in CALL_FORMULAS:
            self.disagreements.append(
                f"{self._place}: {name} dispatched {dispatched:,} MACs outside any call that the account of "
                "calls has a formula for"
            )
            return
        expected = self._expected(name, args, {})
        self.macs += expected if isinstance(expected, int) else 0
        if expected != dispatched:
            self._disagree(name, expected, dispatched)

    def _compare(self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        expected = self._expected(name, args, kwargs)
        self._known_depth += 1
        try:
            scope, result = self._run(name, func, args, kwargs)
        finally:
            self._known_depth -= 1
        if self._known_depth == 0:
            self.macs += expected if isinstance(expected, int) else 0
        if expected != scope.macs:
            self._disagree(name, expected, scope.macs)
        return result

    def _run(
        self, name: str, func: Any, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[CallScope, Any]:
        one_line = ONE_LINE_CALLS.get(name)
        kind = one_line
        if self._attention_depth and name in PRODUCTS_OF_ATTENTION:
            kind = OperationKind.ATTENTION
        with self._dispatched.scope(name, kind, one_line=one_line is not None) as scope:
            inside = _without_question(func) if name == ATTENTION_BLOCK else None
            result = self._inside_attention(inside, args, kwargs) if inside else func(*args, **kwargs)
        if one_line is not None:
            self._dispatched.enter_call(scope, (args, kwargs), result)
        if name == "scaled_dot_product_attention":
            result = _laid_out_as_fused(result, args[0] if args else kwargs["query"])
        return scope, result

    def _inside_attention(
        self, func: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> Any:
        self._attention_depth += 1
        try:
            with self:
                return func(*args, **kwargs)
        finally:
            self._attention_depth -= 1

    def _expected(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> int | Exception:
        try:
            once = CALL_FORMULAS[name](*_first_by_place(args, kwargs), **_others(kwargs))
            return once * mapped_times((args, kwargs))
        # Arguments that no formula foresees are the account's fault, not the network's.
        except Exception as error:
            return error

    def _disagree(self, name: str, expected: int | Exception, dispatched: int) -> None:
        if isinstance(expected, Exception):
            ours = f"cannot be worked out from its arguments ({expected})"
        else:
            ours = f"needs {expected:,} MACs by its arguments"
        self.disagreements.append(f"{self._place}: {name} {ours}, {dispatched:,} were dispatched")

    def _without_formula(self, scope: CallScope) -> None:
        if scope.macs and self._known_depth == 0:
            self.disagreements.append(
                f"{self._place}: {scope.name} dispatched {scope.macs:,} MACs, and the account of calls has "
                "no formula for it"
            )

    @property
    def _place(self) -> str:
        return self._dispatched.module_path or "the network"


def _laid_out_as_fused(attended: Tensor, query: Tensor) -> Tensor:
    """On meta, the result's elements in the order of the query's, as the CPU's fused kernel leaves them.

    The mathematical form that meta takes puts them head by head, and where queries came token by token
    a copy would follow that no device makes.
    """
    return torch.empty_like(query) if attended.is_meta and attended.shape == query.shape else attended


_SKIPPED = frozenset({"__get__", "size", "dim", "stride", "numel", "is_contiguous", "__set__", "data_ptr"})
"""Questions about a tensor; asked often, and they compute nothing."""


def call_name(func: Any) -> str:
    """``matmul`` for ``torch.matmul``, ``torch.Tensor.matmul`` and ``torch.ops.aten.matmul`` alike."""
    if isinstance(func, torch._ops.OpOverload):
        func = func._overloadpacket
    if isinstance(func, torch._ops.OpOverloadPacket):
        name = str(func).removeprefix("aten.")
    else:
        name = getattr(func, "__name__", type(func).__name__).removeprefix("linalg_")
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name


def _first_by_place(args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    first = [kwargs[name] for name in ("input", "self") if name in kwargs]
    return (*first, *args)


def _others(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in kwargs.items() if name not in ("input", "self")}


def mapped_times(operands: Any) -> int:
    """How often ``torch.vmap`` repeats a call: what is mapped over is hidden from tensors' shapes."""
    sizes: dict[int, int] = {}
    functorch = torch._C._functorch
    for tensor in tree_leaves(operands):
        while isinstance(tensor, Tensor) and functorch.is_batchedtensor(tensor):
            inside = functorch.get_unwrapped(tensor)
            sizes[functorch.maybe_get_level(tensor)] = inside.shape[functorch.maybe_get_bdim(tensor)]
            tensor = inside
    return prod(sizes.values())


@functools.cache
def _without_question(func: Any) -> Callable[..., Any] | None:
    """A function of PyTorch's written in Python, which does not ask first whether someone listens.

    Such a function hands itself to the listener before it does anything; what it calls can be
    heard only in a copy that goes on. None for a function that does not ask.
    """
    if not isinstance(func, FunctionType) or func.__module__ not in _WRITTEN_IN_PYTHON:
        return None
    if not set(_ASKS_WHO_LISTENS) & set(func.__code__.co_names):
        return None
    names = dict(func.__globals__)
    names.update(dict.fromkeys(_ASKS_WHO_LISTENS, _nobody_listens))
    copy = FunctionType(func.__code__, names, func.__name__, func.__defaults__, func.__closure__)
    copy.__kwdefaults__ = func.__kwdefaults__
    return copy


def _nobody_listens(*_: Any) -> bool:
    return False
