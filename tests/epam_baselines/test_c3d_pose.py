from __future__ import annotations

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

from epam_baselines.c3d_pose import SPEC, C3DPose


def meta_model() -> C3DPose:
    with torch.device("meta"):
        return C3DPose(num_classes=60).eval()


def giga_macs(side: int) -> float:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        meta_model()(torch.empty(1, 17, 48, side, side, device="meta"))
    return counter.get_total_flops() / 2 / 1e9


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    convolutions = {
        "conv1a": (32, 17),
        "conv2a": (64, 32),
        "conv3a": (128, 64),
        "conv3b": (128, 128),
        "conv4a": (256, 128),
        "conv4b": (256, 256),
    }
    expected: dict[str, tuple[int, ...]] = {
        "cls_head.fc_cls.weight": (60, 256),
        "cls_head.fc_cls.bias": (60,),
    }
    for name, (out_channels, in_channels) in convolutions.items():
        expected[f"backbone.{name}.conv.weight"] = (out_channels, in_channels, 3, 3, 3)
        for entry in ("weight", "bias", "running_mean", "running_var"):
            expected[f"backbone.{name}.bn.{entry}"] = (out_channels,)
        expected[f"backbone.{name}.bn.num_batches_tracked"] = ()
    assert {key: tuple(value.shape) for key, value in meta_model().state_dict().items()} == expected


def test_pools_halve_the_image_three_times_and_leave_time_alone() -> None:
    backbone = meta_model().backbone
    x = torch.empty(1, *SPEC.inputs["heatmaps"], device="meta")
    sizes = []
    for name, layer in backbone.named_children():
        x = layer(x)
        if name.startswith("pool"):
            sizes.append((x.shape[2], x.shape[3]))
    assert sizes == [(48, 28), (48, 14), (48, 7)]


def test_parameters_and_cost_are_what_the_layers_say() -> None:
    # By hand: 27 weights a pair of channels, two numbers a norm's channel, and the head.
    pairs = 17 * 32 + 32 * 64 + 64 * 128 + 128 * 128 + 128 * 256 + 256 * 256
    norms = 2 * (32 + 64 + 128 + 128 + 256 + 256)
    parameters = sum(parameter.numel() for parameter in meta_model().parameters())
    assert parameters == 27 * pairs + norms + 60 * 257
    places = {size: 48 * size**2 for size in (56, 28, 14, 7)}
    macs = 27 * (
        17 * 32 * places[56]
        + 32 * 64 * places[28]
        + (64 * 128 + 128 * 128) * places[14]
        + (128 * 256 + 256 * 256) * places[7]
    )
    assert giga_macs(56) == pytest.approx((macs + 60 * 256) / 1e9, rel=1e-9)


def test_the_cost_of_the_test_size_is_the_one_that_the_note_gives() -> None:
    assert f"{giga_macs(64):.2f} G a view" in SPEC.notes[0]


def test_the_first_pool_takes_means_where_c3d_takes_maxima() -> None:
    pool = meta_model().backbone.get_submodule("pool1")
    pixels = torch.tensor([[1.0, 2.0], [3.0, 6.0]]).reshape(1, 1, 1, 2, 2)
    assert pool(pixels).item() == 3.0


def test_a_small_clip_gives_finite_logits() -> None:
    with torch.no_grad():
        logits = C3DPose(num_classes=3).eval()(torch.rand(2, 17, 3, 16, 24))
    assert logits.shape == (2, 3)
    assert logits.isfinite().all()
