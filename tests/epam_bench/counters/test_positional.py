from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from epam_bench.counters import CounterError
from epam_bench.counters.positional import own_path, positional


@dataclass
class Scores:
    """An output of the network's own class."""

    rgb: Tensor
    label: str


class Takes(nn.Module):
    def forward(self, batch: dict[str, Any], *, scale: float, more: list[Tensor]) -> Any:
        total = batch["x"] * scale + sum(more)
        return {"total": total, "own": Scores(rgb=total + 1, label="no tensor"), "none": None}


def test_tensors_in_a_row_reach_the_network_as_it_takes_them() -> None:
    x, first, second = torch.ones(2), torch.full((2,), 10.0), torch.full((2,), 100.0)
    wrapper = positional(Takes(), ({"x": x, "name": "clip"},), {"scale": 3.0, "more": [first, second]})
    assert len(wrapper.tensors) == 3
    total, own = wrapper(*wrapper.tensors)
    assert total.tolist() == [113.0, 113.0]
    assert own.tolist() == [114.0, 114.0]
    assert wrapper(x, first, first)[0].tolist() == [23.0, 23.0]


def test_a_network_without_a_tensor_among_its_inputs_is_refused() -> None:
    with pytest.raises(CounterError, match="no tensor"):
        positional(Takes(), ("text",), None)


def test_paths_lose_the_wrapper() -> None:
    assert [own_path(path) for path in ("", "network", "network.stem.conv", "networks")] == [
        None,
        "",
        "stem.conv",
        None,
    ]
