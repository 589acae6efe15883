from __future__ import annotations

import torch
from torch import nn

from epam_bench.timing.weights import build_lively, draw_norms


def test_same_seed_gives_the_same_network_and_leaves_the_generator_alone(tiny_spec) -> None:
    before = torch.get_rng_state()
    first, second = (build_lively(tiny_spec()) for _ in range(2))
    assert torch.equal(torch.get_rng_state(), before)
    for name, value in first.state_dict().items():
        assert torch.equal(value, second.state_dict()[name])
    assert not first.training


def test_no_norm_is_left_as_it_was_and_no_gain_at_zero() -> None:
    net = nn.Sequential(
        nn.BatchNorm2d(5), nn.LayerNorm(4), nn.GroupNorm(2, 4), nn.BatchNorm1d(3, affine=False)
    )
    net.register_parameter("gate", nn.Parameter(torch.zeros(2)))
    nn.init.zeros_(net[0].weight)  # type: ignore[arg-type]
    with torch.no_grad():
        draw_norms(net)
    assert net.gate.abs().min() > 0  # type: ignore[operator]
    for norm in net:
        if norm.weight is not None:
            assert 0.5 <= norm.weight.min() <= norm.weight.max() <= 1.5  # type: ignore[operator,union-attr]
            assert len(norm.weight.unique()) > 1  # type: ignore[operator]
    assert net[3].running_var.std() > 0  # type: ignore[operator,union-attr]
