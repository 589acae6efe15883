from __future__ import annotations

import torch

from epam_bench.conformance import CASES
from epam_bench.conformance.case import Computes, WithWeight, drawn

GROUPS = {"convolution", "matrix product", "attention", "recurrent", "structure"}


def test_every_group_is_there_and_every_name_once() -> None:
    assert {case.group for case in CASES} == GROUPS
    assert len({case.name for case in CASES}) == len(CASES) >= 60


def test_every_case_runs_says_its_working_and_draws_the_same_twice() -> None:
    for case in CASES:
        torch.manual_seed(0)
        first, named = case.args(), case.kwargs()
        assert case.working, case.name
        assert case.truth >= 0, case.name
        with torch.no_grad():
            case.build().eval()(*first, **named)
        torch.manual_seed(0)
        again = case.args()
        assert all(
            torch.equal(a, b) for a, b in zip(first, again, strict=True) if isinstance(a, torch.Tensor)
        )


def test_helpers_are_what_they_say() -> None:
    x, y = drawn((2, 3), (3, 4))()
    assert torch.equal(Computes(torch.mm)(x, y), x @ y)
    layer = WithWeight((3, 4), lambda weight, x: x @ weight)
    assert torch.equal(layer(x), x @ layer.weight)
    assert [name for name, _ in layer.named_parameters()] == ["weight"]
