from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from epam_baselines.specification import ModelSpec, Options, build_model
from epam_baselines.x3d_pose import SHALLOW, SPEC, X3DPose

WITH_ALL: Options = {}
WITHOUT_EXCITATION: Options = {"excite": False}


def meta_model(spec: ModelSpec, options: Options = WITH_ALL) -> X3DPose:
    with torch.device("meta"):
        model = build_model(spec, options=options)
    assert isinstance(model, X3DPose)
    return model.eval()


def backbone_parameters(model: X3DPose) -> int:
    return sum(parameter.numel() for parameter in model.backbone.parameters())


def giga_by_fvcore_backbone(model: X3DPose, side: int) -> float:
    """Multiply-adds of the convolutions, and two operations an element of each batch norm."""
    normed: list[int] = []
    for part in model.modules():
        if isinstance(part, nn.BatchNorm3d):
            part.register_forward_hook(lambda _module, _inputs, out: normed.append(out.numel()))
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model.backbone(torch.empty(1, 17, 48, side, side, device="meta"))
    return (counter.get_total_flops() / 2 + 2 * sum(normed)) / 1e9


# What a run of EPAM-Net's published code gave, without the head (shared facts, REFERENCE-RUN).
@pytest.mark.parametrize(
    ("spec", "options", "mega_parameters", "giga"),
    [
        (SPEC, WITH_ALL, 0.573, 3.977),
        (SPEC, WITHOUT_EXCITATION, 0.531, 3.977),
        (SHALLOW, WITH_ALL, 0.241, 0.591),
    ],
    ids=["x3d_pose", "x3d_pose-without", "x3d_shallow_pose"],
)
def test_size_and_cost_are_those_of_the_published_code(
    spec: ModelSpec, options: Options, mega_parameters: float, giga: float
) -> None:
    model = meta_model(spec, options)
    assert round(backbone_parameters(model) / 1e6, 3) == mega_parameters
    assert round(giga_by_fvcore_backbone(model, 56), 3) == giga


def test_names_and_shapes_are_those_of_the_published_code() -> None:
    state = meta_model(SPEC).state_dict()
    decisive = {
        "backbone.conv1_s.conv.weight": (24, 17, 1, 3, 3),
        "backbone.conv1_t.conv.weight": (24, 1, 5, 1, 1),
        "backbone.conv1_t.bn.running_var": (24,),
        "backbone.layer1.0.conv2.conv.weight": (54, 1, 3, 3, 3),
        "backbone.layer1.0.downsample.conv.weight": (24, 24, 1, 1, 1),
        "backbone.layer1.4.se_module.fc1.weight": (8, 54, 1, 1, 1),
        "backbone.layer2.10.se_module.fc2.weight": (108, 8, 1, 1, 1),
        "backbone.layer3.6.se_module.fc1.bias": (16,),
        "backbone.layer3.6.conv3.conv.weight": (96, 216, 1, 1, 1),
        "backbone.conv5.conv.weight": (216, 96, 1, 1, 1),
        "cls_head.fc_cls.weight": (60, 216),
        "cls_head.fc_cls.bias": (60,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # Stem 1 + 6; 23 blocks of three convolutions with norms; 3 shortcuts; conv5; 13 excitations; head.
    assert len(state) == 7 + 23 * 18 + 3 * 6 + 6 + 13 * 4 + 2
    assert "backbone.conv1_s.bn.weight" not in state


def test_the_shallow_one_has_pyskls_names_and_no_excitation() -> None:
    state = meta_model(SHALLOW).state_dict()
    assert len(state) == 7 + 10 * 18 + 3 * 6 + 6 + 2
    assert not any("se_module" in key for key in state)
    for stage, depth in enumerate((2, 5, 3), start=1):
        assert f"backbone.layer{stage}.{depth - 1}.conv3.bn.weight" in state
        assert f"backbone.layer{stage}.{depth}.conv1.conv.weight" not in state


def test_the_stem_keeps_the_size_of_heatmaps_but_in_the_shallow_network() -> None:
    heatmaps = torch.empty(1, 17, 48, 56, 56, device="meta")
    assert meta_model(SPEC).backbone(heatmaps).shape == (1, 216, 48, 7, 7)
    assert meta_model(SHALLOW).backbone(heatmaps).shape == (1, 216, 48, 4, 4)


@pytest.mark.parametrize("spec", [SPEC, SHALLOW], ids=lambda spec: spec.name)
def test_a_small_clip_gives_finite_logits(spec: ModelSpec, lively: Callable[[nn.Module], nn.Module]) -> None:
    model = lively(build_model(spec, num_classes=4)).eval()
    with torch.no_grad():
        logits = model(torch.rand(2, 17, 3, 16, 16))
    assert logits.shape == (2, 4)
    assert logits.isfinite().all()


def test_one_clip_a_video_for_epam_net_and_ten_for_pyskl() -> None:
    assert (SPEC.views, SHALLOW.views) == (1, 10)
    assert SPEC.frame_interval is SHALLOW.frame_interval is None
