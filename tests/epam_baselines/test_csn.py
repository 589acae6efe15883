from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from epam_baselines.csn import SPEC, ChannelSeparatedBottleneck
from epam_baselines.specification import build_model

Lively = Callable[[nn.Module], nn.Module]


def meta_model() -> nn.Module:
    with torch.device("meta"):
        return build_model(SPEC)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_model().state_dict()
    decisive = {
        "backbone.conv1.conv.weight": (64, 3, 3, 7, 7),
        "backbone.layer1.0.conv1.conv.weight": (64, 64, 1, 1, 1),
        "backbone.layer1.0.conv2.0.conv.weight": (64, 1, 3, 3, 3),
        "backbone.layer1.0.conv2.0.bn.weight": (64,),
        "backbone.layer1.0.downsample.conv.weight": (256, 64, 1, 1, 1),
        "backbone.layer3.5.conv2.0.conv.weight": (256, 1, 3, 3, 3),
        "backbone.layer4.2.conv3.conv.weight": (2048, 512, 1, 1, 1),
        "cls_head.fc_cls.weight": (400, 2048),
        "cls_head.fc_cls.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    assert len(state) == 53 * 6 + 2


def test_every_batch_norm_has_the_published_epsilon() -> None:
    eps = {part.eps for part in meta_model().modules() if isinstance(part, nn.BatchNorm3d)}
    assert eps == {1e-3}


def test_time_and_space_shrink_together_from_the_second_stage_on() -> None:
    x = torch.empty(1, *SPEC.inputs["rgb"], device="meta")
    backbone = meta_model().get_submodule("backbone")
    sizes = {name: tuple((x := layer(x)).shape[2:4]) for name, layer in backbone.named_children()}
    assert sizes == {
        "conv1": (32, 112),
        "maxpool": (32, 56),
        "layer1": (32, 56),
        "layer2": (16, 28),
        "layer3": (8, 14),
        "layer4": (4, 7),
    }


def test_the_published_input_gives_one_logit_a_class() -> None:
    assert meta_model()(torch.empty(2, *SPEC.inputs["rgb"], device="meta")).shape == (2, 400)


def test_the_middle_convolution_keeps_channels_apart_and_the_others_do_not(lively: Lively) -> None:
    block = ChannelSeparatedBottleneck(8, 4, stride=(1, 1, 1))
    lively(block).eval()
    x = torch.rand(1, 4, 3, 5, 5) + 1.0
    other = x.clone()
    other[:, 2] += 1.0
    with torch.no_grad():
        conv2 = block.conv2[0].get_submodule("conv")
        changed = (conv2(x) != conv2(other)).flatten(2).any(2)
        assert changed.tolist() == [[False, False, True, False]]
        conv3 = block.conv3.conv
        assert (conv3(x) != conv3(other)).flatten(2).any(2).all()


def test_a_short_small_clip_runs_for_real() -> None:
    model = build_model(SPEC, num_classes=5).eval()
    with torch.no_grad():
        logits = model(torch.randn(2, 3, 4, 32, 32))
    assert logits.shape == (2, 5)
    assert logits.isfinite().all()
