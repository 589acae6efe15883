from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

import epam
from epam.backends import training_form
from epam.backends.training_form import in_channels_last, prepare_training
from epam.errors import InputError, UnknownNameError
from epam.reference import XShiftNetRecognizer as Twin
from epam.streams import training_losses


@pytest.fixture(autouse=True)
def memory_is_left_alone(monkeypatch) -> None:
    # It would hold for all tests after this one.
    monkeypatch.setattr(training_form, "keep_freed_memory", lambda: True)


@pytest.fixture
def pose(lively) -> nn.Module:
    return lively(epam.x_shiftnet_pose(3, stem_channels=8, stage_blocks=(2, 1))).double()


def gradients(module: nn.Module, clip: torch.Tensor) -> dict[str, torch.Tensor]:
    losses = training_losses(module(clip), torch.tensor([0, 2]))
    torch.stack(list(losses.values())).sum().backward()
    return {
        name: parameter.grad for name, parameter in module.named_parameters() if parameter.grad is not None
    }


def test_every_form_has_the_gradients_of_the_twin(pose) -> None:
    clip = torch.rand(2, 17, 4, 16, 16, dtype=torch.float64)
    twin = prepare_training(copy.deepcopy(pose), "reference")
    assert isinstance(twin, Twin)
    # Ours is without already, so that nothing is left to chance.
    twin.cls_head.dropout.p = 0.0
    wanted = gradients(twin, clip)
    for form in ("eager", "fused"):
        got = gradients(prepare_training(copy.deepcopy(pose), form), clip)
        assert got.keys() == wanted.keys()
        for name, gradient in got.items():
            assert torch.allclose(gradient, wanted[name].reshape(gradient.shape), rtol=1e-8, atol=1e-12), name


def test_only_weights_of_two_dimensional_convolutions_are_laid_out_anew() -> None:
    module = in_channels_last(nn.ModuleList([nn.Conv2d(4, 4, 3), nn.Conv3d(4, 4, 3), nn.Linear(4, 4)]))
    assert module[0].weight.is_contiguous(memory_format=torch.channels_last)  # type: ignore[union-attr]
    assert module[1].weight.is_contiguous()  # type: ignore[union-attr]


def test_what_is_no_form_or_has_no_twin_is_refused(pose) -> None:
    with pytest.raises(UnknownNameError, match="training form 'compiled'"):
        prepare_training(pose, "compiled")  # type: ignore[arg-type]
    with pytest.raises(InputError, match="no reference twin"):
        prepare_training(nn.Linear(1, 1), "reference")
