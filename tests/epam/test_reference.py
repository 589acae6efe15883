from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import epam
from epam.errors import InputError
from epam.reference import build_twin, shift
from epam.temporal_shift import temporal_shift


def relative_error(value: Tensor, truth: Tensor) -> float:
    return ((value - truth).abs().max() / truth.abs().max()).item()


def clips(batch: int, frames: int, side: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    rgb = torch.randn(batch, 3, frames, side, side, dtype=dtype)
    return rgb, torch.rand(batch, 17, 3 * frames, side // 4, side // 4, dtype=dtype)


def gradients(model: nn.Module, logits: epam.EPAMLogits) -> dict[str, Tensor]:
    # A weighted sum, so that no two classes' gradients cancel.
    weights = torch.arange(1.0, logits.rgb.shape[1] + 1, dtype=logits.rgb.dtype)
    (logits.rgb @ weights + (logits.pose.square() @ weights)).sum().backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


SHAPES = [(1, 4, 64, 60), (2, 3, 32, 120), (3, 1, 64, 31), (2, 5, 96, 3)]


def assert_same_logits(model: nn.Module, inputs: tuple[Tensor, Tensor], tolerance: float) -> None:
    twin = lively_dropout_off(build_twin(model))
    with torch.no_grad():
        ours, theirs = model(*inputs), twin(*inputs)
    for stream in ("rgb", "pose", "fused"):
        assert relative_error(getattr(ours, stream), getattr(theirs, stream)) < tolerance, stream


@pytest.mark.parametrize(("batch", "frames", "side", "classes"), SHAPES)
def test_twin_gives_the_same_logits_in_eval_mode(batch, frames, side, classes, lively) -> None:
    model = lively(epam.EPAMNet(classes)).eval()
    assert_same_logits(model, clips(batch, frames, side, torch.float32), 1e-5)


@pytest.mark.parametrize(("batch", "frames", "side", "classes"), SHAPES)
def test_twin_gives_the_same_logits_in_train_mode(batch, frames, side, classes, lively) -> None:
    # In float64: on grids this small batch norm sees a handful of values, and amplifies
    # float32's rounding past any bound that would still find a wrong network.
    model = lively(epam.EPAMNet(classes)).double().train()
    assert_same_logits(model, clips(batch, frames, side, torch.float64), 1e-9)


def test_twin_gives_the_same_logits_in_train_mode_and_float32(lively) -> None:
    model = lively(epam.EPAMNet(60)).train()
    assert_same_logits(model, clips(2, 4, 128, torch.float32), 1e-5)


@pytest.mark.parametrize("training", [False, True], ids=["eval", "train"])
@pytest.mark.parametrize(("batch", "frames", "side", "classes"), SHAPES[:2])
def test_twin_gives_the_same_gradients_and_running_statistics(
    batch, frames, side, classes, training, lively
) -> None:
    model = lively(epam.EPAMNet(classes)).double().train(training)
    twin = lively_dropout_off(build_twin(model))
    inputs = clips(batch, frames, side, torch.float64)
    ours, theirs = gradients(model, model(*inputs)), gradients(twin, twin(*inputs))
    assert ours.keys() == theirs.keys() == dict(model.named_parameters()).keys()
    largest = max(value.abs().max() for value in theirs.values())
    for name, value in ours.items():
        difference = (value.flatten() - theirs[name].flatten()).abs().max()
        assert difference <= 1e-9 * largest, name
    for name, buffer in twin.named_buffers():
        torch.testing.assert_close(model.get_buffer(name), buffer, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("build", [epam.x_shiftnet_rgb, epam.x_shiftnet_pose])
def test_streams_have_twins_too(build, lively) -> None:
    model = lively(build(9)).eval()
    clip = torch.randn(1, model.backbone.in_channels, 3, 64, 64)
    with torch.no_grad():
        assert relative_error(model(clip), build_twin(model)(clip)) < 1e-5


def test_network_without_attention_has_a_twin_and_other_ablations_say_they_have_none(lively) -> None:
    model = lively(epam.EPAMNet(4, attention="none")).eval()
    inputs = clips(1, 2, 32, torch.float32)
    with torch.no_grad():
        assert relative_error(model(*inputs).fused, build_twin(model)(*inputs).fused) < 1e-5
    with pytest.raises(InputError, match="nested attention or none"):
        build_twin(epam.EPAMNet(4, attention="non_local"))


@pytest.mark.parametrize("temporal_shift", [True, False])
def test_thin_networks_with_and_without_the_shift_have_twins(temporal_shift: bool, lively) -> None:
    model = epam.EPAMNet(
        4, stem_channels=12, rgb_blocks=(1, 2, 3, 2), pose_blocks=(2, 3, 2), temporal_shift=temporal_shift
    )
    assert_same_logits(lively(model).eval(), clips(1, 3, 64, torch.float32), 1e-5)


def test_both_shifts_agree() -> None:
    clip = torch.randn(2, 8, 5, 3, 3)
    folded = temporal_shift(clip.transpose(1, 2).flatten(0, 1), frames=5, fold=2)
    assert torch.equal(folded.unflatten(0, (2, 5)).transpose(1, 2), shift(clip, 2))


def lively_dropout_off(twin: nn.Module) -> nn.Module:
    for part in twin.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0
    return twin
