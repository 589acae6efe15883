from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import VisionTransformer

from epam.errors import InputError
from epam_baselines.inputs import example_inputs
from epam_baselines.specification import ModelSpec, build_model
from epam_baselines.timesformer import (
    SPEC,
    SPEC_16F,
    SPECS,
    SelfAttention,
    SpatialAttention,
    TemporalAttention,
    TimeSformer,
)


def small(*, frames: int = 4, drop_path: float = 0.1) -> TimeSformer:
    return TimeSformer(
        num_classes=5,
        frames=frames,
        image=32,
        patch=16,
        channels=16,
        heads=2,
        depth=2,
        drop_path=drop_path,
    ).eval()


def wake_time(model: TimeSformer) -> None:
    """Give the parts that start at zero some weight."""
    for name, parameter in model.named_parameters():
        if "temporal_fc" in name or "time_embed" in name:
            nn.init.normal_(parameter, std=0.5)


def test_names_and_shapes_are_those_of_the_published_checkpoint() -> None:
    with torch.device("meta"):
        state = TimeSformer(num_classes=400).state_dict()
    block = "backbone.transformer_layers.layers.11"
    decisive = {
        "backbone.cls_token": (1, 1, 768),
        "backbone.pos_embed": (1, 197, 768),
        "backbone.time_embed": (1, 8, 768),
        "backbone.patch_embed.projection.weight": (768, 3, 16, 16),
        f"{block}.attentions.0.norm.weight": (768,),
        f"{block}.attentions.0.attn.in_proj_weight": (2304, 768),
        f"{block}.attentions.0.attn.in_proj_bias": (2304,),
        f"{block}.attentions.0.attn.out_proj.weight": (768, 768),
        f"{block}.attentions.0.temporal_fc.weight": (768, 768),
        f"{block}.attentions.1.norm.bias": (768,),
        f"{block}.attentions.1.attn.out_proj.bias": (768,),
        f"{block}.ffns.0.norm.weight": (768,),
        f"{block}.ffns.0.layers.0.0.weight": (3072, 768),
        f"{block}.ffns.0.layers.1.weight": (768, 3072),
        "backbone.norm.weight": (768,),
        "cls_head.fc_cls.weight": (400, 768),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # 12 blocks of (2 + 4 + 2) temporal, (2 + 4) spatial and (2 + 4) feed-forward entries; 3
    # embeddings, projection, final norm and head.
    assert len(state) == 12 * 20 + 3 + 2 + 2 + 2


def test_self_attention_is_that_of_torch_with_the_same_weights() -> None:
    ours, torchs = SelfAttention(8, 2), nn.MultiheadAttention(8, 2, batch_first=True)
    nn.init.normal_(torchs.in_proj_bias)
    nn.init.normal_(torchs.out_proj.bias)  # type: ignore[arg-type]
    ours.load_state_dict(torchs.state_dict())
    x = torch.randn(3, 5, 8)
    torch.testing.assert_close(ours(x), torchs(x, x, x, need_weights=False)[0])


def test_a_fresh_network_cannot_tell_the_order_of_frames() -> None:
    model = small()
    clip = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(clip), model(clip.flip(2)))
        wake_time(model)
        assert not torch.allclose(model(clip), model(clip.flip(2)), atol=1e-3)


def test_one_frame_gives_the_logits_of_the_vision_transformer_it_grew_from() -> None:
    image_model = VisionTransformer(
        image_size=32, patch_size=16, num_layers=2, num_heads=2, hidden_dim=16, mlp_dim=64, num_classes=5
    ).eval()
    nn.init.normal_(image_model.heads.head.weight)
    nn.init.normal_(image_model.class_token)
    video_model = small(frames=1)
    video_model.load_state_dict(inflated(image_model.state_dict(), video_model.state_dict()))
    image = torch.randn(2, 3, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(video_model(image[:, :, None]), image_model(image), rtol=1e-4, atol=1e-5)


def inflated(image_state: dict[str, Tensor], video_state: dict[str, Tensor]) -> dict[str, Tensor]:
    """A vision transformer's weights under TimeSformer's names; what is of time stays as it was."""
    renamed = {
        "backbone.transformer_layers.layers.": "encoder.layers.encoder_layer_",
        "attentions.1.norm": "ln_1",
        "attentions.1.attn": "self_attention",
        "ffns.0.norm": "ln_2",
        "ffns.0.layers.0.0": "mlp.0",
        "ffns.0.layers.1": "mlp.3",
        "backbone.cls_token": "class_token",
        "backbone.pos_embed": "encoder.pos_embedding",
        "backbone.patch_embed.projection": "conv_proj",
        "backbone.norm": "encoder.ln",
        "cls_head.fc_cls": "heads.head",
    }
    result = {}
    for key, value in video_state.items():
        name = key
        for ours, theirs in renamed.items():
            name = name.replace(ours, theirs)
        result[key] = value if "attentions.0" in key or key.endswith("time_embed") else image_state[name]
    return result


def changed_tokens(layer: nn.Module, *, patches: int, frames: int, patch: int, frame: int) -> Tensor:
    """``(patches, frames)``: which patch tokens a change of one of them reaches, one layer on."""
    tokens = torch.randn(1, 1 + patches * frames, 8)
    other = tokens.clone()
    other[:, 1 + patch * frames + frame] += torch.randn(8)
    with torch.no_grad():
        difference = (layer(tokens) - layer(other)).abs().amax((0, 2))
    return (difference[1:] > 1e-6).reshape(patches, frames)


def test_temporal_attention_reaches_the_same_place_in_every_frame() -> None:
    layer = TemporalAttention(8, 2, frames=3, drop_path=0.0)
    nn.init.normal_(layer.temporal_fc.weight)
    reached = changed_tokens(layer, patches=4, frames=3, patch=1, frame=2)
    assert reached.int().tolist() == [[0, 0, 0], [1, 1, 1], [0, 0, 0], [0, 0, 0]]


def test_spatial_attention_reaches_every_place_of_the_same_frame() -> None:
    layer = SpatialAttention(8, 2, frames=3, drop_path=0.0)
    reached = changed_tokens(layer, patches=4, frames=3, patch=1, frame=2)
    assert reached.int().tolist() == [[0, 0, 1]] * 4


def test_temporal_attention_leaves_the_class_token_alone() -> None:
    layer = TemporalAttention(8, 2, frames=3, drop_path=0.0)
    nn.init.normal_(layer.temporal_fc.weight)
    tokens = torch.randn(2, 1 + 6, 8)
    assert torch.equal(layer(tokens)[:, 0], tokens[:, 0])


def test_stochastic_depth_acts_in_training_only_and_grows_with_depth() -> None:
    model = small(drop_path=1.0)
    first, last = model.backbone.transformer_layers.layers
    tokens = torch.randn(2, 1 + 16, 16)
    assert torch.equal(last.train()(tokens), tokens)
    assert not torch.equal(last.eval()(tokens), tokens)
    assert not torch.equal(first.train()(tokens), tokens)


def test_a_clip_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"timesformer: clips must be \(N, 3, 4, 32, 32\)"):
        small()(torch.zeros(1, 3, 8, 32, 32))


def parameters_without_head(spec: ModelSpec) -> int:
    with torch.device("meta"):
        model = build_model(spec)
    return sum(p.numel() for name, p in model.named_parameters() if not name.startswith(spec.head))


def giga_macs(spec: ModelSpec) -> float:
    """By torch's counter on meta, attention written out so that it is seen."""
    with torch.device("meta"):
        model = build_model(spec).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        assert model(*example_inputs(spec, device="meta")).shape == (1, 400)
    return counter.get_total_flops() / 2e9


def test_eight_frames_cost_what_mmaction2_and_the_paper_print() -> None:
    assert parameters_without_head(SPEC) == pytest.approx(121.259e6, rel=1e-5)
    assert giga_macs(SPEC) == pytest.approx(196, rel=0.01)
    assert giga_macs(SPEC) * SPEC.views == pytest.approx(590, rel=0.01)


def test_sixteen_frames_cost_twice_eight_and_a_little_more_for_attention_across_time() -> None:
    assert parameters_without_head(SPEC_16F) - parameters_without_head(SPEC) == 8 * 768
    assert giga_macs(SPEC_16F) == pytest.approx(392.07, rel=1e-4)
    # 14 × 14 tracks, two products of 768 channels, 12 blocks: over 16² pairs of frames, not 2 × 8².
    across_time = 12 * 2 * 196 * 768 * (16**2 - 2 * 8**2)
    # The class token goes through the feed-forward layers once, and once through the head.
    class_token = 12 * 2 * 768 * 3072 + 768 * 400
    difference = giga_macs(SPEC_16F) - 2 * giga_macs(SPEC)
    assert difference == pytest.approx((across_time - class_token) / 1e9, abs=1e-9)


def test_the_specification_of_sixteen_frames_says_that_no_accuracy_goes_with_it() -> None:
    assert [spec.name for spec in SPECS] == ["timesformer", "timesformer_16f"]
    assert SPEC_16F.options["frames"] == 16
    assert "no accuracy is published" in SPEC_16F.notes[0]
    assert SPEC.frame_interval == 32
    assert SPEC_16F.frame_interval is None
