from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from epam_baselines.slowfast import (
    SLOWFAST_R50_4X16,
    SLOWFAST_R50_8X8,
    SlowFastBackbone,
    SlowFastHead,
)
from epam_baselines.specification import ModelSpec, build_model

Lively = Callable[[nn.Module], nn.Module]


def meta_model(spec: ModelSpec) -> nn.Module:
    with torch.device("meta"):
        return build_model(spec)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_model(SLOWFAST_R50_4X16).state_dict()
    slow, fast = "backbone.slow_path", "backbone.fast_path"
    decisive = {
        f"{slow}.conv1.conv.weight": (64, 3, 1, 7, 7),
        f"{slow}.conv1_lateral.conv.weight": (16, 8, 5, 1, 1),
        f"{slow}.layer1_lateral.conv.weight": (64, 32, 5, 1, 1),
        f"{slow}.layer2_lateral.conv.weight": (128, 64, 5, 1, 1),
        f"{slow}.layer3_lateral.conv.weight": (256, 128, 5, 1, 1),
        f"{slow}.layer1.0.conv1.conv.weight": (64, 80, 1, 1, 1),
        f"{slow}.layer1.0.downsample.conv.weight": (256, 80, 1, 1, 1),
        f"{slow}.layer2.0.conv1.conv.weight": (128, 320, 1, 1, 1),
        f"{slow}.layer3.0.conv1.conv.weight": (256, 640, 3, 1, 1),
        f"{slow}.layer4.0.downsample.conv.weight": (2048, 1280, 1, 1, 1),
        f"{slow}.layer4.2.conv3.bn.running_var": (2048,),
        f"{fast}.conv1.conv.weight": (8, 3, 5, 7, 7),
        f"{fast}.layer1.0.conv1.conv.weight": (8, 8, 3, 1, 1),
        f"{fast}.layer4.2.conv3.conv.weight": (256, 64, 1, 1, 1),
        "cls_head.fc_cls.weight": (400, 2304),
        "cls_head.fc_cls.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # Two ResNet-50 without their classifier, four bare convolutions, a linear layer.
    assert len(state) == 2 * 53 * 6 + 4 + 2
    assert f"{slow}.layer4_lateral.conv.weight" not in state


def test_the_lateral_convolutions_of_8x8_see_seven_frames() -> None:
    state = meta_model(SLOWFAST_R50_8X8).state_dict()
    frames = {state[name].shape[2] for name in state if "lateral" in name}
    assert frames == {7}


@pytest.mark.parametrize(("spec", "slow_frames"), [(SLOWFAST_R50_4X16, 4), (SLOWFAST_R50_8X8, 8)])
def test_one_clip_of_32_frames_feeds_both_paths(spec: ModelSpec, slow_frames: int) -> None:
    model = meta_model(spec)
    clip = torch.empty(2, *spec.inputs["rgb"], device="meta")
    slow, fast = model.get_submodule("backbone")(clip)
    assert slow.shape == (2, 2048, slow_frames, 7, 7)
    assert fast.shape == (2, 256, 32, 7, 7)
    assert model(clip).shape == (2, 400)


def changes(backbone: SlowFastBackbone, frame: int) -> tuple[bool, bool]:
    """Whether one frame of a clip shows in the slow path's features, and in the fast one's."""
    clip = torch.randn(1, 3, 16, 32, 32)
    other = clip.clone()
    other[:, :, frame] += 1.0
    with torch.no_grad():
        before, after = backbone(clip), backbone(other)
    return not torch.equal(before[0], after[0]), not torch.equal(before[1], after[1])


def test_the_slow_path_takes_one_frame_in_eight_and_hears_of_the_others_from_the_fast_one(
    lively: Lively,
) -> None:
    backbone = SlowFastBackbone(speed_ratio=8, lateral_frames=5)
    lively(backbone).eval()
    assert changes(backbone, 3) == (True, True)
    for name, layer in backbone.slow_path.named_children():
        if name.endswith("lateral"):
            nn.init.zeros_(layer.get_parameter("conv.weight"))
    assert changes(backbone, 3) == (False, True)
    assert changes(backbone, 8) == (True, True)


def test_a_clip_that_the_ratio_does_not_divide_still_joins() -> None:
    with torch.device("meta"):
        backbone = SlowFastBackbone(speed_ratio=8, lateral_frames=5)
    slow, fast = backbone(torch.empty(1, 3, 20, 32, 32, device="meta"))
    assert (slow.shape[2], fast.shape[2]) == (3, 20)


def test_the_head_puts_the_fast_features_first() -> None:
    head = SlowFastHead(3, 3).eval()
    nn.init.eye_(head.fc_cls.weight)
    slow = torch.tensor([1.0, 3.0]).reshape(1, 1, 2, 1, 1)
    fast = torch.tensor([[10.0, 30.0], [5.0, 5.0]]).reshape(1, 2, 2, 1, 1)
    assert head(slow, fast).tolist() == [[20.0, 5.0, 2.0]]
