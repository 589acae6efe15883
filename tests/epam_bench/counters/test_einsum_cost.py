from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from epam_bench.counters import COUNTERS
from epam_bench.counters.einsum_cost import einsum_macs


@pytest.mark.parametrize(
    ("equation", "shapes", "macs"),
    [
        ("ij,jk->ik", [(2, 3), (3, 5)], 2 * 5 * 3),
        ("ij,jk", [(2, 3), (3, 5)], 2 * 5 * 3),
        ("nctv,vw->nctw", [(2, 3, 4, 5), (5, 6)], 2 * 3 * 4 * 5 * 6),
        ("...ij,...jk->...ik", [(7, 1, 2, 3), (4, 3, 5)], 7 * 4 * 2 * 5 * 3),
        ("ij,kj->", [(2, 3), (4, 3)], 3),  # i and k are summed before anything is multiplied
        ("ij,jk->k", [(2, 3), (3, 5)], 5 * 3),  # i is summed first
        ("i,j->ij", [(4,), (3,)], 12),  # nothing is summed: a product an element
        ("bi,bi->b", [(2, 3), (2, 3)], 6),
        ("ii->i", [(3, 3)], 0),
        ("ij->i", [(2, 3)], 0),
        ("ij,jk->ik", [(2, 1), (3, 5)], 2 * 5),  # an axis of one is summed in the other alone
        ("iij,jk->ik", [(2, 2, 3), (3, 5)], 2 * 5 * 3),
        # From left to right, though the other way round is cheaper.
        ("ab,bc,cd->ad", [(10, 3), (3, 10), (10, 1)], 10 * 3 * 10 + 10 * 10 * 1),
        ("ab,bc,cd,d->a", [(2, 3), (3, 4), (4, 5), (5,)], 2 * 3 * 4 + 2 * 4 * 5 + 2 * 5),
    ],
)
def test_multiply_adds_of_an_equation(
    equation: str, shapes: list[tuple[int, ...]], macs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.backends.opt_einsum, "enabled", False)
    operands = [torch.empty(shape, device="meta") for shape in shapes]
    assert einsum_macs(equation, *operands) == macs
    assert einsum_macs(equation, operands) == macs


class Chain(torch.nn.Module):
    def forward(self, *operands: torch.Tensor) -> torch.Tensor:
        return torch.einsum("ab,bc,cd,de->ae", *operands)


@pytest.mark.parametrize(
    ("path", "macs"),
    [
        ([(0, 1), (0, 1), (0, 1)], 10 * 3 * 5 + 5 * 1 * 2 + 10 * 5 * 2),  # AB, CD, then one by the other
        ([(2, 3), (1, 2), (0, 1)], 5 * 1 * 2 + 3 * 5 * 2 + 10 * 3 * 2),  # CD, B · CD, A · BCD
    ],
)
def test_a_planned_order_is_the_one_that_pytorch_takes(
    path: list[tuple[int, int]], macs: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With opt_einsum installed PyTorch asks it for an order; a product goes to the end of what is left."""
    planner = SimpleNamespace(contract_path=lambda *_, **__: (path, None))
    monkeypatch.setattr(torch.backends.opt_einsum, "is_available", lambda: True)
    monkeypatch.setattr(torch.backends.opt_einsum, "get_opt_einsum", lambda: planner)
    monkeypatch.setattr(torch.backends.opt_einsum, "enabled", True)
    operands = [torch.zeros(shape) for shape in ((10, 3), (3, 5), (5, 1), (1, 2))]
    counted = COUNTERS["consensus"].count(Chain(), tuple(operands))
    assert (counted.macs, counted.disagreements) == (macs, ())
