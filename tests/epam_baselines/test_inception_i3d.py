from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from epam_baselines.inception_i3d import (
    FEATURES,
    SPEC,
    InceptionI3D,
    MaxPool3D,
    MixedBlock,
    Unit3D,
    inception_i3d_trunk,
    pad_same,
)
from epam_baselines.inputs import example_inputs
from epam_baselines.specification import build_model

Lively = Callable[[nn.Module], nn.Module]


def test_names_and_shapes_are_those_of_the_published_weights() -> None:
    with torch.device("meta"):
        state = build_model(SPEC).state_dict()
    decisive = {
        "Conv3d_1a_7x7.conv3d.weight": (64, 3, 7, 7, 7),
        "Conv3d_1a_7x7.bn.running_var": (64,),
        "Conv3d_2b_1x1.conv3d.weight": (64, 64, 1, 1, 1),
        "Conv3d_2c_3x3.conv3d.weight": (192, 64, 3, 3, 3),
        "Mixed_3b.b0.conv3d.weight": (64, 192, 1, 1, 1),
        "Mixed_3b.b1b.conv3d.weight": (128, 96, 3, 3, 3),
        "Mixed_4e.b2b.conv3d.weight": (64, 32, 3, 3, 3),
        "Mixed_4f.b3b.bn.weight": (128,),
        "Mixed_5c.b1a.conv3d.weight": (192, 832, 1, 1, 1),
        "Mixed_5c.b2b.bn.num_batches_tracked": (),
        "logits.conv3d.weight": (400, 1024, 1, 1, 1),
        "logits.conv3d.bias": (400,),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # 3 convolutions, 9 blocks of 6, with 6 entries each; weight and bias of the head.
    assert len(state) == (3 + 9 * 6) * 6 + 2


def test_parameters_and_macs_are_those_counted_in_the_published_code() -> None:
    with torch.device("meta"):
        model = build_model(SPEC).eval()
    trunk = sum(p.numel() for name, p in model.named_parameters() if not name.startswith("logits"))
    assert trunk == pytest.approx(12.29e6, rel=1e-3)
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        assert model(*example_inputs(SPEC, device="meta")).shape == (1, 400)
    assert counter.get_total_flops() / 2e9 == pytest.approx(111.15, rel=1e-3)


def test_same_padding_puts_the_odd_zero_behind() -> None:
    x = torch.ones(1, 1, 4, 5, 2)
    # Time: 3 wide at step 2 over 4 needs 1, behind. Height: 3 over 5 at step 2 needs 2. Width: none.
    padded = pad_same(x, (3, 3, 1), (2, 2, 1))
    assert padded[0, 0, :, 1, 0].tolist() == [1, 1, 1, 1, 0]
    assert padded[0, 0, 0, :, 0].tolist() == [0, 1, 1, 1, 1, 1, 0]
    assert padded.shape == (1, 1, 5, 7, 2)


def test_a_strided_layer_gives_half_the_size_rounded_up() -> None:
    x = torch.rand(1, 3, 5, 8, 9)
    assert Unit3D(3, 2, (7, 7, 7), (2, 2, 2))(x).shape == (1, 2, 3, 4, 5)
    assert MaxPool3D((3, 3, 3), (2, 2, 2))(x).shape == (1, 3, 3, 4, 5)


def test_a_blocks_channels_are_its_four_branches_in_order() -> None:
    block = MixedBlock(3, (1, 2, 3, 2, 4, 5)).eval()
    x = torch.rand(1, 3, 2, 4, 4)
    with torch.no_grad():
        out = block(x)
        assert out.shape[1] == block.out_channels == 1 + 3 + 4 + 5
        assert torch.equal(out[:, :1], block.b0(x))
        pooled: Tensor = nn.MaxPool3d(3, stride=1, padding=1)(x)
        torch.testing.assert_close(out[:, 8:], block.b3b(pooled))


def test_the_trunk_divides_time_by_eight_and_space_by_thirty_two() -> None:
    with torch.device("meta"):
        trunk = nn.Sequential(inception_i3d_trunk())
    assert trunk(torch.empty(1, 3, 64, 224, 224, device="meta")).shape == (1, FEATURES, 8, 7, 7)


def test_logits_are_the_mean_over_the_windows_in_time(lively: Lively) -> None:
    model = InceptionI3D(num_classes=5)
    lively(model).eval()
    clip = torch.randn(1, 3, 17, 193, 193)
    with torch.no_grad():
        features = clip
        for name, layer in model.named_children():
            if name == "avg_pool":
                break
            features = layer(features)
        assert features.shape == (1, FEATURES, 3, 7, 7)
        windows = [model.logits(features[:, :, at : at + 2].mean((2, 3, 4), keepdim=True)) for at in (0, 1)]
        expected = torch.stack(windows).mean(0).flatten(1)
        torch.testing.assert_close(model(clip), expected, rtol=1e-4, atol=1e-5)
