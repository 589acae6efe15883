from __future__ import annotations

import torch

from epam_baselines import create_model, example_inputs, model_spec


def test_epam_net_takes_its_inputs_in_the_order_of_its_spec() -> None:
    with torch.device("meta"):
        model = create_model("epam_net", num_classes=7)
    logits = model(*example_inputs(model_spec("epam_net"), 2, device="meta"))
    assert logits.rgb.shape == logits.pose.shape == logits.fused.shape == (2, 7)


def test_epam_net_sees_both_modalities_and_each_stream_one() -> None:
    assert model_spec("epam_net").modalities == ("rgb", "pose")
    assert list(model_spec("epam_net").inputs) == ["rgb", "heatmaps"]
    assert (model_spec("x_shiftnet_rgb").modalities, list(model_spec("x_shiftnet_rgb").inputs)) == (
        ("rgb",),
        ["rgb"],
    )
    pose = model_spec("x_shiftnet_pose")
    assert (pose.modalities, list(pose.inputs)) == (("pose",), ["heatmaps"])
