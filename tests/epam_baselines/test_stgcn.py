from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

import epam
from epam.errors import CheckpointError, InputError, UnknownNameError
from epam_baselines.agcn import build_agcn
from epam_baselines.ctrgcn import build_ctrgcn
from epam_baselines.inputs import example_inputs
from epam_baselines.skeleton_graph import COCO, distance_partition
from epam_baselines.specification import build_model
from epam_baselines.stgcn import (
    BLOCKS,
    SPEC,
    BlockSize,
    GraphBlock,
    GraphConvolution,
    PersonMeanClassifier,
    SkeletonNetwork,
    TemporalUnit,
    build_stgcn,
    mix_joints,
    person_by_person,
)
from epam_baselines.stgcn_pp import build_stgcn_pp

Lively = Callable[[nn.Module], nn.Module]


def meta_network(layout: str = "coco") -> SkeletonNetwork:
    with torch.device("meta"):
        return build_stgcn(num_classes=60, layout=layout).eval()


def giga_macs(model: nn.Module, joints: int) -> float:
    counter = FlopCounterMode(display=False)
    with counter:
        model(torch.empty(1, 2, 100, joints, 3, device="meta"))
    return counter.get_total_flops() / 2e9


@pytest.mark.parametrize(("layout", "joints", "published"), [("coco", 17, 3.8), ("nturgb+d", 25, 5.7)])
def test_macs_and_parameters_are_the_published_ones(layout: str, joints: int, published: float) -> None:
    model = meta_network(layout)
    assert round(giga_macs(model, joints), 1) == published
    assert round(sum(p.numel() for p in model.parameters()) / 1e6, 1) == 3.1


def test_ten_clips_with_two_operations_a_normalised_element_are_the_38_2_published_at_first() -> None:
    model, normalised = meta_network(), []
    for part in model.modules():
        if isinstance(part, nn.BatchNorm1d | nn.BatchNorm2d):
            part.register_forward_hook(lambda _part, _inputs, output: normalised.append(output.numel()))
    macs = giga_macs(model, 17)
    assert round(10 * (macs + 2 * sum(normalised) / 1e9), 1) == 38.2


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    state = meta_network().state_dict()
    decisive = {
        "backbone.data_bn.weight": (51,),
        "backbone.gcn.0.gcn.A": (3, 17, 17),
        "backbone.gcn.0.gcn.PA": (3, 17, 17),
        "backbone.gcn.0.gcn.conv.weight": (192, 3, 1, 1),
        "backbone.gcn.0.gcn.conv.bias": (192,),
        "backbone.gcn.0.gcn.bn.running_mean": (64,),
        "backbone.gcn.0.tcn.conv.weight": (64, 64, 9, 1),
        "backbone.gcn.0.tcn.conv.bias": (64,),
        "backbone.gcn.4.residual.conv.weight": (128, 64, 1, 1),
        "backbone.gcn.7.residual.bn.num_batches_tracked": (),
        "backbone.gcn.9.tcn.bn.running_var": (256,),
        "cls_head.fc.weight": (60, 256),
        "cls_head.fc.bias": (60,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # Ten blocks of 16 entries, two shortcuts of 7, the norm of the coordinates, the classifier.
    assert len(state) == 10 * 16 + 2 * 7 + 5 + 2
    assert "A" not in dict(meta_network().backbone.named_parameters(recurse=False))


def test_published_input_gives_one_logit_a_class() -> None:
    with torch.device("meta"):
        model = build_model(SPEC)
    assert model(*example_inputs(SPEC, 3, device="meta")).shape == (3, 60)


def test_blocks_halve_time_twice_and_double_the_channels_then() -> None:
    x = torch.empty(1, 2, 100, 17, 3, device="meta")
    assert meta_network().backbone(x).shape == (1, 2, 256, 25, 17)
    assert [size.stride for size in BLOCKS] == [1, 1, 1, 1, 2, 1, 1, 2, 1, 1]
    assert [size.out_channels for size in BLOCKS] == [64] * 4 + [128] * 3 + [256] * 3


def test_a_real_forward_gives_finite_logits_that_gradients_flow_through() -> None:
    model = build_stgcn(num_classes=4)
    logits = model(torch.randn(2, 2, 8, 17, 3))
    logits.square().sum().backward()
    assert logits.shape == (2, 4)
    assert logits.isfinite().all()
    idle = [name for name, p in model.named_parameters() if p.grad is None or not p.grad.any()]
    # A bias in front of a norm in training mode does nothing, whatever its gradient's rounding says.
    assert [name for name in idle if not name.endswith("conv.bias")] == []


def test_mixing_takes_each_set_along_its_own_edges() -> None:
    features = torch.tensor([[1.0, 2.0, 3.0], [10.0, 20.0, 30.0]]).reshape(1, 2, 1, 3)
    stay = torch.eye(3)
    from_left = torch.zeros(3, 3)
    from_left[0, 1] = from_left[1, 2] = 1.0
    mixed = mix_joints(features, torch.stack((stay, from_left)))
    assert mixed.tolist() == [[[[1.0, 2.0 + 10.0, 3.0 + 20.0]]]]


def reached(module: Callable[[Tensor], Tensor], x: Tensor, at: tuple[int, int]) -> tuple[set[int], set[int]]:
    """Frames and joints of the output that change when one joint of one frame does."""
    other = x.clone()
    other[..., at[0], at[1]] += 1.0
    with torch.no_grad():
        changed = (module(x) - module(other)).abs().amax((0, 1)) > 1e-6
    return set(changed.any(1).nonzero().flatten().tolist()), set(changed.any(0).nonzero().flatten().tolist())


def test_a_graph_convolution_reaches_neighbours_in_the_same_frame(lively: Lively) -> None:
    gcn = lively(GraphConvolution(4, 8, distance_partition(COCO))).eval()
    gcn.act = nn.Identity()
    # The left knee (13) is joined to the left hip (11) and the left ankle (15).
    assert reached(gcn, torch.randn(1, 4, 5, 17), (2, 13)) == ({2}, {11, 13, 15})


def test_an_edge_of_no_importance_carries_nothing(lively: Lively) -> None:
    gcn = lively(GraphConvolution(4, 8, distance_partition(COCO))).eval()
    gcn.act = nn.Identity()
    with torch.no_grad():
        gcn.PA[:, 13, 11] = 0.0
    assert reached(gcn, torch.randn(1, 4, 5, 17), (2, 13)) == ({2}, {13, 15})


def test_a_block_reaches_nine_frames_or_every_other_of_them(lively: Lively) -> None:
    def block(size: BlockSize) -> nn.Module:
        gcn = GraphConvolution(size.in_channels, size.out_channels, distance_partition(COCO))
        tcn = TemporalUnit(size.out_channels, size.out_channels, 9, stride=size.stride)
        made = lively(GraphBlock(gcn, tcn, size)).eval()
        made.relu = gcn.act = nn.Identity()
        return made

    x = torch.randn(1, 4, 20, 17)
    assert reached(block(BlockSize(4, 4, 1)), x, (10, 13)) == (set(range(6, 15)), {11, 13, 15})
    assert reached(block(BlockSize(4, 8, 2)), x, (10, 13)) == ({3, 4, 5, 6, 7}, {11, 13, 15})


def test_only_the_first_block_has_no_shortcut() -> None:
    kinds = [type(block.residual).__name__ for block in meta_network().backbone.gcn]
    plain, strided = "Identity", "TemporalUnit"
    assert kinds == ["NoneType", *(plain,) * 3, strided, *(plain,) * 2, strided, *(plain,) * 2]


def test_each_coordinate_of_each_joint_is_normalised_on_its_own() -> None:
    norm = nn.BatchNorm1d(2 * 3).eval()
    assert norm.running_mean is not None
    norm.running_mean.copy_(torch.arange(6.0))
    skeleton = torch.arange(6.0).reshape(2, 3).expand(1, 2, 4, 2, 3)
    assert person_by_person(skeleton, norm).shape == (2, 3, 4, 2)
    assert not person_by_person(skeleton, norm).any()


def test_persons_may_have_statistics_of_their_own() -> None:
    norm = nn.BatchNorm1d(2 * 2 * 3).eval()
    assert norm.running_mean is not None
    norm.running_mean.copy_(torch.arange(12.0))
    skeleton = torch.arange(12.0).reshape(1, 2, 1, 2, 3).expand(1, 2, 4, 2, 3)
    assert not person_by_person(skeleton, norm).any()


def test_persons_and_samples_do_not_mix(lively: Lively) -> None:
    model = lively(build_stgcn(num_classes=3)).eval()
    skeleton = torch.randn(2, 2, 8, 17, 3)
    with torch.no_grad():
        both, alone = model(skeleton), model(skeleton[1:])
        swapped = model(skeleton.flip(1))
    torch.testing.assert_close(both[1:], alone)
    torch.testing.assert_close(both, swapped)


def test_the_classifier_sees_the_mean_over_persons_frames_and_joints() -> None:
    head = PersonMeanClassifier(2, 2)
    nn.init.eye_(head.fc.weight)
    features = torch.zeros(1, 2, 2, 2, 2)
    features[0, 0, 0] = 4.0
    features[0, 1, 1, 0, 0] = 8.0
    assert head(features).tolist() == [[2.0, 1.0]]


@pytest.mark.parametrize("shape", [(1, 2, 8, 25, 3), (1, 2, 8, 17, 2)])
def test_a_skeleton_of_another_layout_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=f"{shape[3]} joints and {shape[4]} coordinates.*option layout"):
        meta_network()(torch.empty(shape, device="meta"))


def test_a_skeleton_without_persons_is_refused() -> None:
    with pytest.raises(InputError, match=r"skeleton \(2, 8, 17, 3\); give"):
        meta_network()(torch.empty(2, 8, 17, 3, device="meta"))


def test_the_layout_is_an_option_and_an_unknown_one_is_refused() -> None:
    assert SPEC.options == {"layout": "coco"}
    with pytest.raises(UnknownNameError, match="skeleton layout 'openpose'"):
        build_model(SPEC, options={"layout": "openpose"})


@pytest.mark.parametrize("build", [build_stgcn, build_stgcn_pp, build_agcn, build_ctrgcn])
def test_pyskls_files_load_too_whose_classifier_has_another_name(tmp_path: Path, build) -> None:
    source, model = build(num_classes=3), build(num_classes=3)
    state = source.state_dict()
    theirs = {key.replace("cls_head.fc.", "cls_head.fc_cls."): value for key, value in state.items()}
    assert theirs.keys() - state.keys() == {"cls_head.fc_cls.weight", "cls_head.fc_cls.bias"}
    torch.save({"meta": {"epoch": 16}, "state_dict": theirs, "optimizer": {}}, tmp_path / "j.pth")
    epam.load_checkpoint(model, tmp_path / "j.pth")
    assert torch.equal(model.cls_head.fc.weight, source.cls_head.fc.weight)
    with pytest.raises(CheckpointError, match="for 3 classes, the model for 4"):
        epam.load_checkpoint(build(num_classes=4), tmp_path / "j.pth")
