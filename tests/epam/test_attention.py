from __future__ import annotations

import pytest
import torch

from epam import EPAMNet, SpatialTemporalAttention
from epam.attention import CompressedAttention, NonLocalAttention, build_attention
from epam.errors import InputError, UnknownNameError


def test_nested_attention_has_107_parameters() -> None:
    assert sum(p.numel() for p in SpatialTemporalAttention().parameters()) == 2 * 49 + 2 + 7


def test_map_is_the_spatial_map_times_the_weight_of_its_frame() -> None:
    attention = SpatialTemporalAttention().eval()
    with torch.no_grad():
        attention.spatial.conv.weight.zero_()
        attention.spatial.conv.weight[0, 0, 3, 3] = 1.0  # the channel maximum, in place
        attention.conv_temporal_attention.weight.zero_()
        attention.conv_temporal_attention.weight[0, 0, 2] = 1.0  # the frame before
        pose = torch.zeros(1, 5, 3, 2, 2)
        pose[0, 3, 1] = 2.0
        seen = attention(pose)[0, 0, :, 0, 0]
    norm = (1 + 1e-5) ** -0.5
    low, high = torch.tensor(0.0).sigmoid(), torch.tensor(2.0 * norm).sigmoid()
    expected = torch.stack([low * low.new_tensor(0.0).sigmoid(), high * low.sigmoid(), low * high.sigmoid()])
    torch.testing.assert_close(seen, expected)


def test_guidance_strengthens_and_never_weakens(lively) -> None:
    attention = lively(SpatialTemporalAttention()).eval()
    rgb = torch.rand(2, 7, 4, 3, 3)
    ratio = attention.guide(rgb, torch.randn(2, 5, 4, 3, 3)) / rgb
    assert ratio.min() > 1
    assert ratio.max() < 2


def test_no_attention_passes_rgb_as_it_is() -> None:
    rgb = torch.rand(1, 4, 2, 2, 2)
    guidance = build_attention("none", pose_channels=3, rgb_channels=4, frames=2)
    assert guidance.guide(rgb, torch.rand(1, 3, 2, 2, 2)) is rgb


def test_compressed_attention_says_which_frames_it_was_built_for() -> None:
    attention = CompressedAttention(6, frames=16)
    assert attention(torch.rand(2, 6, 16, 4, 4)).shape == (2, 1, 16, 4, 4)
    with pytest.raises(InputError, match="16 RGB frames, got 8"):
        attention(torch.rand(2, 6, 8, 4, 4))


def test_non_local_block_starts_as_identity_and_then_mixes_places(lively) -> None:
    attention = NonLocalAttention(6, 8).eval()
    rgb, pose = torch.rand(1, 8, 2, 3, 3), torch.rand(1, 6, 2, 3, 3)
    assert torch.equal(attention.guide(rgb, pose), rgb)
    lively(attention)
    elsewhere = rgb.clone()
    elsewhere[..., 2, 2] += 1.0
    change = attention.guide(elsewhere, pose) - attention.guide(rgb, pose)
    assert change[0, :, 0, 0, 0].abs().max() > 0


@pytest.mark.parametrize("attention", ["nested", "none", "compressed", "non_local"])
def test_every_variant_trains_inside_the_network(attention, lively) -> None:
    model = lively(EPAMNet(5, attention=attention, frames=2))
    logits = model(torch.randn(2, 3, 2, 32, 32), torch.rand(2, 17, 6, 8, 8))
    (logits.rgb.square().sum() + logits.pose.square().sum()).backward()
    for name, parameter in model.attention_module.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name


def test_unknown_attention_names_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="'nested'"):
        EPAMNet(attention="nestd")  # type: ignore[arg-type]
