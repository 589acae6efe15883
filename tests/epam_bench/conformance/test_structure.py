"""The truths again: every call of every layer, watched while the network runs."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from epam_bench.conformance.structure import CASES

BY_NAME = {case.name: case for case in CASES}
# A mapped layer sees one frame at a time.
WITHOUT_LAYERS = {"layers called as functions", "a layer mapped over frames"}


def watched(model: nn.Module, args: tuple[object, ...], kwargs: dict[str, object]) -> int:
    """Results of every layer's every call, each a filter long."""
    total = 0

    def note(layer: nn.Module, _: object, result: Tensor) -> None:
        nonlocal total
        total += result.numel() * layer.weight[0].numel()

    for part in model.modules():
        if isinstance(part, nn.Linear | nn.modules.conv._ConvNd):
            part.register_forward_hook(note)
    with torch.no_grad():
        model.eval()(*args, **kwargs)
    return total


@pytest.mark.parametrize(
    "case", [case for case in CASES if case.name not in WITHOUT_LAYERS], ids=lambda c: c.name
)
def test_layers_give_so_many_results_each_a_filter_long(case) -> None:
    assert case.truth == watched(case.build(), case.args(), dict(case.kwargs()))


def test_the_papers_block_squeezes_once_a_clip() -> None:
    block = BY_NAME["the paper's block"].build().block
    results = []
    block.se_module.fc1.register_forward_hook(lambda _, __, result: results.append(result.shape))
    block(torch.randn(4, 8, 6, 6), 2)
    assert [tuple(shape) for shape in results] == [(2, 8, 1, 1)]


def test_branches_are_taken_as_the_working_says() -> None:
    shape, value = BY_NAME["a branch on the input's shape"], BY_NAME["a branch on the input's value"]
    assert shape.build()(*shape.args()).shape == (1, 4, 5)
    assert value.build()(*value.args()).shape == (2, 6)
