from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from epam.epam_net import EPAMLogits
from epam.errors import InputError
from epam_baselines.rgbpose_conv3d import SPEC, RGBPoseConv3D, TimeExpansion


def meta_model() -> RGBPoseConv3D:
    with torch.device("meta"):
        return RGBPoseConv3D(num_classes=60).eval()


def meta_inputs(side: int) -> tuple[Tensor, Tensor]:
    heatmap_side = side // 4
    return (
        torch.empty(1, 3, 8, side, side, device="meta"),
        torch.empty(1, 17, 32, heatmap_side, heatmap_side, device="meta"),
    )


# A run of MMAction2's code, without the head and by torch's counter (shared facts, REFERENCE-RUN).
@pytest.mark.parametrize(("side", "giga"), [(224, 58.005), (256, 75.762)])
def test_size_and_cost_are_those_of_the_published_code(side: int, giga: float) -> None:
    model = meta_model()
    assert sum(parameter.numel() for parameter in model.backbone.parameters()) / 1e6 == pytest.approx(
        35.994, abs=5e-4
    )
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model.backbone(*meta_inputs(side))
    assert counter.get_total_flops() / 2 / 1e9 == pytest.approx(giga, abs=5e-4)


def test_the_note_gives_the_cost_of_the_test_size() -> None:
    assert "75.76 G a view" in SPEC.notes[0]


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_model().state_dict()
    decisive = {
        "backbone.rgb_path.conv1.conv.weight": (64, 3, 1, 7, 7),
        "backbone.rgb_path.layer1.0.downsample.conv.weight": (256, 64, 1, 1, 1),
        "backbone.rgb_path.layer2.0.conv1.conv.weight": (128, 256, 1, 1, 1),
        "backbone.rgb_path.layer2_lateral.conv.weight": (128, 128, 7, 1, 1),
        "backbone.rgb_path.layer3.0.conv1.conv.weight": (256, 640, 3, 1, 1),
        "backbone.rgb_path.layer3.0.downsample.conv.weight": (1024, 640, 1, 1, 1),
        "backbone.rgb_path.layer3_lateral.conv.weight": (256, 256, 7, 1, 1),
        "backbone.rgb_path.layer4.0.conv1.conv.weight": (512, 1280, 3, 1, 1),
        "backbone.rgb_path.layer4.2.conv3.bn.running_var": (2048,),
        "backbone.pose_path.conv1.conv.weight": (32, 17, 1, 7, 7),
        "backbone.pose_path.layer1.3.conv2.conv.weight": (32, 32, 1, 3, 3),
        "backbone.pose_path.layer1_lateral.conv.weight": (512, 32, 7, 1, 1),
        "backbone.pose_path.layer1_lateral.bn.weight": (32,),
        "backbone.pose_path.layer2.0.conv1.conv.weight": (64, 160, 3, 1, 1),
        "backbone.pose_path.layer2_lateral.conv.weight": (1024, 64, 7, 1, 1),
        "backbone.pose_path.layer3.0.downsample.conv.weight": (512, 320, 1, 1, 1),
        "cls_head.fc_rgb.weight": (60, 2048),
        "cls_head.fc_pose.weight": (60, 512),
        "cls_head.fc_pose.bias": (60,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # Two stems, 29 blocks of three units, 7 shortcuts; two lateral units without and two with a norm; head.
    assert len(state) == 6 * (2 + 3 * 29 + 7) + 2 + 2 * 6 + 4
    assert not any("layer1_lateral" in key and "rgb_path" in key for key in state)
    assert "backbone.rgb_path.layer2_lateral.bn.weight" not in state


def test_both_paths_end_on_one_grid_each_at_its_own_rate() -> None:
    rgb, pose = meta_model().backbone(*meta_inputs(224))
    assert rgb.shape == (1, 2048, 8, 7, 7)
    assert pose.shape == (1, 512, 32, 7, 7)


def test_time_is_expanded_fourfold_around_each_frame() -> None:
    expansion = TimeExpansion(16).eval()
    clip = torch.zeros(1, 16, 3, 1, 1)
    clip[:, :, 1] = 1.0
    nn.init.ones_(expansion.get_parameter("conv.weight"))
    with torch.no_grad():
        touched = expansion(clip).flatten().nonzero().flatten().tolist()
    # Frame 1 is frame 4 of 12, and the kernel of seven reaches three frames to either side.
    assert touched == [1, 2, 3, 4, 5, 6, 7]


def test_each_stream_hears_of_the_other(lively: Callable[[nn.Module], nn.Module]) -> None:
    model = lively(RGBPoseConv3D(num_classes=3)).eval()
    rgb, heatmaps = torch.randn(1, 3, 2, 64, 64), torch.rand(1, 17, 8, 16, 16)
    with torch.no_grad():
        logits = model(rgb, heatmaps)
        without_pose, without_rgb = model(rgb, heatmaps * 0), model(rgb * 0, heatmaps)
    assert isinstance(logits, EPAMLogits)
    assert logits.fused.shape == (1, 3)
    assert logits.fused.isfinite().all()
    assert not torch.allclose(logits.rgb, without_pose.rgb)
    assert not torch.allclose(logits.pose, without_rgb.pose)


@pytest.mark.parametrize("frames", [24, 31])
def test_other_than_four_heatmaps_a_frame_are_refused(frames: int) -> None:
    rgb, heatmaps = meta_inputs(224)
    with pytest.raises(
        InputError, match=r"rgbpose_conv3d: with such frames come heatmaps of \(1, 17, 32, 56, 56\)"
    ):
        meta_model()(rgb, heatmaps[:, :, :frames])


def test_published_inputs_and_views() -> None:
    assert dict(SPEC.inputs) == {"rgb": (3, 8, 224, 224), "heatmaps": (17, 32, 56, 56)}
    assert SPEC.views == 10
    assert SPEC.pipeline_kind == "multimodal"
