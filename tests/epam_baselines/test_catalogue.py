from __future__ import annotations

from pathlib import Path

import pytest
import torch

import epam_baselines
from epam.errors import CheckpointError, InputError, UnknownNameError
from epam_baselines import create_model, example_inputs, list_models, model_spec

MODELS = [
    "epam_net",
    "x_shiftnet_rgb",
    "x_shiftnet_pose",
    "epam_net_v1",
    "rgbpose_conv3d",
    "vpn",
    "mmnet",
    "pi_vit",
    "posec3d",
    "c3d_pose",
    "x3d_pose",
    "x3d_shallow_pose",
    "stgcn",
    "stgcn_pp",
    "agcn",
    "agcn_2s",
    "ctrgcn",
    "ms_g3d",
    "x3d_xs",
    "x3d_s",
    "x3d_m",
    "x3d_l",
    "slowonly_r50_4x16",
    "slowonly_r50",
    "slowfast_r50_4x16",
    "slowfast_r50_8x8",
    "i3d_r50",
    "inception_i3d",
    "csn_r50",
    "r2plus1d_r34",
    "c3d",
    "r3d_18",
    "mc3_18",
    "r2plus1d_18",
    "s3d",
    "tsn_r50",
    "tsm_r50",
    "tsm_mobilenet_v2",
    "timesformer",
    "timesformer_16f",
    "videomae_b",
    "mvit_v2_s",
    "swin3d_t",
]


def test_epam_net_its_streams_and_the_baselines_are_listed_each_once() -> None:
    assert list_models() == MODELS
    assert len(set(MODELS)) == len(MODELS)


def test_public_names_are_listed_once() -> None:
    assert all(hasattr(epam_baselines, name) for name in epam_baselines.__all__)
    assert len(set(epam_baselines.__all__)) == len(epam_baselines.__all__)


@pytest.mark.parametrize("name", MODELS)
def test_every_model_runs_on_meta_tensors_in_both_modes_with_logits_of_the_asked_width(name: str) -> None:
    spec = model_spec(name)
    with torch.device("meta"):
        model = create_model(name, num_classes=11)
    assert model.training
    for mode in (True, False):
        logits = model.train(mode)(*example_inputs(spec, 2, device="meta"))
        logits = logits if isinstance(logits, torch.Tensor) else logits.fused
        assert logits.shape == (2, 11)


@pytest.mark.parametrize("name", MODELS)
def test_every_spec_names_the_head_of_its_network(name: str) -> None:
    with torch.device("meta"):
        parts = dict(create_model(name).named_modules())
    head = model_spec(name).head
    assert head
    assert set(head) <= set(parts)


@pytest.mark.parametrize("name", MODELS)
def test_every_spec_is_complete_and_agrees_with_its_inputs(name: str) -> None:
    spec = model_spec(name)
    assert spec.name == name
    channels = {"rgb": (0, 3), "heatmaps": (0, 17), "skeleton": (3, 3)}
    for kind, shape in spec.inputs.items():
        axis, expected = channels[kind]
        assert len(shape) == 4
        assert shape[axis] == expected
    assert ("rgb" in spec.modalities) == ("rgb" in spec.inputs)
    assert ("pose" in spec.modalities) == (not {"heatmaps", "skeleton"}.isdisjoint(spec.inputs))
    assert str(spec.year) in spec.paper
    assert min(spec.clips, spec.crops, spec.num_classes) >= 1


# Clips × crops behind the accuracy in the published tables; the sources stand beside each spec.
@pytest.mark.parametrize(
    ("name", "views"),
    [
        ("epam_net", 1),
        ("posec3d", 10),
        ("x3d_m", 10),
        ("slowonly_r50", 30),
        ("c3d", 10),
        ("timesformer", 3),
        ("r3d_18", 5),
        ("mc3_18", 5),
        ("r2plus1d_18", 5),
        ("s3d", 1),
        ("mvit_v2_s", 5),
        ("swin3d_t", 12),
    ],
)
def test_views_are_those_behind_the_published_accuracy(name: str, views: int) -> None:
    assert model_spec(name).views == views


@pytest.mark.parametrize("name", ["posec3d", "x3d_m", "slowonly_r50", "mc3_18"])
def test_gradients_reach_every_weight(name: str) -> None:
    model = create_model(name, num_classes=3)
    for key, parameter in model.named_parameters():
        # A block's last norm starts at 0 and would hide all before it.
        if key.endswith("conv3.bn.weight"):
            torch.nn.init.ones_(parameter)
    spec = epam_baselines.with_clip(model_spec(name), 2, 32, 32)
    model(*example_inputs(spec, 2)).square().sum().backward()
    silent = [key for key, value in model.named_parameters() if value.grad is None or not value.grad.any()]
    assert silent == []


def test_the_published_class_count_is_the_default() -> None:
    with torch.device("meta"):
        assert create_model("c3d").cls_head.fc_cls.out_features == 101
        assert create_model("c3d", 7).cls_head.fc_cls.out_features == 7


@pytest.mark.parametrize("num_classes", [0, -3])
def test_fewer_than_one_class_is_refused(num_classes: int) -> None:
    with pytest.raises(InputError, match=f"posec3d: {num_classes} classes"):
        create_model("posec3d", num_classes)


@pytest.mark.parametrize("name", ["epamnet", "EPAM-Net", "epam_nett"])
def test_a_miss_names_the_nearest_model(name: str) -> None:
    for look_up in (model_spec, create_model):
        with pytest.raises(UnknownNameError, match="did you mean 'epam_net'"):
            look_up(name)


@pytest.mark.parametrize("name", ["", "zzz", "c3d\n"])
def test_a_name_like_none_of_ours_is_refused_in_one_line(name: str) -> None:
    with pytest.raises(UnknownNameError) as caught:
        create_model(name)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["posec3d", "x3d_m", "slowonly_r50", "s3d", "x_shiftnet_pose"])
def test_a_published_style_checkpoint_is_loaded_strictly(name: str, tmp_path: Path) -> None:
    saved = create_model(name, num_classes=4)
    for value in saved.state_dict().values():
        if value.is_floating_point():
            value.normal_()
    path = tmp_path / "published.pth"
    torch.save({"meta": {"epoch": 1}, "state_dict": saved.state_dict()}, path)
    loaded = create_model(name, num_classes=4, checkpoint=path).state_dict()
    assert list(loaded) == list(saved.state_dict())
    assert all(torch.equal(loaded[key], value) for key, value in saved.state_dict().items())


def test_another_models_checkpoint_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "posec3d.pth"
    torch.save({"state_dict": create_model("posec3d", 4).state_dict()}, path)
    with pytest.raises(CheckpointError, match=r"posec3d\.pth"):
        create_model("x3d_m", 4, checkpoint=path)
