from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest
import torch
from torch import nn

import epam
from epam import XShiftNet, x_shiftnet_pose, x_shiftnet_rgb
from epam.errors import InputError
from epam.x_shiftnet import ShiftBottleneck, pose_backbone, rgb_backbone, squeezed_channels


@pytest.mark.parametrize(("inner", "squeezed"), [(54, 8), (108, 8), (216, 16), (432, 32), (12, 8), (300, 24)])
def test_squeeze_is_a_sixteenth_rounded_to_eights(inner: int, squeezed: int) -> None:
    assert squeezed_channels(inner) == squeezed


def test_squeeze_never_falls_under_nine_tenths_of_a_sixteenth() -> None:
    # 184 / 16 = 11.5 rounds down to 8, under 0.9 · 11.5, so one more step of 8.
    assert squeezed_channels(184) == 16


def test_parameter_counts_are_those_of_the_reference_implementation() -> None:
    # model.md, measured on the published code.
    assert sum(p.numel() for p in rgb_backbone().parameters()) == 1_980_030
    assert sum(p.numel() for p in pose_backbone().parameters()) == 519_580
    head = 60 * (216 + 1)
    assert sum(p.numel() for p in x_shiftnet_pose(60).parameters()) == 519_580 + head


def test_feature_shapes_are_those_of_the_paper() -> None:
    with torch.device("meta"):
        assert rgb_backbone()(torch.empty(1, 3, 16, 224, 224)).shape == (1, 432, 16, 7, 7)
        assert pose_backbone()(torch.empty(1, 17, 48, 56, 56)).shape == (1, 216, 48, 7, 7)


def test_shift_moves_an_eighth_for_rgb_and_a_quarter_for_pose() -> None:
    def folds(backbone: XShiftNet) -> list[int]:
        return [b.shift_fold for b in backbone.modules() if isinstance(b, ShiftBottleneck)]

    assert folds(rgb_backbone())[:4] == [3, 3, 3, 3]
    # The fold is of the block's *input*: the stage's first block still sees 24 channels.
    assert folds(pose_backbone())[4:7] == [6, 6, 12]


def test_a_thin_backbone_has_the_published_names_for_what_it_keeps() -> None:
    thin = rgb_backbone(stem_channels=12, stage_blocks=[1, 2])
    assert thin.out_channels == int(2.25 * 24)
    assert thin.spatial_stride == 8
    assert set(thin.state_dict()) < set(rgb_backbone().state_dict())
    assert thin(torch.zeros(1, 3, 2, 16, 16)).shape == (1, 54, 2, 2, 2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stage_blocks": ()}, "one to 6 stages"),
        ({"stage_blocks": (1,) * 7}, "one to 6 stages"),
        ({"stage_blocks": (10**9,)}, "and 200 together"),
        ({"stage_blocks": (2, 0)}, r"stage blocks \[2, 0\]"),
        ({"stem_channels": 7}, "7 stem channels: at least 8"),
    ],
)
def test_sizes_that_are_no_network_are_refused(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        x_shiftnet_rgb(3, **options)


def test_every_second_block_of_a_stage_squeezes_starting_with_the_first() -> None:
    layer3 = rgb_backbone().layer3
    assert isinstance(layer3, nn.ModuleList)
    assert [block.se_module is not None for block in layer3] == [i % 2 == 0 for i in range(11)]


def test_fresh_blocks_are_their_shortcut() -> None:
    backbone = XShiftNet(in_channels=3, stem_stride=2, stage_blocks=(2,), fold_div=8)
    block = backbone.layer1[1].eval()  # type: ignore[index, union-attr]
    x = torch.rand(4, 24, 8, 8)
    assert torch.equal(block(x, 2), x)


def test_initial_weights_have_the_published_spread() -> None:
    model = x_shiftnet_rgb(60)
    weight = model.get_parameter("backbone.layer4.0.conv1.conv.weight")
    # Kaiming normal, fan-out: std² = 2 / (output channels · kernel); 432 channels of 1 × 1.
    assert weight.std().item() == pytest.approx((2 / 432) ** 0.5, rel=0.03)
    depthwise = model.get_parameter("backbone.layer4.0.conv2.conv.weight")
    # PyTorch counts a depthwise filter's fan-out over all 432 output channels.
    assert depthwise.std().item() == pytest.approx((2 / (432 * 9)) ** 0.5, rel=0.1)
    assert model.cls_head.fc_cls.weight.std().item() == pytest.approx(0.01, rel=0.05)
    assert not model.cls_head.fc_cls.bias.any()


@pytest.mark.parametrize("build", [x_shiftnet_rgb, x_shiftnet_pose, epam.EPAMNet])
def test_half_of_the_features_are_dropped_before_the_heads(build) -> None:
    rates = [part.p for part in build(3).modules() if isinstance(part, nn.Dropout)]
    assert rates == [0.5] * len(rates) != []


def test_a_frame_reaches_as_far_as_there_are_blocks(lively) -> None:
    backbone = lively(XShiftNet(in_channels=3, stem_stride=2, stage_blocks=(2,), fold_div=8)).eval()
    with torch.no_grad():
        # Squeeze-and-excitation averages over the whole clip; without it time is local.
        for block in backbone.layer1:
            block.se_module = None
        clip = torch.zeros(1, 3, 9, 16, 16)
        touched = clip.clone()
        touched[:, :, 4] = 1.0
        difference = (backbone(touched) - backbone(clip)).abs().amax(dim=(0, 1, 3, 4))
    assert (difference > 0).tolist() == [False, False, True, True, True, True, True, False, False]


def test_without_the_shift_a_frame_reaches_only_itself(lively) -> None:
    backbone = XShiftNet(in_channels=3, stem_stride=2, stage_blocks=(2,), fold_div=8, temporal_shift=False)
    lively(backbone).eval()
    for block in backbone.layer1:  # type: ignore[union-attr]
        block.se_module = None  # averages over the whole clip
    clip = torch.zeros(1, 3, 3, 16, 16)
    touched = clip.clone()
    touched[:, :, 1] = 1.0
    with torch.no_grad():
        difference = (backbone(touched) - backbone(clip)).abs().amax(dim=(0, 1, 3, 4))
    assert (difference > 0).tolist() == [False, True, False]


@pytest.mark.parametrize("build", [x_shiftnet_rgb, x_shiftnet_pose, epam.EPAMNet])
def test_the_shift_has_no_weights_so_both_forms_share_checkpoints(build) -> None:
    with torch.device("meta"):
        with_shift, without = build(3), build(3, temporal_shift=False)
    assert with_shift.state_dict().keys() == without.state_dict().keys()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ((1, 3, 4, 60, 64), "divisible by 32"),
        ((1, 3, 0, 64, 64), "at least one frame"),
        ((1, 4, 4, 64, 64), r"\(N, 3, T, H, W\)"),
        ((3, 4, 64, 64), r"got \(3, 4, 64, 64\)"),
    ],
)
def test_unfit_clip_is_refused_with_its_size(shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        x_shiftnet_rgb(10)(torch.zeros(shape))


@pytest.mark.parametrize("stem_channels", [8, 12])
def test_a_thin_network_in_channels_last_order_trains_without_touching_foreign_memory(
    stem_channels: int,
) -> None:
    # In a process of its own, because what it guards against (oneDNN issue 6035, a strided 1x1
    # convolution of few channels) is the end of the process, or wrong gradients.
    code = textwrap.dedent(f"""
        import torch
        from epam.x_shiftnet import rgb_backbone

        torch.manual_seed(0)
        backbone = rgb_backbone(stem_channels={stem_channels}, stage_blocks=[1])
        exact = rgb_backbone(stem_channels={stem_channels}, stage_blocks=[1]).double()
        exact.load_state_dict(backbone.state_dict())
        backbone.to(memory_format=torch.channels_last)
        shortcut = backbone.layer1[0].downsample.conv
        for _ in range(4):
            clip = torch.randn(2, 3, 4, 96, 96)
            for network in (backbone, exact):
                network.zero_grad()
                network(clip.to(network.conv5.conv.weight.dtype)).square().mean().backward()
            truth = exact.layer1[0].downsample.conv.weight.grad
            assert (shortcut.weight.grad - truth).norm() < 0.01 * truth.norm()
    """)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
