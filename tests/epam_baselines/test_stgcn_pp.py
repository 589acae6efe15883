from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from epam_baselines.inputs import example_inputs
from epam_baselines.skeleton_graph import COCO, direction_partition
from epam_baselines.specification import build_model
from epam_baselines.stgcn import SkeletonNetwork
from epam_baselines.stgcn_pp import SPEC, LearntGraphConvolution, MultiScaleTemporalUnit, build_stgcn_pp

Lively = Callable[[nn.Module], nn.Module]


def meta_network(layout: str = "coco") -> SkeletonNetwork:
    with torch.device("meta"):
        return build_stgcn_pp(num_classes=60, layout=layout).eval()


@pytest.mark.parametrize(
    ("layout", "joints", "published", "ours", "parameters"),
    [("coco", 17, 1.95, 1.926, 1.39), ("nturgb+d", 25, 2.96, 2.925, 1.40)],
)
def test_published_cost_is_ours_plus_two_operations_a_normalised_element(
    layout: str, joints: int, published: float, ours: float, parameters: float
) -> None:
    model, normalised = meta_network(layout), []
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.register_forward_hook(lambda _part, _inputs, output: normalised.append(output.numel()))
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.empty(1, 2, 100, joints, 3, device="meta"))
    macs = counter.get_total_flops() / 2e9
    assert round(macs, 3) == ours
    assert round(macs + 2 * sum(normalised) / 1e9, 2) == published
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 2) == parameters


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    model = meta_network()
    state = model.state_dict()
    tcn = "backbone.gcn.0.tcn"
    decisive = {
        "backbone.data_bn.running_mean": (51,),
        "backbone.gcn.0.gcn.A": (3, 17, 17),
        "backbone.gcn.0.gcn.conv.weight": (192, 3, 1, 1),
        "backbone.gcn.0.gcn.down.0.weight": (64, 3, 1, 1),
        "backbone.gcn.0.gcn.down.1.running_var": (64,),
        f"{tcn}.branches.0.0.weight": (14, 64, 1, 1),
        f"{tcn}.branches.0.1.weight": (14,),
        f"{tcn}.branches.0.3.conv.weight": (14, 14, 3, 1),
        f"{tcn}.branches.3.3.conv.bias": (10,),
        f"{tcn}.branches.4.1.running_mean": (10,),
        f"{tcn}.branches.5.weight": (10, 64, 1, 1),
        f"{tcn}.transform.0.weight": (64,),
        f"{tcn}.transform.2.weight": (64, 64, 1, 1),
        f"{tcn}.bn.weight": (64,),
        "backbone.gcn.4.tcn.branches.0.0.weight": (23, 128, 1, 1),
        "backbone.gcn.4.residual.conv.weight": (128, 64, 1, 1),
        "backbone.gcn.9.tcn.branches.0.0.weight": (46, 256, 1, 1),
        "backbone.gcn.9.tcn.branches.1.0.weight": (42, 256, 1, 1),
        "cls_head.fc.weight": (60, 256),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # Ten blocks of 65 entries, three changes of channels and two shortcuts of 7, norm, classifier.
    assert len(state) == 10 * 65 + 5 * 7 + 5 + 2
    assert "backbone.gcn.0.gcn.A" in dict(model.named_parameters())


def test_published_input_gives_one_logit_a_class() -> None:
    with torch.device("meta"):
        model = build_model(SPEC)
    assert model(*example_inputs(SPEC, 2, device="meta")).shape == (2, 60)


def test_a_real_forward_gives_finite_logits() -> None:
    model = build_stgcn_pp(num_classes=4, layout="nturgb+d")
    logits = model(torch.randn(2, 2, 8, 25, 3))
    assert logits.shape == (2, 4)
    assert logits.isfinite().all()


def test_a_fresh_graph_is_the_skeleton_and_can_be_learnt() -> None:
    gcn = LearntGraphConvolution(3, 8, direction_partition(COCO))
    assert torch.equal(gcn.A, direction_partition(COCO))
    gcn(torch.randn(2, 3, 4, 17)).square().sum().backward()
    assert gcn.A.grad is not None
    # Joints that no bone joins may be joined by training.
    assert gcn.A.grad[1, 15, 16] != 0


def test_a_graph_convolution_is_its_shortcut_plus_what_it_mixes() -> None:
    gcn = LearntGraphConvolution(8, 8, direction_partition(COCO)).eval()
    nn.init.zeros_(gcn.bn.weight)
    x = torch.randn(1, 8, 4, 17)
    assert torch.equal(gcn(x), x.relu())


@pytest.mark.parametrize(
    ("branch", "frames"),
    [
        (0, {9, 10, 11}),
        (1, {8, 10, 12}),
        (2, {7, 10, 13}),
        (3, {6, 10, 14}),
        (4, {9, 10, 11}),
        (5, {10}),
    ],
)
def test_each_branch_sees_time_at_its_own_scale(branch: int, frames: set[int], lively: Lively) -> None:
    tcn = lively(MultiScaleTemporalUnit(12, stride=1)).eval()
    x = torch.randn(1, 12, 20, 3)
    other = x.clone()
    other[:, :, 10] += 5.0
    with torch.no_grad():
        changed = (tcn.branches[branch](x) - tcn.branches[branch](other)).abs().amax((0, 1, 3))
    assert set(changed.nonzero().flatten().tolist()) == frames


def test_a_stride_halves_time_in_every_branch_and_keeps_the_channels() -> None:
    tcn = MultiScaleTemporalUnit(64, stride=2).to("meta")
    x = torch.empty(1, 64, 10, 3, device="meta")
    assert [branch(x).shape[1] for branch in tcn.branches] == [14, 10, 10, 10, 10, 10]
    assert tcn(x).shape == (1, 64, 5, 3)
