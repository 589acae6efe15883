from __future__ import annotations

import copy
import functools
import math
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from epam.errors import InputError
from epam_baselines.inception_i3d import Unit3D
from epam_baselines.inputs import example_inputs
from epam_baselines.specification import build_model
from epam_baselines.vpn import BONES, FAR_PAIRS, SPEC, VPN, GraphConvolutions, PoseBackbone, skeleton_filters

Lively = Callable[[nn.Module], nn.Module]
PUBLISHED_GIGA_MACS = 107.9
"""EPAM-Net, table 1."""


@functools.cache
def meta_vpn() -> VPN:
    with torch.device("meta"):
        model = build_model(SPEC).eval()
    assert isinstance(model, VPN)
    return model


def giga_macs(model: nn.Module, *inputs: Tensor) -> float:
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        model(*inputs)
    return counter.get_total_flops() / 2e9


def test_the_published_count_leaves_the_pose_network_out_and_still_differs_by_three_percent() -> None:
    model = meta_vpn()
    clip, skeleton = example_inputs(SPEC, device="meta")
    whole, video = giga_macs(model, clip, skeleton), giga_macs(model.i3d, clip)
    assert whole == pytest.approx(111.18, abs=0.01)
    assert video == pytest.approx(111.15, abs=0.01)
    assert giga_macs(model.pose, skeleton[:, 0]) == pytest.approx(0.03, abs=0.001)
    assert video / PUBLISHED_GIGA_MACS == pytest.approx(1.030, abs=0.001)


def test_no_other_clip_that_was_tried_gives_the_published_count() -> None:
    model = meta_vpn()
    for frames, side, expected in ((62, 224, 108.31), (64, 220, 109.02)):
        clip = torch.empty(1, 3, frames, side, side, device="meta")
        assert giga_macs(model.i3d, clip) == pytest.approx(expected, abs=0.01)


def taps_inside(size: int, window: int, step: int) -> int:
    """Products along one axis that do not fall on SAME padding, over all outputs."""
    outputs = -(-size // step)
    before = max((outputs - 1) * step + window - size, 0) // 2
    return sum(0 <= at * step - before + tap < size for at in range(outputs) for tap in range(window))


def test_products_with_padding_left_out_do_not_give_the_published_count() -> None:
    trunk, macs = copy.deepcopy(meta_vpn().i3d), 0

    def add(unit: nn.Module, inputs: tuple[Tensor, ...], _: Tensor) -> None:
        nonlocal macs
        assert isinstance(unit, Unit3D)
        inside = math.prod(map(taps_inside, inputs[0].shape[2:], unit.kernel, unit.stride))
        macs += inside * unit.conv3d.in_channels * unit.conv3d.out_channels

    for unit in trunk.modules():
        if isinstance(unit, Unit3D):
            unit.register_forward_hook(add)
    trunk(torch.empty(1, 3, 64, 224, 224, device="meta"))
    assert macs / 1e9 == pytest.approx(104.40, abs=0.01)


def test_parameters_by_part() -> None:
    model = meta_vpn()
    parts = {name: sum(p.numel() for p in part.parameters()) for name, part in model.named_children()}
    assert parts["i3d"] == pytest.approx(12.29e6, rel=1e-3)
    # 30 steps of 2 × 3 coordinates to 64; three convolutions; norms of 67, 64, 64 and 128; two layers.
    graph = 30 * (6 * 64 + 64)
    convolutions = 67 * 64 * 9 + 64 + 64 * 64 * 9 + 64 + 64 * 128 * 9 + 128
    norms = 2 * (67 + 64 + 64 + 128)
    layers = 256 * 256 + 256 + 256 * 128 + 128
    assert parts["pose"] == graph + convolutions + norms + layers
    assert parts["logits"] == 1024 * 60 + 60
    assert parts["action_output"] == 7 * 60 * 60 + 60


def test_the_trunk_has_the_published_names_of_inception_i3d() -> None:
    state = meta_vpn().state_dict()
    assert state["i3d.Mixed_5c.b1a.conv3d.weight"].shape == (192, 832, 1, 1, 1)
    assert {key.split(".")[0] for key in state} == {
        *("i3d", "pose", "z1_layer", "z2_layer", "dense_spatial", "dense_temporal", "logits"),
        "action_output",
    }
    assert not any("filters" in key for key in state)


def test_filters_are_the_joint_itself_and_its_weighted_normalised_neighbourhood() -> None:
    itself, neighbourhood = skeleton_filters()
    assert torch.equal(itself, torch.eye(25))
    torch.testing.assert_close(neighbourhood, neighbourhood.T)
    # Joint 4 (the head) has one bone, to joint 3: rows sum to 1 + 5 and 1 + 5 + 5.
    assert neighbourhood[3].nonzero().flatten().tolist() == [2, 3]
    assert neighbourhood[3, 3].item() == pytest.approx(1 / 6)
    assert neighbourhood[3, 2].item() == pytest.approx(5 / (6 * 11) ** 0.5)
    # From the wrist 12, the far pair with joint 19 weighs less than the bone to joint 25.
    assert 0 < neighbourhood[11, 18] < neighbourhood[11, 24]


def test_the_skeleton_is_a_tree_over_all_joints_and_far_pairs_are_no_bones() -> None:
    assert len(BONES) == 24
    assert {joint for bone in BONES for joint in bone} == set(range(1, 26))
    reached = {1}
    for _ in BONES:
        reached |= {joint for bone in BONES if reached & set(bone) for joint in bone}
    assert reached == set(range(1, 26))
    assert not {frozenset(pair) for pair in BONES} & {frozenset(pair) for pair in FAR_PAIRS}


def test_a_graph_convolution_sees_a_joint_and_its_neighbours_in_its_own_step_only() -> None:
    layer = GraphConvolutions(steps=3, coordinates=3, channels=8)
    pose = torch.randn(1, 3, 25, 3)
    other = pose.clone()
    other[:, 1, 3] += 1.0  # joint 4, whose one neighbour is joint 3, in the second step
    with torch.no_grad():
        changed = (layer(pose) - layer(other)).abs().amax((0, 3)) > 0
    assert changed.nonzero().tolist() == [[1, 2], [1, 3]]


def test_a_fresh_network_looks_everywhere_alike() -> None:
    model = VPN(num_classes=5, frames=16, steps=30).eval()
    with torch.no_grad():
        weights = model.attention(torch.randn(2, 1, 30, 25, 3))
    # softmax of zeros over two volumes, times sigmoid of zeros.
    assert weights.shape == (2, 1, 2, 7, 7)
    torch.testing.assert_close(weights, torch.full((2, 1, 2, 7, 7), 0.25))


def test_the_pose_changes_the_logits_through_the_attention(lively: Lively) -> None:
    model = VPN(num_classes=5, frames=16)
    lively(model).eval()
    nn.init.normal_(model.dense_spatial.weight)
    clip, skeleton = torch.randn(1, 3, 16, 224, 224), torch.randn(1, 1, 30, 25, 3)
    with torch.no_grad():
        features = model.i3d(clip)
        attention = model.attention(skeleton)
        attended = features * (1 + attention)
        # 16 frames are two volumes: one window, so that the pool is a plain mean.
        expected = model.action_output(model.logits(attended.mean((2, 3, 4), keepdim=True)).flatten(1))
        torch.testing.assert_close(model(clip, skeleton), expected, rtol=1e-4, atol=1e-4)
        assert not torch.allclose(attention, model.attention(-skeleton))


def test_the_pose_backbone_gives_one_vector_a_clip() -> None:
    backbone = PoseBackbone(steps=30, coordinates=3, channels=64, dropout=0.3).eval()
    assert backbone(torch.randn(2, 30, 25, 3)).shape == (2, 128)


def test_clips_and_skeletons_of_another_size_are_refused() -> None:
    model = meta_vpn()
    clip, skeleton = example_inputs(SPEC, device="meta")
    with pytest.raises(InputError, match=r"vpn: clips must be \(N, 3, 64, 224, 224\)"):
        model(clip[:, :, :32], skeleton)
    with pytest.raises(InputError, match=r"vpn: clips must be \(N, 1, 30, 25, 3\)"):
        model(clip, skeleton[:, :, :16])


def test_the_specification_says_what_the_published_number_is_of() -> None:
    assert any("107.9 G leave the pose network out" in note for note in SPEC.notes)
    # The embedding of the training loss: all of Mixed_5c's values and the 49 weights, to 256 each.
    left_out = (8 * 7 * 7 * 1024 + 1) * 256 + (49 + 1) * 256
    assert left_out / 1e6 == pytest.approx(102.8, abs=0.05)
    assert any("102.8 M parameters" in note for note in SPEC.notes)
