from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from epam.errors import InputError
from epam_baselines.inputs import example_inputs
from epam_baselines.ms_g3d import (
    MSG3D,
    NTU_CHAINED,
    SPEC,
    MultiScaleTemporalConvolution,
    SlidingWindows,
    disentangled_rings,
    skeleton_adjacency,
    windowed_adjacency,
)
from epam_baselines.specification import build_model

Lively = Callable[[nn.Module], nn.Module]

CHAIN = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]])
"""Three joints in a row."""


def test_names_and_shapes_are_those_of_the_published_checkpoints() -> None:
    with torch.device("meta"):
        state = build_model(SPEC).state_dict()
    decisive = {
        "data_bn.weight": (150,),
        "gcn3d1.gcn3d.0.gcn3d.1.A_res": (6 * 75, 75),
        "gcn3d1.gcn3d.0.gcn3d.1.mlp.layers.0.weight": (96, 18, 1, 1),
        "gcn3d1.gcn3d.1.gcn3d.1.A_res": (6 * 125, 125),
        "gcn3d1.gcn3d.1.out_conv.weight": (96, 96, 1, 5, 1),
        "gcn3d2.gcn3d.0.gcn3d.1.mlp.layers.0.weight": (96, 576, 1, 1),
        "gcn3d3.gcn3d.1.out_conv.weight": (384, 192, 1, 5, 1),
        "gcn3d3.gcn3d.1.out_bn.running_mean": (384,),
        "sgcn1.0.A_res": (13 * 25, 25),
        "sgcn1.0.mlp.layers.0.weight": (96, 39, 1, 1),
        "sgcn3.0.mlp.layers.1.weight": (192,),
        "sgcn2.1.branches.3.0.weight": (32, 96, 1, 1),
        "sgcn2.1.branches.3.3.conv.weight": (32, 32, 3, 1),
        "sgcn2.1.branches.3.3.bn.bias": (32,),
        "sgcn2.1.branches.4.4.weight": (32,),
        "sgcn2.1.branches.5.0.weight": (32, 96, 1, 1),
        "sgcn2.1.residual.conv.weight": (192, 96, 1, 1),
        "tcn3.branches.5.1.weight": (64,),
        "fc.weight": (60, 384),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # A projection has 2 + 5 entries, a graph convolution one more, a pathway 2 + 5 besides; of time's six
    # branches four have two convolutions with norms, one has one with two norms, one one with one.
    graph, pathway = 8, 8 + 2 + 5
    time = 4 * 2 * 7 + (7 + 5) + 7
    assert len(state) == 5 + 2 + 3 * (2 * pathway + graph + 3 * time) + 2 * 7


def test_parameters_and_macs_are_the_published_ones_and_what_these_leave_out() -> None:
    with torch.device("meta"):
        model = build_model(SPEC).eval()
    assert sum(p.numel() for p in model.parameters()) == pytest.approx(3.2e6, rel=0.005)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        assert model(*example_inputs(SPEC, device="meta")).shape == (1, 60)
    giga_macs = {str(kind): flops / 2e9 for kind, flops in counter.get_flop_counts()["Global"].items()}
    # An author: 24 G by thop and ptflops, which see the convolutions alone.
    assert giga_macs["aten.convolution"] == pytest.approx(24.25, abs=0.01)
    assert giga_macs["aten.bmm"] == pytest.approx(8.52, abs=0.01)
    assert sum(giga_macs.values()) == pytest.approx(32.77, abs=0.01)
    assert any("leave out products with the graphs (8.5 G)" in note for note in SPEC.notes)


def test_rings_are_who_is_exactly_so_far_away() -> None:
    itself, next_door, two_away = disentangled_rings(CHAIN, 3).unflatten(0, (3, 3))
    assert torch.equal(itself, torch.eye(3))
    assert (next_door > 0).int().tolist() == [[1, 1, 0], [1, 1, 1], [0, 1, 1]]
    assert (two_away > 0).int().tolist() == [[1, 0, 1], [0, 1, 0], [1, 0, 1]]
    # The middle joint has two neighbours and itself, the first one: 1 / √(3 · 2).
    assert next_door[1, 0].item() == pytest.approx(6**-0.5)
    assert two_away[1, 1].item() == pytest.approx(1.0)


def test_a_window_joins_a_joint_to_itself_and_its_neighbours_in_every_frame() -> None:
    wide = windowed_adjacency(CHAIN, 2)
    assert wide[0].tolist() == [1, 1, 0, 1, 1, 0]


def test_the_skeleton_is_a_tree_with_the_tip_of_a_hand_at_its_thumb() -> None:
    adjacency = skeleton_adjacency(NTU_CHAINED)
    assert torch.equal(adjacency, adjacency.T)
    assert adjacency.sum() == 2 * 24
    assert adjacency[21].nonzero().flatten().tolist() == [22]
    assert adjacency[22].nonzero().flatten().tolist() == [7, 21]


def test_sliding_windows_show_the_frames_around_with_zeros_at_the_ends() -> None:
    # One joint whose value is its frame, from 1 on.
    x = torch.arange(1.0, 5.0).view(1, 1, 4, 1)
    assert SlidingWindows(3, 1)(x)[0, 0].tolist() == [[0, 1, 2], [1, 2, 3], [2, 3, 4], [3, 4, 0]]
    assert SlidingWindows(3, 2)(x)[0, 0].tolist() == [[0, 1, 2], [2, 3, 4]]


def test_sliding_windows_keep_joints_of_one_frame_together() -> None:
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
    assert SlidingWindows(3, 1)(x)[0, 0].tolist() == [[0, 0, 1, 2, 3, 4], [1, 2, 3, 4, 0, 0]]


def test_time_is_seen_at_most_four_frames_away() -> None:
    layer = MultiScaleTemporalConvolution(6, 6).eval()
    for module in layer.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.ones_(module.weight)  # so that no ReLU hides a change
    x = torch.rand(1, 6, 15, 1)
    other = x.clone()
    other[:, :, 7] += 1
    with torch.no_grad():
        # Branches look 1, 2, 3 and 4 frames to either side.
        reached = (layer(x) - layer(other)).abs().amax((0, 1, 3)) > 0
    assert reached.nonzero().flatten().tolist() == list(range(3, 12))


def test_a_real_forward_pass_gives_logits_that_depend_on_the_order_of_frames(lively: Lively) -> None:
    model = MSG3D(num_classes=5, frames=8, persons=2)
    lively(model).eval()
    skeleton = torch.randn(2, 2, 8, 25, 3)
    with torch.no_grad():
        logits = model(skeleton)
        assert logits.shape == (2, 5)
        assert not torch.allclose(logits, model(skeleton.flip(2)), atol=1e-4)


def test_a_sequence_of_another_length_is_refused() -> None:
    with pytest.raises(InputError, match=r"ms_g3d: clips must be \(N, 2, 300, 25, 3\)"):
        MSG3D(num_classes=5)(torch.zeros(1, 2, 100, 25, 3))
