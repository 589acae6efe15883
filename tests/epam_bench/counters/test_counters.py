from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import epam
from epam.checkpoints import hash_weights
from epam.errors import UnknownNameError
from epam_baselines import create_model, example_inputs, model_spec
from epam_bench.counters import COUNTERS, CounterError, get_counter
from epam_bench.counters.replica import meta_replica


class OwnLinear(nn.Linear):
    """A subclass: counters that match exact types do not know it."""


class Functional(nn.Module):
    """(N, 4) → (N, 5) by a linear layer called as a function: 20 MACs a row."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(5, 4))

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.linear(x, self.weight)


class FusedAttention(nn.Module):
    """(N, 6, 4) → the same: two products of 6 · 6 · 4 MACs each."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.scaled_dot_product_attention(x, x, x)


@pytest.mark.parametrize("name", list(COUNTERS))
@pytest.mark.parametrize(
    ("layer", "shape", "macs"),
    [
        (nn.Linear(4, 5), (2, 4), 2 * 4 * 5),
        (nn.Conv2d(2, 3, 3, padding=1, bias=False), (1, 2, 5, 7), 35 * 3 * 2 * 9),
        (nn.Conv3d(4, 4, 3, padding=1, groups=4, bias=False), (1, 4, 2, 3, 5), 30 * 4 * 27),
    ],
    ids=["linear", "conv", "depthwise 3-D"],
)
def test_plain_layers_are_counted_alike_by_all(name: str, layer: nn.Module, shape, macs: int) -> None:
    assert COUNTERS[name].count(layer, (torch.zeros(shape),)).macs == macs


def test_torch_counter_sees_fused_attention_that_the_cpu_hides() -> None:
    assert COUNTERS["torch"].count(FusedAttention(), (torch.zeros(1, 6, 4),)).macs == 2 * 6 * 6 * 4


def test_fvcore_names_the_attention_that_it_cannot_count() -> None:
    count = COUNTERS["fvcore"].count(FusedAttention(), (torch.zeros(1, 6, 4),))
    assert count.macs == 0
    assert count.uncounted == {"scaled_dot_product_attention": 1}


@pytest.mark.parametrize(
    ("module", "macs"), [(OwnLinear(4, 5), 20), (Functional(), 20)], ids=["subclass", "functional"]
)
def test_thop_names_what_it_does_not_see_and_how_much_that_is(module: nn.Module, macs: int) -> None:
    model = nn.Sequential(nn.ModuleDict({"known": nn.Linear(4, 4)})["known"], module)
    count = COUNTERS["thop"].count(model, (torch.zeros(1, 4),))
    assert count.macs == 16
    what = f"operations inside {type(module).__name__}"
    assert count.uncounted == {what: 1}
    assert count.caveats == (f"thop does not see {macs / 1e9:.3f} G MACs of {what}",)


def test_thop_finds_layers_inside_containers_that_are_never_called() -> None:
    class Listed(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layers = nn.ModuleList([nn.Linear(4, 4), nn.Linear(4, 4)])

        def forward(self, x: Tensor) -> Tensor:
            for layer in self.layers:
                x = layer(x)
            return x

    count = COUNTERS["thop"].count(Listed(), (torch.zeros(1, 4),))
    assert count.macs == 32
    assert count.by_operation == {"Linear": 32}
    assert count.uncounted == {}


def test_torch_counter_names_operations_without_a_rule() -> None:
    count = COUNTERS["torch"].count(
        nn.Sequential(nn.Linear(4, 4), nn.ReLU(), nn.ReLU()), (torch.zeros(1, 4),)
    )
    assert count.uncounted == {"relu": 2}


def test_split_by_module_includes_a_modules_parts() -> None:
    model = nn.Sequential(nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 2)), nn.Linear(2, 1))
    by_module = COUNTERS["torch"].count(model, (torch.zeros(1, 4),)).by_module
    assert by_module == {"": 26, "0": 24, "0.0": 16, "0.1": 8, "1": 2}
    fvcore = COUNTERS["fvcore"].count(model, (torch.zeros(1, 4),)).by_module
    assert fvcore == by_module


@pytest.mark.parametrize(
    ("name", "gmacs"),
    # model.md: 7.618 by convolutions and linear layers, 7.939 by fvcore. Of the 0.1603 G normalised
    # elements fvcore 0.1.5 counts each twice and thop 0.1.1 four times: 7.618 + 0.321 and + 0.641.
    [("consensus", 7.618), ("torch", 7.618), ("fvcore", 7.939), ("thop", 8.259)],
)
def test_epam_net_counts_are_those_of_the_reference(name: str, gmacs: float) -> None:
    spec = model_spec("epam_net")
    with torch.random.fork_rng(devices=[]):
        model = create_model("epam_net")
    count = COUNTERS[name].count(model, example_inputs(spec))
    assert count.macs / 1e9 == pytest.approx(gmacs, rel=5e-3)
    assert sum(count.by_operation.values()) == count.macs


@pytest.mark.parametrize("name", list(COUNTERS))
def test_network_is_bit_equal_afterwards(name: str) -> None:
    model = epam.EPAMNet(5).train()
    model.pose_backbone.eval()
    modes = [part.training for part in model.modules()]
    before, keys = hash_weights(model.state_dict()), list(model.state_dict())
    attributes = [sorted(vars(part)) for part in model.modules()]
    random = torch.get_rng_state()

    COUNTERS[name].count(model, (torch.zeros(1, 3, 1, 32, 32), torch.zeros(1, 17, 3, 8, 8)))

    assert hash_weights(model.state_dict()) == before
    assert list(model.state_dict()) == keys
    assert [part.training for part in model.modules()] == modes
    assert [sorted(vars(part)) for part in model.modules()] == attributes
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in model.modules())
    assert torch.equal(torch.get_rng_state(), random)
    assert all(p.requires_grad and p.grad is None for p in model.parameters())


@pytest.mark.parametrize("name", list(COUNTERS))
def test_network_is_bit_equal_after_a_failure_too(name: str) -> None:
    model = epam.x_shiftnet_pose(3).train()
    before, keys = hash_weights(model.state_dict()), list(model.state_dict())
    with pytest.raises(ValueError, match="divisible by 8"):
        COUNTERS[name].count(model, (torch.zeros(1, 17, 1, 12, 8),))
    assert hash_weights(model.state_dict()) == before
    assert list(model.state_dict()) == keys
    assert all(part.training for part in model.modules())


def test_replica_holds_no_weights_and_shares_what_was_shared() -> None:
    layer = nn.Linear(3, 3)
    replica = meta_replica(nn.Sequential(layer, layer))
    assert all(p.is_meta for p in replica.parameters())
    assert len(list(replica.parameters())) == 2
    assert not replica.training


class Named(nn.Module):
    """``{"rows": (N, 4)}`` and a list by keyword → a dictionary; 20 MACs a row, 10 more each."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.Linear(4, 5, bias=False), nn.Linear(5, 2, bias=False)

    def forward(self, batch: dict[str, Tensor], *, more: list[Tensor], scale: float) -> dict[str, Tensor]:
        return {"out": self.second(self.first(batch["rows"]) + scale * sum(more))}


@pytest.mark.parametrize("name", list(COUNTERS))
def test_inputs_by_keyword_and_in_dictionaries_are_counted(name: str) -> None:
    model, more = Named(), [torch.zeros(2, 5), torch.zeros(2, 5)]
    count = COUNTERS[name].count(model, ({"rows": torch.zeros(2, 4)},), {"more": more, "scale": 0.5})
    assert count.macs == 2 * (20 + 10)
    if name in ("torch", "fvcore"):
        assert count.by_module == {"": 60, "first": 40, "second": 20}


def test_thop_says_that_it_cannot_read_layers_called_by_keyword() -> None:
    class ByKeyword(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.pool = nn.AdaptiveAvgPool1d(2)

        def forward(self, x: Tensor) -> Tensor:
            return self.pool(input=x)

    with pytest.raises(CounterError, match="first positional input"):
        COUNTERS["thop"].count(ByKeyword(), (torch.zeros(1, 3, 4),))


@pytest.mark.parametrize("name", list(COUNTERS))
def test_a_networks_own_failure_is_not_blamed_on_the_counter(name: str) -> None:
    class Broken(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            raise IndexError("the network's own")

    with pytest.raises(IndexError, match="the network's own"):
        COUNTERS[name].count(Broken(), (torch.zeros(1, 4),))


def test_unknown_counter_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'fvcore'"):
        get_counter("fvcor")


@pytest.mark.parametrize("name", COUNTERS)
def test_a_network_without_a_product_has_no_macs(name: str) -> None:
    assert get_counter(name).count(nn.Flatten(), (torch.zeros(2, 3, 4),)).macs == 0
