from __future__ import annotations

import functools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import inception_v3

from epam.errors import InputError
from epam_baselines.inputs import example_inputs
from epam_baselines.mmnet import PARTS, SPEC, GraphMix, MMNet, SkeletonFeatures, part_weights
from epam_baselines.skeleton_graph import NTU, bones
from epam_baselines.specification import build_model

Lively = Callable[[nn.Module], nn.Module]
PUBLISHED_GIGA_MACS = 89.2
"""EPAM-Net, table 1."""


@functools.cache
def meta_mmnet() -> MMNet:
    with torch.device("meta"):
        model = build_model(SPEC).eval()
    assert isinstance(model, MMNet)
    return model


def millions(model: nn.Module) -> float:
    return sum(parameter.numel() for parameter in model.parameters()) / 1e6


def giga_macs(model: nn.Module, *inputs: Tensor) -> float:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(*inputs)
    return counter.get_total_flops() / 2e9


def test_the_public_codes_parts_cost_less_than_the_published_count() -> None:
    model = meta_mmnet()
    rgb, skeleton = example_inputs(SPEC, device="meta")
    whole = giga_macs(model, rgb, skeleton)
    assert whole == pytest.approx(84.69, abs=0.01)
    assert giga_macs(model.joint, skeleton) == pytest.approx(32.77, abs=0.01)
    assert giga_macs(model.rgb_fused.stgcn, skeleton) == pytest.approx(17.09, abs=0.01)
    picture = torch.empty(1, 3, 225, 225, device="meta")
    assert giga_macs(model.rgb_fused.resnet, picture) == pytest.approx(2.05, abs=0.01)
    assert whole / PUBLISHED_GIGA_MACS == pytest.approx(0.949, abs=0.001)


def test_with_an_inception_v3_for_the_picture_the_parts_fit_the_published_count() -> None:
    model = meta_mmnet()
    with torch.device("meta"):
        inception = inception_v3(weights=None, num_classes=60, init_weights=False).eval()
    rgb, skeleton = example_inputs(SPEC, device="meta")
    picture, larger = torch.empty(1, 3, 225, 225, device="meta"), torch.empty(1, 3, 299, 299, device="meta")
    rest = giga_macs(model, rgb, skeleton) - giga_macs(model.rgb_fused.resnet, picture)
    assert rest + giga_macs(inception, larger) == pytest.approx(PUBLISHED_GIGA_MACS, rel=0.01)
    # EPAM-Net's first version claims 9 to 9.6 times fewer parameters; ours of it has 3.684 M.
    without = millions(model) - millions(model.rgb_fused.resnet)
    assert (without + millions(inception)) / 3.684 == pytest.approx(9.2, abs=0.05)
    assert millions(model) / 3.684 == pytest.approx(5.6, abs=0.05)
    assert any("our inference" in note for note in SPEC.notes)


def test_names_and_shapes_are_those_of_the_public_codes_checkpoints() -> None:
    state = meta_mmnet().state_dict()
    decisive = {
        "rgb_fused.resnet.conv1.weight": (64, 3, 7, 7),
        "rgb_fused.resnet.layer4.1.bn2.running_var": (512,),
        "rgb_fused.resnet.fc.weight": (60, 512),
        "rgb_fused.stgcn.A": (3, 25, 25),
        "rgb_fused.stgcn.data_bn.weight": (75,),
        "rgb_fused.stgcn.edge_importance.9": (3, 25, 25),
        "rgb_fused.stgcn.st_gcn_networks.0.gcn.conv.weight": (192, 3, 1, 1),
        "rgb_fused.stgcn.st_gcn_networks.4.tcn.0.weight": (128,),
        "rgb_fused.stgcn.st_gcn_networks.4.tcn.2.weight": (128, 128, 9, 1),
        "rgb_fused.stgcn.st_gcn_networks.7.residual.0.weight": (256, 128, 1, 1),
        "rgb_fused.stgcn.st_gcn_networks.7.residual.1.running_mean": (256,),
        "rgb_fused.stgcn.fcn.weight": (60, 256, 1, 1),
        "joint.sgcn1.0.A_res": (325, 25),
        "bone.fc.bias": (60,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # A, norm, ten blocks of 2 + 5 + 2 + 5, two shortcuts of 2 + 5, ten importances, the classifier.
    assert sum(key.startswith("rgb_fused.stgcn.") for key in state) == 1 + 5 + 10 * 14 + 2 * 7 + 10 + 2
    assert millions(meta_mmnet().rgb_fused.stgcn) == pytest.approx(3.1, rel=0.001)


def with_activity(values: dict[tuple[int, int, int], float]) -> Tensor:
    """Features ``(1, 2, 1, 20, 25)`` of zeros but at some ``(person, time, joint)``."""
    features = torch.zeros(1, 2, 1, 20, 25)
    for (person, time, joint), value in values.items():
        features[0, person, 0, time, joint] = value
    return features


def test_a_part_weighs_the_mean_of_its_fifteen_most_active_places_in_time() -> None:
    hand = PARTS[1]
    # All 20 places at full activity, but for the foot: three of the fifteen that count.
    features = with_activity(
        {(0, time, hand): 2.0 for time in range(20)} | {(0, time, PARTS[4]): -2.0 for time in range(3)}
    )
    weights = part_weights(features)[0]
    assert weights.tolist() == pytest.approx([0, 255 / 127, 0, 0, 51 / 127])


def test_the_more_active_person_counts() -> None:
    head = PARTS[0]
    features = with_activity({(0, time, 20): 1.0 for time in range(20)})
    features += with_activity({(1, time, joint): 1.0 for time in range(20) for joint in (head, 20)})
    assert part_weights(features)[0].tolist() == pytest.approx([255 / 127, 0, 0, 0, 0])


def test_a_skeleton_without_any_activity_gives_zeros_not_nan() -> None:
    assert part_weights(torch.zeros(2, 2, 4, 20, 25)).tolist() == [[0.0] * 5] * 2


def test_the_graph_mixes_what_each_part_of_the_neighbourhood_says() -> None:
    layer = GraphMix(1, 1, 2)
    nn.init.ones_(layer.conv.weight)
    nn.init.zeros_(layer.conv.bias)  # type: ignore[arg-type]
    # The first part is the joint itself, the second its neighbour ten times over.
    graph = torch.stack((torch.eye(2), torch.tensor([[0.0, 10], [10, 0]])))
    out = layer(torch.tensor([1.0, 2.0]).view(1, 1, 1, 2), graph)
    assert out.flatten().tolist() == [21.0, 12.0]


def test_the_skeletons_features_halve_time_twice() -> None:
    features = SkeletonFeatures(num_classes=5).eval()(torch.randn(1, 2, 16, 25, 3))
    assert features.shape == (1, 2, 256, 4, 25)


def test_scores_of_the_three_networks_add_up_and_frames_stand_side_by_side(lively: Lively) -> None:
    model = MMNet(num_classes=5, frames=60, persons=1)
    lively(model).eval()
    rgb, skeleton = torch.randn(1, 3, 5, 225, 45), torch.randn(1, 1, 60, 25, 3)
    with torch.no_grad():
        rows = part_weights(model.rgb_fused.stgcn(skeleton))[0]
        # Part p of frame f stands in rows 45p … and columns 45f ….
        picture = torch.cat([rgb[:, :, frame] for frame in range(5)], dim=3)
        for part in range(5):
            picture[:, :, 45 * part : 45 * (part + 1)] *= rows[part]
        expected = model.rgb_fused.resnet(picture) + model.joint(skeleton) + model.bone(bones(skeleton, NTU))
        torch.testing.assert_close(model(rgb, skeleton), expected, rtol=1e-4, atol=1e-4)


def test_pictures_and_skeletons_of_another_size_are_refused() -> None:
    model = meta_mmnet()
    rgb, skeleton = example_inputs(SPEC, device="meta")
    with pytest.raises(InputError, match=r"mmnet: clips must be \(N, 3, 5, 225, 45\)"):
        model(rgb[:, :, :4], skeleton)
    with pytest.raises(InputError, match=r"mmnet: clips must be \(N, 2, 300, 25, 3\)"):
        model(rgb, skeleton[:, :, :100])
