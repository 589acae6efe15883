from __future__ import annotations

import pytest
import torch

from epam.errors import InputError
from epam_baselines.c3d import C3D, SPEC


def meta_model() -> C3D:
    with torch.device("meta"):
        return C3D(num_classes=101)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    shapes = {key: tuple(value.shape) for key, value in meta_model().state_dict().items()}
    assert shapes == {
        "backbone.conv1a.conv.weight": (64, 3, 3, 3, 3),
        "backbone.conv1a.conv.bias": (64,),
        "backbone.conv2a.conv.weight": (128, 64, 3, 3, 3),
        "backbone.conv2a.conv.bias": (128,),
        "backbone.conv3a.conv.weight": (256, 128, 3, 3, 3),
        "backbone.conv3a.conv.bias": (256,),
        "backbone.conv3b.conv.weight": (256, 256, 3, 3, 3),
        "backbone.conv3b.conv.bias": (256,),
        "backbone.conv4a.conv.weight": (512, 256, 3, 3, 3),
        "backbone.conv4a.conv.bias": (512,),
        "backbone.conv4b.conv.weight": (512, 512, 3, 3, 3),
        "backbone.conv4b.conv.bias": (512,),
        "backbone.conv5a.conv.weight": (512, 512, 3, 3, 3),
        "backbone.conv5a.conv.bias": (512,),
        "backbone.conv5b.conv.weight": (512, 512, 3, 3, 3),
        "backbone.conv5b.conv.bias": (512,),
        "backbone.fc6.weight": (4096, 8192),
        "backbone.fc6.bias": (4096,),
        "backbone.fc7.weight": (4096, 4096),
        "backbone.fc7.bias": (4096,),
        "cls_head.fc_cls.weight": (101, 4096),
        "cls_head.fc_cls.bias": (101,),
    }


# 17 frames and 120 pixels would flatten to the same 8192 numbers and pass unnoticed.
@pytest.mark.parametrize("shape", [(1, 3, 8, 112, 112), (1, 3, 17, 112, 112), (1, 3, 16, 120, 120)])
def test_a_clip_of_another_size_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"c3d: clips must be \(N, 3, 16, 112, 112\)"):
        meta_model()(torch.empty(shape, device="meta"))


def test_time_is_pooled_four_times_and_never_by_the_first_pool() -> None:
    backbone = meta_model().backbone
    x = torch.empty(1, *SPEC.inputs["rgb"], device="meta")
    frames = []
    for name, layer in backbone.named_children():
        x = layer(x)
        if name.startswith("pool"):
            frames.append((x.shape[2], x.shape[3]))
    assert frames == [(16, 56), (8, 28), (4, 14), (2, 7), (1, 4)]
