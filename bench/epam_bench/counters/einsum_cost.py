"""Multiply-adds of an einsum, from its equation and the sizes of its operands."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

import torch
from torch import Tensor

Sizes = dict[str, int]
"""Size of each axis of an operand by its letter; axes of an ellipsis have letters of their own."""

_SPARE = [chr(code) for code in range(0x3B1, 0x3B1 + 24)]
"""Letters for the axes of an ellipsis: Greek, as equations use Latin ones."""


def einsum_macs(equation: str, *tensors: Any, **_: Any) -> int:
    """What ``torch.einsum(equation, *tensors)`` multiplies: pair after pair, in the order that PyTorch takes.

    An axis that only one operand has, and that is not in the result, is summed before it is
    multiplied. A product over no axis counts one multiply-add for each element.
    """
    # PyTorch puts the form with lists of axes into letters before it asks who listens.
    operands: Sequence[Tensor] = tensors[0] if isinstance(tensors[0], list | tuple) else tensors
    equation = equation.replace(" ", "")
    inputs, result = _read(equation, operands)
    total = 0
    for left, right in _order(equation, operands):
        first, second = inputs.pop(max(left, right)), inputs.pop(min(left, right))
        needed = {letter for sizes in inputs for letter in sizes} | set(result)
        macs, joined = _pair(first, second, needed)
        total += macs
        # PyTorch's default order goes on with the product; a planned one puts it last.
        inputs.insert(0 if (left, right) == (0, 1) and not _planned(operands) else len(inputs), joined)
    return total


def _pair(first: Sizes, second: Sizes, needed: set[str]) -> tuple[int, Sizes]:
    """Cost of one product, and the axes of what comes out."""
    multiplied: Sizes = {}
    for letter in {**first, **second}:
        sizes = (first.get(letter, 1), second.get(letter, 1))
        # An axis of size 1 is as good as none.
        if letter in needed or min(sizes) > 1:
            multiplied[letter] = max(sizes)
    kept = {letter: size for letter, size in multiplied.items() if letter in needed}
    return prod(multiplied.values()), kept


def _read(equation: str, operands: Sequence[Tensor]) -> tuple[list[Sizes], str]:
    """Axes of each operand by letter, and the letters of the result."""
    left, arrow, result = equation.partition("->")
    terms = left.split(",")
    spare = max(
        (operand.dim() - len(term.replace("...", "")) for term, operand in zip(terms, operands, strict=True)),
        default=0,
    )
    inputs: list[Sizes] = []
    for term, operand in zip(terms, operands, strict=True):
        own = operand.dim() - len(term.replace("...", ""))
        letters = term.replace("...", "".join(_SPARE[spare - own : spare]))
        inputs.append(dict(zip(letters, operand.shape, strict=True)))
    if arrow:
        return inputs, result.replace("...", "".join(_SPARE[:spare]))
    once = sorted(letter for letter in set(left) - set(",.") if left.count(letter) == 1)
    return inputs, "".join([*_SPARE[:spare], *once])


def _planned(operands: Sequence[Tensor]) -> bool:
    """Whether PyTorch asks opt_einsum for an order; with two operands there is none to ask for."""
    backend = torch.backends.opt_einsum
    return len(operands) > 2 and backend.enabled and backend.is_available()


def _order(equation: str, operands: Sequence[Tensor]) -> list[tuple[int, int]]:
    """Which two of the operands that are left are multiplied, step by step."""
    if not _planned(operands):
        return [(0, 1)] * (len(operands) - 1)
    planner = torch.backends.opt_einsum.get_opt_einsum()
    path, _ = planner.contract_path(
        equation, *operands, optimize=torch.backends.opt_einsum.strategy or "auto"
    )
    return [(step[0], step[1]) for step in path]
