from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from epam.backends.observed_folding import fold_observed_norms


class Named(nn.Module):
    """A convolution and a norm, joined as a test says."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 3, 1)
        self.norm = nn.BatchNorm2d(3)


def folded_of(model: nn.Module, *inputs: Tensor) -> tuple[nn.Module, int]:
    folded, count = fold_observed_norms(model, inputs)
    with torch.no_grad():
        assert torch.allclose(folded(*inputs), model(*inputs), atol=1e-5)
    return folded, count


def test_norms_are_folded_whatever_control_flow_there_is(convolutional) -> None:
    folded, count = folded_of(convolutional, torch.randn(2, 3, 4, 5, 5))
    assert count == 2
    assert not any(isinstance(part, nn.BatchNorm3d) for part in folded.modules())
    assert any(isinstance(part, nn.BatchNorm3d) for part in convolutional.modules())


@pytest.mark.parametrize(
    "network",
    [
        nn.Sequential(nn.Conv1d(3, 4, 3), nn.BatchNorm1d(4)),
        nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4, affine=False)),
    ],
    ids=["one axis", "no gain"],
)
def test_every_kind_of_norm(network, lively) -> None:
    for part in network:
        if isinstance(part, nn.modules.batchnorm._BatchNorm) and part.affine:
            lively(part)
    shape = (2, 3, 8) if isinstance(network[0], nn.Conv1d) else (2, 3, 8, 8)
    assert folded_of(network.eval(), torch.randn(shape))[1] == 1


def test_a_subclass_with_other_arguments_alone_counts_as_its_base(lively) -> None:
    class Simple(nn.Conv3d):
        pass

    network = lively(nn.Sequential(Simple(3, 4, 1), nn.BatchNorm3d(4))).eval()
    assert folded_of(network, torch.randn(1, 3, 2, 2, 2))[1] == 1


class ReadTwice(Named):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.norm(x) + x


class ReluBetween(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x).relu())


class NormOfTwo(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) + self.norm(x)


class NormFirst(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.conv(self.norm(x))


class LooksAtItsNorm(Named):
    def forward(self, x: Tensor) -> Tensor:
        return self.norm(self.conv(x)) * self.norm.eps


class CountsAnotherView(Named):
    def forward(self, x: Tensor) -> Tensor:
        x = self.conv(x)
        return self.norm(x) + x.flatten(2).amax(dim=2)[..., None, None]


@pytest.mark.parametrize(
    "kind", [ReadTwice, ReluBetween, NormOfTwo, NormFirst, LooksAtItsNorm, CountsAnotherView]
)
def test_a_norm_that_cannot_be_folded_stays(kind, lively) -> None:
    model = lively(kind()).eval()
    folded, count = folded_of(model, torch.randn(1, 3, 4, 4))
    assert count == 0
    assert folded is model


def test_a_norm_in_use_by_two_convolutions_alike_is_not_folded(lively) -> None:
    class Shared(Named):
        def __init__(self) -> None:
            super().__init__()
            self.other = nn.Conv2d(3, 3, 1)

        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.conv(x)) + self.norm(self.other(x))

    assert folded_of(lively(Shared()).eval(), torch.randn(1, 3, 4, 4))[1] == 0


def test_a_pair_that_is_run_twice_is_folded_once(lively) -> None:
    class Siamese(Named):
        def forward(self, x: Tensor) -> Tensor:
            return self.norm(self.conv(x)) - self.norm(self.conv(2 * x))

    assert folded_of(lively(Siamese()).eval(), torch.randn(1, 3, 4, 4))[1] == 1
