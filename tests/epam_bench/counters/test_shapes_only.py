from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from epam_bench.counters import COUNTERS, WeightsNeededError
from epam_bench.counters.shapes_only import ShapesOnly, hollow, hollow_network


def test_results_have_the_shape_and_type_and_nothing_is_computed() -> None:
    huge = hollow(torch.empty(40_000, 40_000, device="meta"))  # 6.4 GB that nobody touches
    with ShapesOnly():
        product = huge @ huge.t()
        assert product.shape == (40_000, 40_000)
        assert (huge > 0).dtype is torch.bool


def test_views_share_memory_and_in_place_operations_return_what_they_change() -> None:
    x = torch.zeros(2, 6)
    with ShapesOnly():
        view = x.view(3, 4)
        assert view.data_ptr() == x.data_ptr()
        assert x.relu_() is x
        assert torch.relu(x).data_ptr() != x.data_ptr()


def test_numbers_that_come_from_no_hollow_tensor_are_computed() -> None:
    with ShapesOnly():
        assert (torch.tensor(7) // 2).item() == 3
        with pytest.raises(WeightsNeededError):
            hollow(torch.empty(3, device="meta")).sum().item()
        with pytest.raises(WeightsNeededError):
            hollow(torch.empty((), device="meta")).item()


class Mixed(nn.Module):
    """Convolutions that the tracer must not lose, and attention that it takes a fast path for."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Conv2d(3, 4, 3, stride=(2, 1), padding=1)
        self.depthwise = nn.Conv2d(4, 4, 3, groups=4, dilation=2, padding=2)
        self.same = nn.Conv2d(4, 4, 4, padding="same")
        self.up = nn.ConvTranspose2d(4, 2, 2, stride=2, output_padding=1)
        self.norm = nn.BatchNorm2d(2)
        self.attention = nn.MultiheadAttention(4, 2, batch_first=True)
        self.register_buffer("scale", torch.ones(()))

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.up(self.same(self.depthwise(self.plain(x))))).mean(1) * self.scale
        tokens = x.flatten(1)[:, : 4 * (x.shape[-1] // 4)].unflatten(1, (-1, 4))
        return self.attention(tokens, tokens, tokens)[0]


@pytest.mark.skipif(
    torch.__version__ < "2.14",
    reason="an older PyTorch's tracer does not take hollow tensors: fvcore then runs the network itself",
)
def test_fvcore_counts_shapes_as_it_counts_a_real_run() -> None:
    inputs = torch.randn(1, 3, 8, 8)
    real = COUNTERS["fvcore"].count(Mixed(), (inputs,))
    with torch.device("meta"):
        shapes = Mixed()
    assert COUNTERS["fvcore"].count(shapes, (inputs.to("meta"),)) == real
    assert real.macs > 0
    assert all(each.is_meta for each in shapes.parameters())


def test_a_network_that_branches_on_values_is_not_traced_by_shapes() -> None:
    class Branches(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.layer = nn.Linear(4, 2)

        def forward(self, x: Tensor) -> Tensor:
            return self.layer(x) if x.mean() > 0 else x

    with torch.device("meta"):
        model = Branches()
    with pytest.raises(WeightsNeededError):
        COUNTERS["fvcore"].count(model, (torch.empty(1, 4, device="meta"),))


def test_a_hollow_network_has_every_parameter_and_buffer_on_the_cpu() -> None:
    network = hollow_network(nn.Sequential(nn.BatchNorm1d(3), nn.Linear(3, 2)).to("meta"))
    tensors = network.state_dict()
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()}["0.running_mean"] == (3,)
    assert {tensor.device.type for tensor in tensors.values()} == {"cpu"}
