from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from epam_baselines.ctrgcn import (
    SPEC,
    ChannelwiseGraphConvolution,
    FourBranchTemporalUnit,
    RefinedGraphConvolution,
    build_ctrgcn,
)
from epam_baselines.inputs import example_inputs
from epam_baselines.skeleton_graph import COCO, direction_partition
from epam_baselines.specification import build_model
from epam_baselines.stgcn import SkeletonNetwork

Lively = Callable[[nn.Module], nn.Module]


def meta_network(layout: str = "coco") -> SkeletonNetwork:
    with torch.device("meta"):
        return build_ctrgcn(num_classes=60, layout=layout).eval()


def mega_parameters(model: nn.Module) -> float:
    return sum(parameter.numel() for parameter in model.parameters()) / 1e6


def giga_macs(model: nn.Module, frames: int, joints: int) -> float:
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.empty(1, 2, frames, joints, 3, device="meta"))
    return counter.get_total_flops() / 2e9


def test_cost_in_two_dimensions() -> None:
    model = meta_network()
    assert round(giga_macs(model, 100, 17), 3) == 1.935
    assert round(mega_parameters(model), 3) == 1.436


def test_published_cost_of_four_streams_is_four_times_one_stream_rounded_first() -> None:
    model = meta_network("nturgb+d")
    macs, parameters = giga_macs(model, 64, 25), mega_parameters(model)
    assert (round(macs, 3), round(parameters, 3)) == (1.939, 1.447)
    # Published 7.6 G and 5.6 M, where four streams are 7.76 G and 5.79 M.
    assert round(4 * round(macs, 1), 1) == 7.6
    assert round(4 * round(parameters, 1), 1) == 5.6
    assert (round(4 * macs, 2), round(4 * parameters, 2)) == (7.76, 5.79)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    model = meta_network()
    state = model.state_dict()
    gcn, tcn = "backbone.net.0.gcn1", "backbone.net.0.tcn1"
    decisive = {
        "backbone.A": (3, 17, 17),
        "backbone.data_bn.weight": (102,),
        f"{gcn}.A": (3, 17, 17),
        f"{gcn}.alpha": (1,),
        f"{gcn}.convs.0.conv1.weight": (8, 3, 1, 1),
        f"{gcn}.convs.1.conv2.bias": (8,),
        f"{gcn}.convs.2.conv3.weight": (64, 3, 1, 1),
        f"{gcn}.convs.2.conv4.weight": (64, 8, 1, 1),
        f"{gcn}.down.0.weight": (64, 3, 1, 1),
        f"{gcn}.down.1.bias": (64,),
        f"{gcn}.bn.running_mean": (64,),
        f"{tcn}.branches.0.0.weight": (16, 64, 1, 1),
        f"{tcn}.branches.0.1.weight": (16,),
        f"{tcn}.branches.1.3.conv.weight": (16, 16, 5, 1),
        f"{tcn}.branches.1.3.bn.running_var": (16,),
        f"{tcn}.branches.2.0.bias": (16,),
        f"{tcn}.branches.2.4.weight": (16,),
        f"{tcn}.branches.3.0.weight": (16, 64, 1, 1),
        f"{tcn}.branches.3.1.num_batches_tracked": (),
        "backbone.net.4.gcn1.convs.0.conv1.weight": (8, 64, 1, 1),
        "backbone.net.4.residual.conv.weight": (128, 64, 1, 1),
        "backbone.net.9.gcn1.convs.0.conv4.weight": (256, 32, 1, 1),
        "cls_head.fc.weight": (60, 256),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # Ten blocks of 78 entries, three changes of channels and two shortcuts of 7, graph, norm, classifier.
    assert len(state) == 10 * 78 + 5 * 7 + 1 + 5 + 2
    assert "backbone.A" not in dict(model.named_parameters())


def test_published_input_gives_one_logit_a_class() -> None:
    with torch.device("meta"):
        model = build_model(SPEC)
    assert model(*example_inputs(SPEC, 2, device="meta")).shape == (2, 60)


def test_a_real_forward_gives_finite_logits_that_gradients_flow_through() -> None:
    model = build_ctrgcn(num_classes=4)
    logits = model(torch.randn(2, 2, 8, 17, 3))
    logits.square().sum().backward()
    assert logits.isfinite().all()
    assert model.backbone.net[0].gcn1.alpha.grad.any()
    assert model.backbone.net[9].gcn1.A.grad.any()


def test_each_channel_has_the_shared_graph_plus_alpha_times_its_own() -> None:
    part = ChannelwiseGraphConvolution(16, 4)
    x, adjacency, alpha = torch.randn(2, 16, 3, 5), torch.randn(5, 5), torch.tensor([0.7])
    with torch.no_grad():
        mixed = part(x, adjacency, alpha)
        sources, targets, features = part.conv1(x).mean(2), part.conv2(x).mean(2), part.conv3(x)
        weight, bias = part.conv4.weight[:, :, 0, 0], part.conv4.bias
        for channel in range(4):
            for joint in range(5):
                difference = torch.tanh(sources - targets[:, :, joint, None])
                own = torch.einsum("r,nru->nu", weight[channel], difference) + bias[channel]
                share = adjacency[:, joint] + alpha * own
                expected = (features[:, channel] * share[:, None, :]).sum(-1)
                torch.testing.assert_close(mixed[:, channel, :, joint], expected)


def test_with_a_fresh_alpha_only_neighbours_are_reached(lively: Lively) -> None:
    gcn = RefinedGraphConvolution(4 * 8, 8, direction_partition(COCO)).eval()
    lively(gcn)
    gcn.relu = nn.Identity()

    def reached() -> set[int]:
        x = torch.randn(1, 32, 5, 17)
        other = x.clone()
        other[:, :, 2, 13] += 1.0
        with torch.no_grad():
            changed = (gcn(x) - gcn(other)).abs().amax((0, 1, 2)) > 1e-6
        return set(changed.nonzero().flatten().tolist())

    # The left knee (13) is joined to the left hip (11) and the left ankle (15).
    assert reached() == {11, 13, 15}
    nn.init.constant_(gcn.alpha, 0.5)
    assert reached() == set(range(17))


@pytest.mark.parametrize(
    ("branch", "frames"),
    [(0, {8, 9, 10, 11, 12}), (1, {6, 8, 10, 12, 14}), (2, {9, 10, 11}), (3, {10})],
)
def test_each_branch_sees_time_at_its_own_scale(branch: int, frames: set[int], lively: Lively) -> None:
    tcn = lively(FourBranchTemporalUnit(8, stride=1)).eval()
    x = torch.randn(1, 8, 20, 3)
    other = x.clone()
    other[:, :, 10] += 5.0
    with torch.no_grad():
        changed = (tcn.branches[branch](x) - tcn.branches[branch](other)).abs().amax((0, 1, 3))
    assert set(changed.nonzero().flatten().tolist()) == frames


def test_a_stride_halves_time_in_every_branch_and_keeps_the_channels() -> None:
    tcn = FourBranchTemporalUnit(64, stride=2).to("meta")
    x = torch.empty(1, 64, 10, 3, device="meta")
    assert [tuple(branch(x).shape) for branch in tcn.branches] == [(1, 16, 5, 3)] * 4
    assert tcn(x).shape == (1, 64, 5, 3)
