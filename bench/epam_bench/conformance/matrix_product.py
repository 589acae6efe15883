"""Matrix products: rows × columns × what is summed over, however the product is written."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from epam_bench.conformance.case import Arguments, Case, Computes, WithWeight, drawn

GROUP = "matrix product"


class OwnLinear(nn.Linear):
    """A subclass: counters that match exact types do not know it."""


class Adjacency(nn.Module):
    """A skeleton's neighbours, held in a buffer, applied to each frame."""

    adjacency: Tensor

    def __init__(self, joints: int) -> None:
        super().__init__()
        self.register_buffer("adjacency", torch.eye(joints))

    def forward(self, x: Tensor) -> Tensor:
        """``(N, C, T, V) → (N, C, T, V)``."""
        return x @ self.adjacency


def _einsum(equation: str) -> Callable[[], nn.Module]:
    return lambda: Computes(lambda *operands: torch.einsum(equation, *operands))


def _computes(function: Callable[..., Tensor]) -> Callable[[], nn.Module]:
    return lambda: Computes(function)


def _case(
    name: str, build: Callable[[], nn.Module], args: Callable[[], Arguments], truth: int, working: str
) -> Case:
    return Case(name=name, group=GROUP, build=build, args=args, truth=truth, working=working)


CASES = (
    _case("linear", lambda: nn.Linear(6, 4), drawn((3, 6)), 3 * 4 * 6, "3 rows × 4 outputs × 6 inputs"),
    _case(
        "linear on tokens of clips",
        lambda: nn.Linear(5, 7, bias=False),
        drawn((2, 3, 4, 5)),
        (2 * 3 * 4) * 7 * 5,
        "2·3·4 tokens × 7 outputs × 5 inputs",
    ),
    _case(
        "linear on one row without a batch",
        lambda: nn.Linear(8, 3),
        drawn((8,)),
        3 * 8,
        "3 outputs × 8 inputs",
    ),
    _case(
        "linear of a subclass",
        lambda: OwnLinear(4, 5),
        drawn((2, 4)),
        2 * 5 * 4,
        "2 rows × 5 outputs × 4 inputs",
    ),
    _case(
        "linear in half precision",
        lambda: nn.Linear(6, 4).to(torch.bfloat16),
        lambda: (torch.randn(3, 6, dtype=torch.bfloat16),),
        3 * 4 * 6,
        "3 rows × 4 outputs × 6 inputs, whatever the precision",
    ),
    _case(
        "linear called as a function",
        lambda: WithWeight((5, 4), lambda weight, x: F.linear(x, weight)),
        drawn((3, 4)),
        3 * 5 * 4,
        "3 rows × 5 outputs × 4 inputs",
    ),
    _case(
        "x @ parameter",
        lambda: WithWeight((4, 6), lambda weight, x: x @ weight),
        drawn((3, 4)),
        3 * 6 * 4,
        "3 rows × 6 columns × 4",
    ),
    _case(
        "parameter @ x",
        lambda: WithWeight((5, 4), lambda weight, x: weight @ x),
        drawn((2, 4, 3)),
        2 * 5 * 3 * 4,
        "2 × 5 rows × 3 columns × 4",
    ),
    _case(
        "x @ buffer: a graph's neighbours",
        lambda: Adjacency(5),
        drawn((2, 3, 4, 5)),
        (2 * 3 * 4) * 5 * 5,
        "2·3·4 rows × 5 joints × 5 joints",
    ),
    _case(
        "matmul of two matrices",
        _computes(torch.matmul),
        drawn((3, 5), (5, 2)),
        3 * 2 * 5,
        "3 rows × 2 columns × 5",
    ),
    _case(
        "matmul that broadcasts both batches",
        _computes(torch.matmul),
        drawn((2, 1, 3, 4), (5, 4, 6)),
        (2 * 5) * 3 * 6 * 4,
        "2·5 pairs × 3 rows × 6 columns × 4",
    ),
    _case(
        "matmul of two rows of numbers",
        _computes(torch.matmul),
        drawn((7,), (7,)),
        7,
        "one sum of 7 products",
    ),
    _case(
        "matmul of a row and matrices",
        _computes(torch.matmul),
        drawn((4,), (3, 4, 5)),
        3 * 5 * 4,
        "3 × 5 columns × 4",
    ),
    _case("mv", _computes(torch.mv), drawn((3, 6), (6,)), 3 * 6, "3 rows × 6"),
    _case("dot", _computes(torch.dot), drawn((9,), (9,)), 9, "one sum of 9 products"),
    _case("bmm", _computes(torch.bmm), drawn((4, 2, 3), (4, 3, 5)), 4 * 2 * 5 * 3, "4 × 2 × 5 × 3"),
    _case(
        "baddbmm",
        _computes(torch.baddbmm),
        drawn((2, 3, 5), (2, 3, 4), (2, 4, 5)),
        2 * 3 * 5 * 4,
        "2 × 3 rows × 5 columns × 4",
    ),
    _case(
        "addbmm",
        _computes(torch.addbmm),
        drawn((3, 5), (2, 3, 4), (2, 4, 5)),
        2 * 3 * 5 * 4,
        "2 × 3 rows × 5 columns × 4; adding the products up multiplies nothing",
    ),
    _case(
        "inner product over the last axes",
        _computes(torch.inner),
        drawn((2, 3, 4), (5, 4)),
        (2 * 3) * 5 * 4,
        "2·3 rows × 5 rows × 4",
    ),
    _case(
        "addmm",
        _computes(torch.addmm),
        drawn((5,), (3, 4), (4, 5)),
        3 * 5 * 4,
        "3 rows × 5 columns × 4",
    ),
    _case("addmv", _computes(torch.addmv), drawn((3,), (3, 4), (4,)), 3 * 4, "3 rows × 4"),
    _case(
        "tensordot over two axes",
        _computes(lambda a, b: torch.tensordot(a, b, dims=([1, 2], [0, 1]))),
        drawn((2, 3, 4), (3, 4, 5)),
        2 * 5 * (3 * 4),
        "2 rows × 5 columns × 3·4",
    ),
    _case(
        "einsum: graph convolution",
        _einsum("nctv,vw->nctw"),
        drawn((2, 3, 4, 5), (5, 5)),
        (2 * 3 * 4) * 5 * 5,
        "2·3·4 × 5 joints × 5 joints",
    ),
    _case(
        "einsum: graph convolution over three neighbourhoods",
        _einsum("nkctv,kvw->nctw"),
        drawn((2, 3, 4, 5, 6), (3, 6, 6)),
        (2 * 4 * 5) * 6 * (3 * 6),
        "2·4·5 × 6 joints × (3 neighbourhoods · 6 joints)",
    ),
    _case(
        "einsum: queries against keys",
        _einsum("bhqd,bhkd->bhqk"),
        drawn((2, 2, 3, 4), (2, 2, 5, 4)),
        (2 * 2) * 3 * 5 * 4,
        "2·2 × 3 queries × 5 keys × 4",
    ),
    _case(
        "einsum: one dot product a row",
        _einsum("bi,bi->b"),
        drawn((3, 6), (3, 6)),
        3 * 6,
        "3 rows × 6",
    ),
    _case(
        "einsum: any leading axes",
        _einsum("...i,ij->...j"),
        drawn((2, 3, 4), (4, 5)),
        (2 * 3) * 5 * 4,
        "2·3 rows × 5 columns × 4",
    ),
    _case(
        "convolution as unfolded patches times a matrix",
        lambda: WithWeight((4, 2 * 3 * 3), lambda weight, x: weight @ F.unfold(x, 3)),
        drawn((1, 2, 5, 6)),
        4 * (3 * 4) * (2 * 3 * 3),
        "4 filters × 3·4 places × 2·3·3; gathering patches multiplies nothing",
    ),
)
