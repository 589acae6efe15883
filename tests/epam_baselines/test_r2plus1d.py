from __future__ import annotations

import pytest
import torch
from torch import nn

from epam_baselines.r2plus1d import SPEC, SpaceThenTime, middle_channels
from epam_baselines.specification import build_model


def meta_model() -> nn.Module:
    with torch.device("meta"):
        return build_model(SPEC)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_model().state_dict()
    decisive = {
        "backbone.conv1.conv.conv_s.weight": (83, 3, 1, 7, 7),
        "backbone.conv1.conv.bn_s.weight": (83,),
        "backbone.conv1.conv.conv_t.weight": (64, 83, 3, 1, 1),
        "backbone.conv1.bn.weight": (64,),
        "backbone.layer1.0.conv1.conv.conv_s.weight": (144, 64, 1, 3, 3),
        "backbone.layer1.2.conv2.conv.conv_t.weight": (64, 144, 3, 1, 1),
        "backbone.layer2.0.conv1.conv.conv_s.weight": (230, 64, 1, 3, 3),
        "backbone.layer2.0.downsample.conv.conv_s.weight": (54, 64, 1, 1, 1),
        "backbone.layer2.0.downsample.conv.bn_s.running_mean": (54,),
        "backbone.layer2.0.downsample.conv.conv_t.weight": (128, 54, 1, 1, 1),
        "backbone.layer2.0.downsample.bn.weight": (128,),
        "backbone.layer4.2.conv2.bn.running_var": (512,),
        "cls_head.fc_cls.weight": (400, 512),
        "cls_head.fc_cls.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # 36 pairs of convolutions: the stem, two in each of 16 blocks, three shortcuts; 12 entries each.
    assert len(state) == 36 * 12 + 2
    assert "backbone.layer1.0.downsample.conv.conv_s.weight" not in state


def test_the_batch_norm_behind_a_pair_has_the_published_epsilon_and_that_inside_the_usual_one() -> None:
    eps = {
        (name.endswith("bn_s"), part.eps)
        for name, part in meta_model().named_modules()
        if isinstance(part, nn.BatchNorm3d)
    }
    assert eps == {(True, 1e-5), (False, 1e-3)}


@pytest.mark.parametrize(
    ("in_channels", "out_channels", "space", "middle"),
    [
        (64, 64, 3, 144),  # 3·9·64·64 / (9·64 + 3·64) = 110592 / 768, without a remainder
        (3, 64, 7, 83),  # 28224 / 339 = 83.3
        (64, 128, 1, 54),  # 24576 / 448 = 54.9
    ],
)
def test_a_pair_has_about_the_weights_of_one_convolution(
    in_channels: int, out_channels: int, space: int, middle: int
) -> None:
    assert middle_channels(in_channels, out_channels, space) == middle


def test_space_comes_first_and_either_stride_belongs_to_its_own_part() -> None:
    pair = SpaceThenTime(2, 4, (3, 3, 3), (2, 1))
    assert [name for name, _ in pair.named_children()] == ["conv_s", "bn_s", "relu", "conv_t"]
    assert pair(torch.zeros(1, 2, 8, 6, 6)).shape == (1, 4, 4, 6, 6)
    pair = SpaceThenTime(2, 4, (3, 3, 3), (1, 2))
    assert pair.get_submodule("conv_s")(torch.zeros(1, 2, 8, 6, 6)).shape[2:] == (8, 3, 3)


def test_time_and_space_shrink_together_from_the_second_stage_on() -> None:
    x = torch.empty(1, *SPEC.inputs["rgb"], device="meta")
    backbone = meta_model().get_submodule("backbone")
    sizes = {name: tuple((x := layer(x)).shape[2:4]) for name, layer in backbone.named_children()}
    assert sizes == {
        "conv1": (8, 112),
        "maxpool": (8, 56),
        "layer1": (8, 56),
        "layer2": (4, 28),
        "layer3": (2, 14),
        "layer4": (1, 7),
    }


def test_the_published_input_gives_one_logit_a_class() -> None:
    assert meta_model()(torch.empty(2, *SPEC.inputs["rgb"], device="meta")).shape == (2, 400)


def test_a_short_small_clip_runs_for_real() -> None:
    model = build_model(SPEC, num_classes=5).eval()
    with torch.no_grad():
        logits = model(torch.randn(2, 3, 2, 32, 32))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()
