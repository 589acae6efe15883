from __future__ import annotations

from collections.abc import Callable
from decimal import ROUND_HALF_UP, Decimal

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from epam.errors import InputError
from epam_baselines.agcn import (
    ONE_STREAM_SPEC,
    SPEC,
    AdaptiveGraphConvolution,
    TwoStreamAgcn,
    build_agcn,
)
from epam_baselines.inputs import example_inputs
from epam_baselines.skeleton_graph import COCO, bones, direction_partition
from epam_baselines.specification import ModelSpec, build_model

Lively = Callable[[nn.Module], nn.Module]


def meta(build: Callable[..., nn.Module], layout: str = "coco") -> nn.Module:
    with torch.device("meta"):
        return build(num_classes=60, layout=layout).eval()


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def giga_macs(model: nn.Module, joints: int) -> float:
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.empty(1, 2, 100, joints, 3, device="meta"))
    return counter.get_total_flops() / 2e9


def rounded_half_up(number: Decimal, step: str) -> Decimal:
    return number.quantize(Decimal(step), ROUND_HALF_UP)


@pytest.mark.parametrize(
    ("layout", "joints", "ours", "by_publishers_counter", "published"),
    [("coco", 17, 4.336, "4.349", "4.4"), ("nturgb+d", 25, 6.469, "6.488", "6.5")],
)
def test_published_macs_are_the_publishers_count_of_one_stream_rounded_twice(
    layout: str, joints: int, ours: float, by_publishers_counter: str, published: str
) -> None:
    model, normalised = meta(build_agcn, layout), []
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.register_forward_hook(lambda _part, _inputs, output: normalised.append(output.numel()))
    macs = giga_macs(model, joints)
    assert round(macs, 3) == ours
    # What fvcore and mmengine 0.10.7 print for this network: two operations a normalised element.
    counted = Decimal(macs + 2 * sum(normalised) / 1e9)
    assert rounded_half_up(counted, "0.001") == Decimal(by_publishers_counter)
    assert rounded_half_up(rounded_half_up(counted, "0.01"), "0.1") == Decimal(published)
    assert round(parameters(model) / 1e6, 1) == 3.5


def test_parameters_of_the_older_metafile_are_those_of_an_older_block() -> None:
    norms_before_time = 2 * (4 * 64 + 3 * 128 + 3 * 256)
    one_norm_for_both_persons = -2 * 25 * 3
    no_alpha = -10
    ours = parameters(meta(build_agcn, "nturgb+d"))
    assert ours + norms_before_time + one_norm_for_both_persons + no_alpha == 3_472_176


def test_two_streams_cost_twice_one() -> None:
    one, two = meta(build_agcn), meta(TwoStreamAgcn)
    assert parameters(two) == 2 * parameters(one) == 6_918_688
    assert giga_macs(two, 17) == 2 * giga_macs(one, 17) == pytest.approx(8.672, abs=5e-4)


def test_names_and_shapes_of_a_stream_are_those_of_the_published_checkpoint() -> None:
    model = meta(build_agcn)
    state = model.state_dict()
    decisive = {
        "backbone.A": (3, 17, 17),
        "backbone.data_bn.weight": (102,),
        "backbone.gcn.0.gcn.A": (3, 17, 17),
        "backbone.gcn.0.gcn.alpha": (1,),
        "backbone.gcn.0.gcn.conv_a.2.weight": (16, 3, 1, 1),
        "backbone.gcn.0.gcn.conv_b.0.bias": (16,),
        "backbone.gcn.0.gcn.conv_d.1.weight": (64, 3, 1, 1),
        "backbone.gcn.0.gcn.down.0.weight": (64, 3, 1, 1),
        "backbone.gcn.0.gcn.down.1.running_mean": (64,),
        "backbone.gcn.0.gcn.bn.weight": (64,),
        "backbone.gcn.3.tcn.conv.weight": (64, 64, 9, 1),
        "backbone.gcn.3.tcn.bn.num_batches_tracked": (),
        "backbone.gcn.4.gcn.conv_a.0.weight": (32, 64, 1, 1),
        "backbone.gcn.7.residual.conv.bias": (256,),
        "backbone.gcn.9.gcn.conv_d.2.weight": (256, 256, 1, 1),
        "cls_head.fc.weight": (60, 256),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # Ten blocks of 32 entries, three changes of channels and two shortcuts of 7, graph, norm, classifier.
    assert len(state) == 10 * 32 + 5 * 7 + 1 + 5 + 2
    assert "backbone.A" not in dict(model.named_parameters())


def test_both_streams_of_the_two_hold_a_published_checkpoint() -> None:
    one, two = meta(build_agcn).state_dict(), meta(TwoStreamAgcn).state_dict()
    assert set(two) == {f"{stream}.{key}" for stream in ("joint", "bone") for key in one}


@pytest.mark.parametrize("spec", [SPEC, ONE_STREAM_SPEC], ids=lambda spec: spec.name)
def test_published_input_gives_one_logit_a_class(spec: ModelSpec) -> None:
    with torch.device("meta"):
        model = build_model(spec)
    assert model(*example_inputs(spec, 2, device="meta")).shape == (2, 60)
    for path in spec.head:
        assert sum(p.numel() for p in model.get_submodule(path).parameters()) == 60 * 257


def test_probabilities_are_the_mean_of_those_of_joints_and_bones(lively: Lively) -> None:
    model = TwoStreamAgcn(num_classes=5).eval()
    lively(model)
    skeleton = torch.randn(2, 2, 8, 17, 3)
    with torch.no_grad():
        joint = model.joint(skeleton).softmax(-1)
        bone = model.bone(bones(skeleton, COCO)).softmax(-1)
        fused = model(skeleton)
    assert (joint - bone).abs().max() > 1e-3
    torch.testing.assert_close(fused.softmax(-1), (joint + bone) / 2)
    torch.testing.assert_close(fused.exp().sum(-1), torch.ones(2))


def test_streams_that_are_sure_of_different_classes_stay_finite() -> None:
    model = TwoStreamAgcn(num_classes=2).eval()
    with torch.no_grad():
        model.joint.cls_head.fc.bias.copy_(torch.tensor([500.0, -500.0]))
        model.bone.cls_head.fc.bias.copy_(torch.tensor([500.0, -500.0]))
        assert model(torch.randn(1, 2, 8, 17, 3)).isfinite().all()


def test_a_step_of_training_reaches_both_streams() -> None:
    model = TwoStreamAgcn(num_classes=3)
    loss = nn.functional.cross_entropy(model(torch.randn(2, 2, 8, 17, 3)), torch.tensor([0, 2]))
    loss.backward()
    for stream in (model.joint, model.bone):
        assert stream.cls_head.fc.weight.grad.any()
        assert stream.backbone.gcn[0].tcn.conv.weight.grad.any()


def reached_joints(gcn: AdaptiveGraphConvolution, x: Tensor, joint: int) -> set[int]:
    other = x.clone()
    other[..., joint] += 1.0
    with torch.no_grad():
        changed = (gcn(x) - gcn(other)).abs().amax((0, 1, 2)) > 1e-6
    return set(changed.nonzero().flatten().tolist())


def test_a_fresh_graph_is_the_skeletons_and_alpha_joins_all_joints(lively: Lively) -> None:
    gcn = AdaptiveGraphConvolution(4, 8, direction_partition(COCO)).eval()
    lively(gcn)
    gcn.relu = nn.Identity()
    x = torch.randn(1, 4, 5, 17)
    # The left knee (13) is joined to the left hip (11) and the left ankle (15).
    assert reached_joints(gcn, x, 13) == {11, 13, 15}
    nn.init.constant_(gcn.alpha, 0.5)
    assert reached_joints(gcn, x, 13) == set(range(17))


def test_joints_are_compared_over_all_channels_and_frames() -> None:
    gcn = AdaptiveGraphConvolution(1, 4, torch.zeros(1, 2, 2))
    for conv in (gcn.conv_a[0], gcn.conv_b[0]):
        nn.init.ones_(conv.weight)
    for weight in (gcn.conv_d[0].weight, gcn.alpha):
        nn.init.ones_(weight)
    x = torch.tensor([[1.0, 2.0], [3.0, 4.0]])  # two frames of two joints
    alike = torch.tanh(x.T @ x / 2)
    with torch.no_grad():
        part = gcn._part(x[None, None], 0)
    torch.testing.assert_close(part[0, 0], x @ alike)


def test_a_fresh_block_is_all_but_its_shortcut() -> None:
    gcn = AdaptiveGraphConvolution(8, 8, direction_partition(COCO)).eval()
    x = torch.randn(1, 8, 4, 17)
    torch.testing.assert_close(gcn(x), x.relu(), atol=1e-4, rtol=0)


def test_one_person_alone_is_refused() -> None:
    with pytest.raises(InputError, match="1 persons"):
        meta(build_agcn)(torch.empty(2, 1, 8, 17, 3, device="meta"))
