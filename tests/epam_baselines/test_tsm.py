from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import mobilenet_v2, resnet50

from epam_baselines.specification import ModelSpec, build_model
from epam_baselines.tsm import (
    TSM_MOBILENET_V2,
    TSM_R50,
    FrameHead,
    ShiftBottleneck,
    ShiftInvertedResidual,
)

Lively = Callable[[nn.Module], nn.Module]


def meta_model(spec: ModelSpec) -> nn.Module:
    with torch.device("meta"):
        return build_model(spec)


def test_names_and_shapes_of_the_resnet_are_those_of_the_published_checkpoint() -> None:
    state = meta_model(TSM_R50).state_dict()
    decisive = {
        "backbone.conv1.conv.weight": (64, 3, 7, 7),
        "backbone.layer1.0.conv1.conv.net.weight": (64, 64, 1, 1),
        "backbone.layer1.0.conv1.bn.weight": (64,),
        "backbone.layer1.0.conv2.conv.weight": (64, 64, 3, 3),
        "backbone.layer1.0.downsample.conv.weight": (256, 64, 1, 1),
        "backbone.layer4.2.conv1.conv.net.weight": (512, 2048, 1, 1),
        "cls_head.fc_cls.weight": (400, 2048),
        "cls_head.fc_cls.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    assert len(state) == 53 * 6 + 2
    assert sum(key.endswith("conv1.conv.net.weight") for key in state) == 16  # every block is shifted


def test_names_and_shapes_of_the_mobilenet_are_those_of_the_published_checkpoint() -> None:
    state = meta_model(TSM_MOBILENET_V2).state_dict()
    decisive = {
        "backbone.conv1.conv.weight": (32, 3, 3, 3),
        "backbone.layer1.0.conv.0.conv.weight": (32, 1, 3, 3),
        "backbone.layer1.0.conv.1.conv.weight": (16, 32, 1, 1),
        "backbone.layer2.0.conv.0.conv.weight": (96, 16, 1, 1),
        "backbone.layer2.0.conv.1.conv.weight": (96, 1, 3, 3),
        "backbone.layer2.1.conv.0.net.conv.weight": (144, 24, 1, 1),
        "backbone.layer2.1.conv.0.net.bn.weight": (144,),
        "backbone.layer2.1.conv.2.bn.running_var": (24,),
        "backbone.layer7.0.conv.2.conv.weight": (320, 960, 1, 1),
        "backbone.conv2.conv.weight": (1280, 320, 1, 1),
        "backbone.conv2.bn.weight": (1280,),
        "cls_head.fc_cls.weight": (400, 1280),
        "cls_head.fc_cls.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    assert len(state) == 52 * 6 + 2
    # Shifted: all blocks of a stage but its first, and layer1 and layer7 have no other.
    shifted = [key.split(".")[1] for key in state if key.endswith("net.conv.weight")]
    assert shifted == [
        *("layer2",),
        *("layer3",) * 2,
        *("layer4",) * 3,
        *("layer5",) * 2,
        *("layer6",) * 2,
    ]


@pytest.mark.parametrize("spec", [TSM_R50, TSM_MOBILENET_V2], ids=lambda spec: spec.name)
def test_the_published_input_gives_one_logit_a_class(spec: ModelSpec) -> None:
    assert meta_model(spec)(torch.empty(2, *spec.inputs["rgb"], device="meta")).shape == (2, 400)


# Channel 0 looks one frame ahead, channel 1 one back, the rest stay (16 channels, folds of 2).
def test_a_blocks_branch_is_shifted_and_its_shortcut_is_not(lively: Lively) -> None:
    bottleneck = lively(ShiftBottleneck(16, 4, stride=1)).eval()
    inverted = lively(ShiftInvertedResidual(16, 16, expansion=2, stride=1)).eval()
    for block in (bottleneck, inverted):
        # Frame 2 of 4 changes in the first fold only: its branch is read by frame 1.
        clip = torch.rand(4, 16, 5, 5)
        other = clip.clone()
        other[2, 0] += 1.0
        with torch.no_grad():
            moved = block(clip, 4) != block(other, 4)
        assert moved.flatten(1).any(1).tolist() == [False, True, True, False]
        # In frame 2 itself only the shortcut saw it: channel 0, and no other.
        assert moved[2].flatten(1).any(1).nonzero().flatten().tolist() == [0]
        other = clip.clone()
        other[2, 2] += 1.0
        with torch.no_grad():
            moved = block(clip, 4) != block(other, 4)
        assert moved.flatten(1).any(1).tolist() == [False, False, True, True]


def test_a_block_without_a_shortcut_is_not_shifted_in_the_mobilenet(lively: Lively) -> None:
    block = lively(ShiftInvertedResidual(16, 24, expansion=2, stride=1)).eval()
    clip = torch.rand(4, 16, 5, 5)
    other = clip.clone()
    other[2] += 1.0
    with torch.no_grad():
        moved = block(clip, 4) != block(other, 4)
    assert moved.flatten(1).any(1).tolist() == [False, False, True, False]


def settled(model: nn.Module, *, on: Tensor) -> nn.Module:
    """Give batch norms the statistics of what comes by, so that differences do not die on their way."""
    for part in model.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = 1.0
    with torch.no_grad():
        model.train()(on)
    return model.eval()


@pytest.mark.parametrize(
    ("spec", "image_network"), [(TSM_R50, resnet50), (TSM_MOBILENET_V2, mobilenet_v2)], ids=["r50", "mobile"]
)
def test_without_its_shift_it_is_the_image_network_frame_by_frame(
    spec: ModelSpec, image_network: Callable[..., nn.Module]
) -> None:
    clip = torch.randn(2, 3, 4, 32, 32)
    frames = clip.transpose(1, 2).flatten(0, 1)
    image_model = settled(image_network(num_classes=5), on=frames)
    video_model = build_model(spec, num_classes=5).eval()
    # Both keep their entries in the same order.
    names = video_model.state_dict()
    video_model.load_state_dict(dict(zip(names, image_model.state_dict().values(), strict=True)))
    with torch.no_grad():
        wanted = image_model(frames).unflatten(0, (2, 4)).mean(1)
        assert not torch.allclose(video_model(clip), wanted, rtol=0.05, atol=1e-3)
        for block in video_model.modules():
            if isinstance(block, ShiftBottleneck | ShiftInvertedResidual):
                block.shift_fold = 0
        torch.testing.assert_close(video_model(clip), wanted, rtol=1e-4, atol=1e-5)


def test_clips_of_a_batch_do_not_see_each_other() -> None:
    clips = torch.randn(2, 3, 4, 32, 32)
    model = settled(build_model(TSM_MOBILENET_V2, num_classes=5), on=clips)
    nn.init.normal_(model.get_parameter("cls_head.fc_cls.weight"))
    with torch.no_grad():
        together = model(clips)
        assert not torch.allclose(together[0], together[1], rtol=0.05)
        torch.testing.assert_close(together[1:], model(clips[1:]), rtol=1e-4, atol=1e-4)


def test_the_head_averages_the_frames_logits() -> None:
    head = FrameHead(2, 2).eval()
    nn.init.eye_(head.fc_cls.weight)
    frames = torch.tensor([[1.0, 10.0], [3.0, 30.0]]).reshape(2, 2, 1, 1)
    assert head(frames, 2).tolist() == [[2.0, 20.0]]
