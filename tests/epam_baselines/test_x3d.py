from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from epam_baselines.x3d import X3DM, InvertedBottleneck, SqueezeExcite


def meta_model() -> X3DM:
    with torch.device("meta"):
        return X3DM(num_classes=400)


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


def test_time_is_kept_while_the_image_is_halved_five_times() -> None:
    features = meta_model().backbone(torch.empty(1, 3, 16, 224, 224, device="meta"))
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
