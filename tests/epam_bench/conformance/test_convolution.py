"""The truths again, from what the layers give and hold rather than from their options."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from epam_bench.conformance.convolution import CASES

LAYERS = [case for case in CASES if isinstance(case.build(), nn.modules.conv._ConvNd)]


def test_most_cases_are_one_layer() -> None:
    assert len(LAYERS) >= 20


@pytest.mark.parametrize("case", LAYERS, ids=lambda case: case.name)
def test_each_output_is_a_filter_long_and_each_input_of_a_transposed_one(case) -> None:
    layer, (x,) = case.build(), case.args()
    many = x if layer.transposed else layer(x)
    assert case.truth == many.numel() * layer.weight[0].numel()


def test_a_convolution_multiplied_out_by_loops() -> None:
    case = next(case for case in CASES if case.name == "2-D convolution, dilated")
    layer, (x,) = case.build(), case.args()
    multiplied = 0
    out = torch.zeros(3, 5, 4)
    for filter_ in range(3):
        for row in range(5):
            for column in range(4):
                for channel in range(2):
                    for i in range(3):
                        for j in range(3):
                            seen = x[0, channel, row + 2 * i, column + 2 * j]
                            out[filter_, row, column] += seen * layer.weight[filter_, channel, i, j]
                            multiplied += 1
    assert torch.allclose(out + layer.bias[:, None, None], layer(x)[0], atol=1e-5)
    assert case.truth == multiplied
