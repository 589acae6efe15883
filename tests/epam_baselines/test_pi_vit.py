from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor, nn
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from epam.errors import InputError
from epam_baselines.inputs import example_inputs
from epam_baselines.pi_vit import SPEC, PiViT
from epam_baselines.specification import build_model
from epam_baselines.timesformer import TimeSformer

PUBLISHED_GIGA_MACS = 590.0
"""EPAM-Net, table 1."""

SMALL = {"frames": 4, "image": 32, "patch": 16, "channels": 16, "heads": 2, "depth": 2}


def parameters(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def giga_macs(frames: int) -> float:
    """By torch's counter on meta, attention written out so that it is seen."""
    spec = dataclasses.replace(SPEC, inputs={"rgb": (3, frames, 224, 224)})
    with torch.device("meta"):
        model = build_model(spec, options={"frames": frames}).eval()
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), sdpa_kernel(SDPBackend.MATH), counter:
        assert model(*example_inputs(spec, device="meta")).shape == (1, 31)
    return counter.get_total_flops() / 2e9


def test_the_published_count_is_three_views_and_the_published_test_has_ten() -> None:
    one_view = giga_macs(8)
    assert one_view == pytest.approx(195.83, abs=0.01)
    assert 3 * one_view == pytest.approx(PUBLISHED_GIGA_MACS, rel=0.01)
    assert SPEC.views == 10
    assert SPEC.views * one_view == pytest.approx(1958, abs=1)
    assert any("three views" in note for note in SPEC.notes)


def test_sixteen_frames_of_ntu_cost_what_the_notes_say() -> None:
    assert giga_macs(16) == pytest.approx(392.1, abs=0.1)
    assert any("392.1 G a view" in note for note in SPEC.notes)


def test_names_and_shapes_are_those_of_the_authors_repository() -> None:
    with torch.device("meta"):
        state = build_model(SPEC, num_classes=60, options={"pose_modules": True, "joints": 25}).state_dict()
    decisive = {
        "model.cls_token": (1, 1, 768),
        "model.pos_embed": (1, 197, 768),
        "model.time_embed": (1, 8, 768),
        "model.patch_embed.proj.weight": (768, 3, 16, 16),
        "model.blocks.11.norm1.weight": (768,),
        "model.blocks.11.attn.qkv.weight": (2304, 768),
        "model.blocks.11.attn.proj.bias": (768,),
        "model.blocks.11.temporal_norm1.weight": (768,),
        "model.blocks.11.temporal_attn.qkv.bias": (2304,),
        "model.blocks.11.temporal_fc.weight": (768, 768),
        "model.blocks.11.mlp.fc1.weight": (3072, 768),
        "model.blocks.11.mlp.fc2.weight": (768, 3072),
        "model.blocks.0.paat_block.learned_joint_proj1.weight": (256, 768),
        "model.blocks.0.paat_block.learned_joint_proj2.weight": (25, 256),
        "model.blocks.11.global_distil_block.proj.weight": (216, 768),
        "model.blocks.11.global_distil_block.classifier.weight": (60, 216),
        "model.norm.bias": (768,),
        "model.head.weight": (60, 768),
    }
    assert {key: tuple(state[key].shape) for key in decisive} == decisive
    # 12 blocks of 3 norms, 2 × 2 attention layers, temporal_fc and 2 layers; 3 embeddings, projection,
    # norm and head; 2 layers each of the two modules for poses.
    assert len(state) == 12 * 2 * (3 + 4 + 1 + 2) + 3 + 2 + 2 + 2 + 8


def test_without_the_modules_for_poses_it_has_timesformers_parameters() -> None:
    with torch.device("meta"):
        ours, theirs = PiViT(num_classes=400), TimeSformer(num_classes=400)
        whole = PiViT(num_classes=400, pose_modules=True)
    assert parameters(ours) == parameters(theirs)
    joints = 768 * 256 + 256 + 256 * 13 + 13
    skeleton = 768 * 216 + 216 + 216 * 400 + 400
    assert parameters(whole) - parameters(ours) == joints + skeleton


def as_pi_vit(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """TimeSformer's weights under π-ViT's names."""
    renamed = {
        "backbone.transformer_layers.layers.": "model.blocks.",
        "backbone.patch_embed.projection": "model.patch_embed.proj",
        "backbone.": "model.",
        "cls_head.fc_cls": "model.head",
        "attentions.0.norm": "temporal_norm1",
        "attentions.0.attn": "temporal_attn",
        "attentions.0.temporal_fc": "temporal_fc",
        "attentions.1.norm": "norm1",
        "attentions.1.attn": "attn",
        "in_proj_": "qkv.",
        "out_proj": "proj",
        "ffns.0.norm": "norm2",
        "ffns.0.layers.0.0": "mlp.fc1",
        "ffns.0.layers.1": "mlp.fc2",
    }
    result = {}
    for key, value in state.items():
        for ours, theirs in renamed.items():
            key = key.replace(ours, theirs)
        result[key] = value
    return result


def test_it_computes_what_timesformer_computes_with_the_same_weights() -> None:
    reference, model = TimeSformer(num_classes=5, **SMALL).eval(), PiViT(num_classes=5, **SMALL).eval()
    for parameter in reference.parameters():
        nn.init.normal_(parameter, std=0.3)
    model.load_state_dict(as_pi_vit(reference.state_dict()))
    clip = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(clip), reference(clip), rtol=1e-4, atol=1e-5)


def test_a_whole_training_checkpoint_gives_the_logits_of_its_test_time_part() -> None:
    whole = PiViT(num_classes=5, pose_modules=True, **SMALL).eval()
    alone = PiViT(num_classes=5, **SMALL).eval()
    kept = {key: value for key, value in whole.state_dict().items() if key in alone.state_dict()}
    alone.load_state_dict(kept)
    clip = torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        assert torch.equal(whole(clip), alone(clip))


def test_a_fresh_network_cannot_tell_the_order_of_frames() -> None:
    model, clip = PiViT(num_classes=5, **SMALL).eval(), torch.randn(1, 3, 4, 32, 32)
    with torch.no_grad():
        torch.testing.assert_close(model(clip), model(clip.flip(2)))


def test_a_clip_of_another_size_is_refused() -> None:
    with pytest.raises(InputError, match=r"pi_vit: clips must be \(N, 3, 4, 32, 32\)"):
        PiViT(num_classes=5, **SMALL)(torch.zeros(1, 3, 8, 32, 32))
