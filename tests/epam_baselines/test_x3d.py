from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from epam_baselines.specification import ModelSpec, build_model
from epam_baselines.x3d import (
    SPEC,
    X3D_L,
    X3D_S,
    X3D_XS,
    InvertedBottleneck,
    SqueezeExcite,
    expanded_blocks,
    feature_channels,
    x3d_backbone,
    x3d_l,
    x3d_m,
)

GIGA, MEGA = 1e9, 1e6
SPECS = {spec.name: spec for spec in (X3D_XS, X3D_S, SPEC, X3D_L)}


def meta_model(spec: ModelSpec = SPEC) -> nn.Module:
    with torch.device("meta"):
        return build_model(spec).eval()


def counted(spec_name: str, frames: int, side: int) -> tuple[float, float]:
    """Multiply-adds of convolutions and linear layers, and elements given by batch norms, both in 10⁹."""
    normed: list[int] = []
    model = meta_model(SPECS[spec_name])
    for part in model.modules():
        if isinstance(part, nn.BatchNorm3d):
            part.register_forward_hook(lambda _module, _inputs, out: normed.append(out.numel()))
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(torch.empty(1, 3, frames, side, side, device="meta"))
    return counter.get_total_flops() / 2 / GIGA, sum(normed) / GIGA


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_model().state_dict()
    decisive = {
        "backbone.conv1_s.conv.weight": (24, 3, 1, 3, 3),
        "backbone.conv1_t.conv.weight": (24, 1, 5, 1, 1),
        "backbone.conv1_t.bn.weight": (24,),
        "backbone.layer1.0.downsample.bn.weight": (24,),
        "backbone.layer1.0.conv1.conv.weight": (54, 24, 1, 1, 1),
        "backbone.layer1.0.conv2.conv.weight": (54, 1, 3, 3, 3),
        "backbone.layer1.0.se_module.fc1.weight": (8, 54, 1, 1, 1),
        "backbone.layer1.0.se_module.fc2.bias": (54,),
        "backbone.layer2.4.conv3.conv.weight": (48, 108, 1, 1, 1),
        "backbone.layer3.10.se_module.fc1.weight": (16, 216, 1, 1, 1),
        "backbone.layer4.6.se_module.fc1.weight": (32, 432, 1, 1, 1),
        "backbone.conv5.conv.weight": (432, 192, 1, 1, 1),
        "backbone.conv5.bn.running_mean": (432,),
        "cls_head.fc1.weight": (2048, 432),
        "cls_head.fc2.weight": (400, 2048),
        "cls_head.fc2.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    assert "backbone.conv1_s.bn.weight" not in state
    assert "cls_head.fc1.bias" not in state


def test_every_other_block_excites_beginning_with_the_first() -> None:
    state = meta_model().state_dict()
    for stage, depth in enumerate((3, 5, 11, 7), start=1):
        prefix = f"backbone.layer{stage}"
        excited = [at for at in range(depth) if f"{prefix}.{at}.se_module.fc1.weight" in state]
        assert excited == list(range(0, depth, 2))
        assert f"{prefix}.{depth}.conv1.conv.weight" not in state


def test_the_large_network_differs_from_the_published_medium_one_in_depth_alone() -> None:
    large, medium = meta_model(X3D_L).state_dict(), meta_model().state_dict()
    assert len(medium) == 568
    assert len(large) == 1146
    assert {key: tuple(value.shape) for key, value in medium.items()}.items() <= {
        key: tuple(value.shape) for key, value in large.items()
    }.items()
    for stage, depth in enumerate((5, 10, 25, 15), start=1):
        assert f"backbone.layer{stage}.{depth - 1}.conv3.bn.weight" in large
        assert f"backbone.layer{stage}.{depth}.conv3.bn.weight" not in large


def test_depth_factors_round_up_and_the_width_doubles_from_stage_to_stage() -> None:
    assert expanded_blocks(2.2) == (3, 5, 11, 7)
    assert expanded_blocks(5.0) == (5, 10, 25, 15)
    assert expanded_blocks(1.0) == (1, 2, 5, 3)
    assert [feature_channels(stages) for stages in (3, 4)] == [216, 432]


# PySlowFast, MODEL_ZOO.md and configs/Kinetics: clips, interval, parameters to the printed digit, MACs.
@pytest.mark.parametrize(
    ("name", "frames", "side", "interval", "mega_parameters", "giga"),
    [
        ("x3d_xs", 4, 160, 12, 3.8, 0.60),
        ("x3d_s", 13, 160, 6, 3.8, 1.96),
        ("x3d_m", 16, 224, 5, 3.8, 4.73),
        ("x3d_l", 16, 312, 5, 6.2, 18.37),
    ],
)
def test_size_and_cost_are_those_that_pyslowfast_prints(
    name: str, frames: int, side: int, interval: int, mega_parameters: float, giga: float
) -> None:
    spec = SPECS[name]
    assert dict(spec.inputs) == {"rgb": (3, frames, side, side)}
    assert (spec.frame_interval, spec.clips, spec.crops, spec.num_classes) == (interval, 10, 1, 400)
    parameters = sum(parameter.numel() for parameter in meta_model(spec).parameters())
    assert round(parameters / MEGA, 1) == mega_parameters
    assert counted(name, frames, side)[0] == pytest.approx(giga, rel=0.01)


# PyTorchVideo, docs/source/model_zoo.md: 3.79 M (L: 6.15 M in its later table) and these GFLOPs. What
# convolutions and linear layers alone cost at its crops is 7 to 9 % less; fvcore, in training mode, adds
# five operations an element of each batch norm.
@pytest.mark.parametrize(
    ("name", "frames", "side", "mega_parameters", "giga"),
    [
        ("x3d_xs", 4, 182, 3.79, 0.91),
        ("x3d_s", 13, 182, 3.79, 2.96),
        ("x3d_m", 16, 256, 3.79, 6.72),
        ("x3d_l", 16, 356, 6.15, 26.64),
    ],
)
def test_pytorchvideo_prints_the_test_crop_with_five_operations_a_normed_element(
    name: str, frames: int, side: int, mega_parameters: float, giga: float
) -> None:
    parameters = sum(parameter.numel() for parameter in meta_model(SPECS[name]).parameters())
    assert round(parameters / MEGA, 2) == mega_parameters
    macs, normed = counted(name, frames, side)
    assert 0.91 < macs / giga < 0.94
    assert macs + 5 * normed == pytest.approx(giga, rel=0.002)
    assert f"{side} × {side} crops, which cost {macs:.2f} G a view" in SPECS[name].notes[0]


@pytest.mark.parametrize("build", [x3d_m, x3d_l])
def test_a_small_clip_gives_finite_logits_and_its_frames_matter(
    build: Callable[..., nn.Module], lively: Callable[[nn.Module], nn.Module]
) -> None:
    model = lively(build(num_classes=5)).eval()
    clip = torch.randn(1, 3, 3, 32, 32)
    other = clip.clone()
    other[:, :, 1] = 0
    with torch.no_grad():
        logits, changed = model(clip), model(other)
    assert logits.shape == (1, 5)
    assert logits.isfinite().all()
    assert not torch.allclose(logits, changed)


def test_without_excitation_there_is_no_silu_either() -> None:
    with torch.device("meta"):
        plain = x3d_backbone(in_channels=17, stage_blocks=(2, 1), stem_stride=1, excite=False)
    assert not any(isinstance(part, nn.SiLU | SqueezeExcite) for part in plain.modules())
    assert plain(torch.empty(1, 17, 4, 16, 16, device="meta")).shape == (1, 108, 4, 4, 4)


def test_time_is_kept_while_the_image_is_halved_five_times() -> None:
    with torch.device("meta"):
        features = x3d_m(num_classes=400).backbone(torch.empty(1, 3, 16, 224, 224, device="meta"))
    assert features.shape == (1, 432, 16, 7, 7)


def test_excitation_scales_a_channel_by_the_sigmoid_of_its_mean() -> None:
    excite = SqueezeExcite(1, 1)
    for layer in (excite.fc1, excite.fc2):
        nn.init.ones_(layer.weight)
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    clip = torch.tensor([1.0, 3.0]).reshape(1, 1, 2, 1, 1)
    expected = clip * torch.sigmoid(torch.tensor(2.0))
    torch.testing.assert_close(excite(clip), expected)


def test_channels_of_a_block_look_around_alone(lively: Callable[[nn.Module], nn.Module]) -> None:
    block = InvertedBottleneck(4, 9, 4, spatial_stride=1, excite=False)
    lively(block).eval()
    x = torch.randn(1, 9, 3, 5, 5)
    other = x.clone()
    other[:, 2] += 1.0
    with torch.no_grad():
        changed = (block.conv2(x) - block.conv2(other)).abs().amax((0, 2, 3, 4)).nonzero().flatten()
    assert changed.tolist() == [2]
