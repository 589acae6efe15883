from __future__ import annotations

import threading
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from epam.errors import InputError
from epam_bench.counters import COUNTERS, Count, WeightsNeededError
from epam_bench.counters.replica import Replica, count_replica, meta_inputs, meta_replica, on_meta


class Holder(nn.Module):
    """Tensors everywhere that a network can hold them."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 3)
        self.register_buffer("steps", torch.zeros(()))
        self.plain = torch.ones(3)
        self.listed = [torch.ones(3), {"deep": 2 * self.layer.bias}]

    def forward(self, x: Tensor) -> Tensor:
        return self.layer(x) + self.plain + self.listed[0] + self.listed[1]["deep"] + self.steps


def test_every_tensor_of_a_replica_is_on_meta_and_none_of_the_networks() -> None:
    network = Holder().train()
    replica = meta_replica(network)
    assert not replica.training
    assert network.training
    held = [replica.layer.weight, replica.steps, replica.plain, replica.listed[0], replica.listed[1]["deep"]]
    assert all(tensor.is_meta for tensor in held)
    assert replica(torch.empty(2, 3, device="meta")).shape == (2, 3)
    assert not on_meta(network)
    assert on_meta(replica)


def test_inputs_keep_shape_type_and_place() -> None:
    inputs = meta_inputs(({"clip": torch.zeros(2, 3, dtype=torch.float16)}, [torch.zeros(1), "text", None]))
    assert inputs[0]["clip"].is_meta
    assert inputs[0]["clip"].dtype is torch.float16
    assert inputs[1][0].shape == (1,)
    assert inputs[1][1:] == ["text", None]


def _run(replica: Replica) -> Count:
    replica.model(*replica.args, **replica.kwargs)
    return Count(macs=int(not on_meta(replica.model)), by_operation={})


class Asks(nn.Linear):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x if x.sum() > 0 else -x)


def test_shapes_first_and_a_real_run_only_if_they_are_not_enough() -> None:
    x = torch.ones(1, 3)
    assert count_replica(_run, nn.Linear(3, 2), (x,), {}) == Count(macs=0, by_operation={})
    real = count_replica(_run, Asks(3, 2), (x,), {})
    assert real.macs == 1
    assert real.caveats[-1].endswith("counted in one real run on the CPU")
    with pytest.raises(WeightsNeededError, match="Asks cannot run without values"):
        count_replica(_run, Asks(3, 2, device="meta"), (x,), {})


def test_a_refused_input_is_not_tried_again() -> None:
    runs: list[bool] = []

    class Refuses(nn.Linear):
        def forward(self, x: Tensor) -> Tensor:
            runs.append(x.is_meta)
            raise InputError("5 frames; give 8")

    with pytest.raises(InputError, match="give 8"):
        count_replica(_run, Refuses(3, 2), (torch.ones(1, 3),), {})
    assert runs == [True]


def test_asked_for_a_device_the_replica_runs_there() -> None:
    assert count_replica(_run, nn.Linear(3, 2), (torch.ones(1, 3),), {}, "cpu").macs == 1


class CallsWhatAFunctionHolds(nn.Module):
    """Its layers run from a lambda: a copy of the network calls the layers of the network itself."""

    def __init__(self) -> None:
        super().__init__()
        self.norm, self.layer = norm, layer = nn.BatchNorm1d(3), nn.Linear(3, 2)
        self.function = lambda x: layer(norm(x))

    def forward(self, x: Tensor) -> Tensor:
        return self.function(x)


@pytest.mark.parametrize("counter", COUNTERS.values(), ids=COUNTERS)
def test_layers_that_only_a_function_holds_learn_nothing_from_being_counted(counter) -> None:
    network = CallsWhatAFunctionHolds().train()
    network.layer.eval()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    versions = [buffer._version for buffer in network.buffers()]
    counter.count(network, (torch.randn(5, 3),))
    assert [module.training for module in network.modules()] == [True, True, False]
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert [buffer._version for buffer in network.buffers()] == versions


class TakesNeighbours(nn.Linear):
    """Rows mixed by a sparse matrix, kept row by row."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.register_buffer("neighbours", torch.eye(4).to_sparse_csr())

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(self.neighbours @ x)


@pytest.mark.filterwarnings("ignore:Sparse CSR tensor support")
def test_a_sparse_buffer_is_copied_and_its_product_counts_as_it_is_shaped() -> None:
    count = COUNTERS["consensus"].count(TakesNeighbours(), (torch.randn(4, 3),))
    assert count.macs == 4 * 4 * 3 + 4 * 3 * 2


@pytest.mark.parametrize("device", ["meta", "cpu"])
@pytest.mark.parametrize("layer", [nn.LazyLinear, nn.LazyBatchNorm1d])
def test_layers_without_sizes_stay_without(layer: type, device: str) -> None:
    lazy = layer(2) if layer is nn.LazyLinear else layer()
    count = COUNTERS["consensus"].count(lazy, (torch.randn(4, 3),), device=device)
    assert count.caveats == ()
    assert count.macs == (4 * 3 * 2 if isinstance(lazy, nn.LazyLinear) else 0)
    assert nn.parameter.is_lazy(lazy.weight)


class KeepsALockToItself(nn.Linear):
    """Cannot be copied attribute by attribute, and says what to copy."""

    def __init__(self) -> None:
        super().__init__(3, 2)
        self.lock = threading.Lock()

    def __getstate__(self) -> dict:
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state: dict) -> None:
        super().__setstate__(state)
        self.lock = threading.Lock()

    def forward(self, x: Tensor) -> Tensor:
        with self.lock:
            return super().forward(x)


def test_a_module_is_copied_as_it_says() -> None:
    for network in (KeepsALockToItself(), nn.Sequential(KeepsALockToItself())):
        replica = meta_replica(network)
        assert replica(torch.empty(4, 3, device="meta")).shape == (4, 2)


class RemembersForAll(nn.Module):
    """A table that all networks of the class share, made where the first of them runs."""

    tables: ClassVar[dict[str, Tensor]] = {}

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(3, 2)
        self.register_buffer("runs", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.runs += 1
        if "factors" not in self.tables:
            self.tables["factors"] = torch.ones_like(x[0])
        return self.layer(x * self.tables["factors"].to(x.device))


@pytest.mark.parametrize("counter", COUNTERS.values(), ids=COUNTERS)
def test_a_network_whose_class_keeps_tensors_runs_after_being_counted(counter) -> None:
    RemembersForAll.tables.clear()
    network = RemembersForAll()
    assert counter.count(network, (torch.randn(4, 3),)).macs == 4 * 3 * 2
    assert RemembersForAll.tables == {}
    assert network.runs == 0
    assert network(torch.ones(4, 3)).isfinite().all()
