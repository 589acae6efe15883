from __future__ import annotations

import torch

from epam_baselines.posec3d import PoseC3D


def meta_model() -> PoseC3D:
    with torch.device("meta"):
        return PoseC3D(num_classes=60)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_model().state_dict()
    decisive = {
        "backbone.conv1.conv.weight": (32, 17, 1, 7, 7),
        "backbone.layer1.0.conv1.conv.weight": (32, 32, 1, 1, 1),
        "backbone.layer1.0.downsample.conv.weight": (128, 32, 1, 1, 1),
        "backbone.layer1.3.conv2.conv.weight": (32, 32, 1, 3, 3),
        "backbone.layer2.0.conv1.conv.weight": (64, 128, 3, 1, 1),
        "backbone.layer2.5.conv3.bn.running_var": (256,),
        "backbone.layer3.2.conv1.conv.weight": (128, 512, 3, 1, 1),
        "cls_head.fc_cls.weight": (60, 512),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    assert not any(key.startswith("backbone.layer4") for key in state)


def test_the_stem_keeps_the_size_and_only_the_last_stage_halves_time() -> None:
    x = torch.empty(1, 17, 48, 56, 56, device="meta")
    sizes = [tuple((x := layer(x)).shape[2:4]) for layer in meta_model().backbone]
    assert sizes == [(48, 56), (48, 56), (48, 28), (48, 14), (24, 7)]


def test_heatmaps_of_the_test_size_are_taken_as_well() -> None:
    assert meta_model()(torch.empty(2, 17, 48, 64, 64, device="meta")).shape == (2, 60)
