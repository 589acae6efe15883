"""The truths again: all indices of an einsum, or results times what each sums over."""

from __future__ import annotations

import math

import pytest
import torch

from epam_bench.conformance.matrix_product import CASES

BY_NAME = {case.name: case for case in CASES}

EQUATIONS = {
    "einsum: graph convolution": "nctv,vw",
    "einsum: graph convolution over three neighbourhoods": "nkctv,kvw",
    "einsum: queries against keys": "bhqd,bhkd",
    "einsum: one dot product a row": "bi,bi",
    "matmul of two matrices": "ij,jk",
    "matmul of two rows of numbers": "i,i",
    "matmul of a row and matrices": "j,bjk",
    "mv": "ij,j",
    "dot": "i,i",
    "bmm": "bij,bjk",
    "addbmm": "ij,bik,bkj",
    "tensordot over two axes": "iab,abj",
}


@pytest.mark.parametrize("name", EQUATIONS)
def test_a_product_multiplies_once_for_every_value_of_all_its_indices(name: str) -> None:
    sizes: dict[str, int] = {}
    for labels, operand in zip(EQUATIONS[name].split(","), BY_NAME[name].args(), strict=True):
        assert len(labels) == operand.dim()
        sizes |= dict(zip(labels, operand.shape, strict=True))
    assert BY_NAME[name].truth == math.prod(sizes.values())


@pytest.mark.parametrize(
    ("name", "summed"),
    [
        ("linear", 6),
        ("linear on tokens of clips", 5),
        ("parameter @ x", 4),
        ("x @ parameter", 4),
        ("matmul that broadcasts both batches", 4),
        ("linear in half precision", 6),
        ("inner product over the last axes", 4),
        ("baddbmm", 4),
        ("addmm", 4),
        ("addmv", 4),
        ("convolution as unfolded patches times a matrix", 18),
    ],
)
def test_every_result_is_a_sum_of_so_many_products(name: str, summed: int) -> None:
    case = BY_NAME[name]
    assert case.truth == case.build()(*case.args()).numel() * summed


def test_a_broadcast_product_multiplied_out_by_loops() -> None:
    case = BY_NAME["matmul that broadcasts both batches"]
    a, b = case.args()
    multiplied = sum(
        a[i, 0, row].numel() for i in range(2) for _ in range(5) for row in range(3) for _ in range(6)
    )
    assert (a @ b).shape == torch.Size((2, 5, 3, 6))
    assert case.truth == multiplied
