from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import nn

from epam.errors import InputError, UnknownNameError
from epam_baselines import build_model, create_model, example_inputs, list_models, model_spec, with_clip


def test_options_are_what_the_builder_takes_besides_the_classes() -> None:
    assert model_spec("x_shiftnet_pose").options == {
        "dropout": 0.5,
        "stem_channels": 24,
        "stage_blocks": (5, 11, 7),
        "temporal_shift": True,
    }
    assert model_spec("epam_net").options["attention"] == "nested"
    assert model_spec("x3d_m").options == {}


def test_options_reach_the_network_and_lists_stand_for_tuples() -> None:
    options = {"stem_channels": 12, "stage_blocks": [1, 2], "dropout": 0, "temporal_shift": False}
    model = create_model("x_shiftnet_pose", 3, options=options)
    assert (model.backbone.stem_channels, model.backbone.stage_blocks) == (12, (1, 2))
    assert (model.cls_head.dropout.p, model.backbone.temporal_shift) == (0.0, False)


def test_an_option_that_the_model_lacks_is_refused_with_the_nearest() -> None:
    with pytest.raises(
        UnknownNameError, match="option of epam_net 'stem_chanels'; did you mean 'stem_channels'"
    ):
        create_model("epam_net", 3, options={"stem_chanels": 12})
    with pytest.raises(UnknownNameError, match="option of x3d_m 'attention'"):
        create_model("x3d_m", 3, options={"attention": "none"})


def test_the_number_of_classes_is_no_option() -> None:
    with pytest.raises(UnknownNameError, match="num_classes"):
        build_model(model_spec("epam_net"), num_classes=3, options={"num_classes": 4})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("stem_channels", "12"),
        ("stem_channels", True),
        ("stem_channels", 12.0),
        ("temporal_shift", 1),
        ("rgb_blocks", [1, "2"]),
        ("rgb_blocks", 3),
        ("attention", None),
    ],
)
def test_a_value_of_another_kind_than_the_default_is_refused(name: str, value: object) -> None:
    with pytest.raises(InputError, match=f"epam_net: option {name} = .*like the default"):
        create_model("epam_net", 3, options={name: value})


def test_a_value_of_the_right_kind_that_names_nothing_is_refused_by_the_network() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'nested'"):
        create_model("epam_net", 3, options={"attention": "nestd"})


ON_CLIPS = [name for name in list_models() if set(model_spec(name).inputs) <= {"rgb", "heatmaps"}]


@pytest.mark.parametrize("name", ON_CLIPS)
def test_every_model_on_frames_and_heatmaps_has_a_pipeline_and_a_clip_size(name: str) -> None:
    spec = model_spec(name)
    expected = {("rgb",): "rgb", ("pose",): "pose", ("rgb", "pose"): "multimodal"}[spec.modalities]
    assert spec.pipeline_kind == expected
    size = spec.clip_size
    sides = {"rgb": (size.rgb_frames, size.frame_side), "heatmaps": (size.pose_frames, size.heatmap_side)}
    assert {key: (shape[1], shape[2]) for key, shape in spec.inputs.items()} == {
        key: sides[key] for key in spec.inputs
    }


def test_inputs_in_another_order_or_of_another_kind_have_no_pipeline() -> None:
    spec = model_spec("epam_net")
    swapped = dataclasses.replace(spec, inputs=dict(reversed(spec.inputs.items())))
    with pytest.raises(InputError, match="no pipeline prepares the inputs heatmaps, rgb"):
        swapped.pipeline_kind  # noqa: B018


def test_clips_that_are_not_square_are_refused() -> None:
    with pytest.raises(InputError, match="heatmaps of 64 × 56"):
        with_clip(model_spec("posec3d"), 48, 64, 56).clip_size  # noqa: B018


def test_the_published_class_count_is_the_default_and_none_is_refused() -> None:
    spec = dataclasses.replace(
        model_spec("x_shiftnet_pose"), build=lambda *, num_classes: nn.Linear(2, num_classes)
    )
    assert build_model(spec)(torch.zeros(1, 2)).shape == (1, 60)
    with pytest.raises(InputError, match="0 classes"):
        build_model(spec, num_classes=0)


def test_thin_networks_run_on_small_clips() -> None:
    spec = with_clip(model_spec("epam_net"), 6, 96, 96)
    assert spec.clip_size.heatmap_side == 24
    with torch.device("meta"):
        model = build_model(spec, num_classes=12, options={"stem_channels": 12, "rgb_blocks": [1, 2, 3, 2]})
    assert model(*example_inputs(spec, 2, device="meta")).fused.shape == (2, 12)
