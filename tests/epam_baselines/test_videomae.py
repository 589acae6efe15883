from __future__ import annotations

import math

import pytest
import torch
from torch import nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from epam import load_checkpoint
from epam.errors import InputError
from epam_baselines.inputs import example_inputs
from epam_baselines.specification import build_model
from epam_baselines.videomae import SPEC, Attention, TubeletEmbedding, VideoMAE, sinusoid_positions


def small(*, drop_path: float = 0.1) -> VideoMAE:
    return VideoMAE(
        num_classes=5, frames=4, image=32, patch=16, channels=16, heads=2, depth=2, drop_path=drop_path
    ).eval()


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    with torch.device("meta"):
        state = build_model(SPEC).state_dict()
    block = "backbone.blocks.11"
    decisive = {
        "backbone.patch_embed.projection.weight": (768, 3, 2, 16, 16),
        "backbone.patch_embed.projection.bias": (768,),
        "backbone.pos_embed": (1, 1568, 768),
        f"{block}.norm1.weight": (768,),
        f"{block}.attn.q_bias": (768,),
        f"{block}.attn.v_bias": (768,),
        f"{block}.attn.qkv.weight": (2304, 768),
        f"{block}.attn.proj.bias": (768,),
        f"{block}.norm2.bias": (768,),
        f"{block}.mlp.layers.0.0.weight": (3072, 768),
        f"{block}.mlp.layers.1.weight": (768, 3072),
        "backbone.fc_norm.weight": (768,),
        "cls_head.fc_cls.weight": (400, 768),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # 12 blocks of two norms, attention with two biases, and two layers; projection, positions, norm, head.
    assert len(state) == 12 * (2 + 2 + 5 + 2 + 2) + 2 + 1 + 2 + 2


def test_parameters_and_macs_are_what_mmaction2_prints() -> None:
    with torch.device("meta"):
        model = build_model(SPEC).eval()
    assert round(sum(parameter.numel() for parameter in model.parameters()) / 1e6) == 87
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        assert model(*example_inputs(SPEC, device="meta")).shape == (1, 400)
    assert counter.get_total_flops() / 2e9 == pytest.approx(180, rel=0.01)


def test_parameters_are_those_of_a_vision_transformer_of_that_width_counted_by_hand() -> None:
    with torch.device("meta"):
        found = sum(parameter.numel() for parameter in build_model(SPEC).parameters())
    width = 768
    attention = 3 * width * width + 2 * width + width * width + width
    feed_forward = 2 * 4 * width * width + 4 * width + width
    embedding = 3 * 2 * 16 * 16 * width + width
    assert found == 12 * (attention + feed_forward + 4 * width) + embedding + 2 * width + (width + 1) * 400


def test_positions_are_sines_and_cosines_of_place_in_the_sequence() -> None:
    table = sinusoid_positions(3, 4)[0]
    # Channels 0 and 1 turn once in 2π places, channels 2 and 3 a hundred times slower.
    expected = [
        [math.sin(place), math.cos(place), math.sin(place / 100), math.cos(place / 100)] for place in range(3)
    ]
    torch.testing.assert_close(table, torch.tensor(expected))


def test_tubelets_come_in_the_order_time_height_width() -> None:
    embedding = TubeletEmbedding(1, (2, 16, 16))
    nn.init.constant_(embedding.projection.weight, 1 / (3 * 2 * 16 * 16))
    nn.init.zeros_(embedding.projection.bias)  # type: ignore[arg-type]
    # Pixels say when and where: hundreds for the pair of frames, tens for the row, ones for the column.
    pair = torch.arange(4).div(2, rounding_mode="floor")[:, None, None] * 100
    row = torch.arange(32).div(16, rounding_mode="floor")[None, :, None] * 10
    column = torch.arange(32).div(16, rounding_mode="floor")[None, None, :]
    clip = (pair + row + column).float().expand(1, 3, 4, 32, 32)
    assert embedding(clip).flatten().round().int().tolist() == [0, 1, 10, 11, 100, 101, 110, 111]


def test_attention_is_that_of_torch_with_a_zero_bias_for_the_keys() -> None:
    ours, torchs = Attention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    nn.init.normal_(ours.q_bias)
    nn.init.normal_(ours.v_bias)
    with torch.no_grad():
        torchs.in_proj_weight.copy_(ours.qkv.weight)
        torchs.in_proj_bias.copy_(torch.cat((ours.q_bias, torch.zeros(8), ours.v_bias)))
        torchs.out_proj.load_state_dict(ours.proj.state_dict())
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(x), torchs(x, x, x, need_weights=False)[0])


def test_a_change_of_one_pixel_reaches_every_token_in_one_block() -> None:
    block = small().backbone.blocks[0]
    tokens = torch.randn(1, 8, 16)
    other = tokens.clone()
    other[:, 3] += torch.randn(16)
    with torch.no_grad():
        assert ((block(tokens) - block(other)).abs().amax(2) > 0).all()


def test_the_order_of_frames_counts_in_a_fresh_network() -> None:
    model, clip = small(), torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        assert model(clip).shape == (2, 5)
        assert not torch.allclose(model(clip), model(clip.flip(2)), atol=1e-4)


@pytest.mark.parametrize("from_file", [False, True])
def test_a_checkpoint_without_the_positions_loads_and_leaves_them_as_they_are(tmp_path, from_file) -> None:
    model, other = small(), small()
    state = {key: value for key, value in other.state_dict().items() if not key.endswith("pos_embed")}
    if from_file:
        torch.save({"state_dict": state}, tmp_path / "converted.pth")
        load_checkpoint(model, tmp_path / "converted.pth")
    else:
        model.load_state_dict(state)
    clip = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        assert torch.equal(model(clip), other(clip))


def test_a_clip_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"videomae_b: clips must be \(N, 3, 4, 32, 32\)"):
        small()(torch.zeros(1, 3, 8, 32, 32))


def test_stochastic_depth_acts_in_training_only_and_grows_with_depth() -> None:
    first, last = small(drop_path=1.0).backbone.blocks
    tokens = torch.randn(2, 8, 16)
    assert torch.equal(last.train()(tokens), tokens)
    assert not torch.equal(first.train()(tokens), tokens)
