from __future__ import annotations

import pytest
import torch

from epam import EPAMLogits, EPAMNet
from epam.errors import InputError


def test_parameters_and_entries_are_those_of_the_published_network() -> None:
    model = EPAMNet(60)
    assert sum(p.numel() for p in model.parameters()) == 2_538_717
    assert len(model.state_dict()) == 1071
    more = sum(p.numel() for p in EPAMNet(120).parameters()) - 2_538_717
    assert more == 60 * (432 + 1) + 60 * (216 + 1)


def test_fused_score_is_the_plain_sum_of_logits() -> None:
    logits = EPAMLogits(rgb=torch.tensor([[1.0, 2.0]]), pose=torch.tensor([[5.0, -1.0]]))
    assert logits.fused.tolist() == [[6.0, 1.0]]


def test_attention_looks_at_every_third_pose_frame_and_the_pose_head_at_all(lively) -> None:
    model = lively(EPAMNet(4)).eval()
    seen = {}
    model.attention_module.register_forward_hook(lambda _, inputs, __: seen.update(pose=inputs[0]))
    features = torch.arange(6.0).reshape(1, 1, 6, 1, 1).expand(1, 216, 6, 1, 1)
    model.pose_backbone.forward = lambda heatmaps: features
    with torch.no_grad():
        logits = model(torch.zeros(1, 3, 2, 32, 32), torch.zeros(1, 17, 6, 8, 8))
    assert seen["pose"][0, 0, :, 0, 0].tolist() == [0.0, 3.0]
    torch.testing.assert_close(logits.pose, model.pose_cls_head.fc_cls(torch.full((1, 216), 2.5)))


@pytest.mark.parametrize("frames", [1, 2, 5])
def test_any_number_of_frames_and_any_divisible_size(frames: int) -> None:
    model = EPAMNet(7).eval()
    with torch.no_grad():
        logits = model(torch.zeros(2, 3, frames, 32, 64), torch.zeros(2, 17, 3 * frames, 8, 16))
    assert logits.fused.shape == (2, 7)


@pytest.mark.parametrize(
    ("rgb", "heatmaps", "message"),
    [
        ((1, 3, 4, 60, 64), (1, 17, 12, 16, 16), "divisible by 32"),
        ((1, 3, 4, 64, 64), (1, 17, 12, 15, 16), "divisible by 8"),
        ((1, 3, 4, 64, 64), (1, 17, 11, 16, 16), "need 12 heatmap frames, got 11"),
        ((1, 3, 4, 64, 64), (1, 17, 12, 8, 16), "need heatmaps of 16 × 16"),
        ((2, 3, 4, 64, 64), (1, 17, 12, 16, 16), "2 RGB clips came with 1"),
        ((1, 3, 4, 64, 64), (1, 25, 12, 16, 16), r"\(N, 17, T, H, W\)"),
    ],
)
def test_streams_that_do_not_match_are_refused(rgb, heatmaps, message: str) -> None:
    with pytest.raises(InputError, match=message):
        EPAMNet(5)(torch.zeros(rgb), torch.zeros(heatmaps))


def test_a_thin_network_sizes_its_attention_and_heads_by_its_backbones() -> None:
    thin = EPAMNet(
        5, attention="compressed", frames=2, stem_channels=12, rgb_blocks=(1, 1, 1, 1), pose_blocks=(1, 1, 1)
    )
    logits = thin.eval()(torch.zeros(1, 3, 2, 32, 32), torch.zeros(1, 17, 6, 8, 8))
    assert logits.fused.shape == (1, 5)
    assert (thin.rgb_cls_head.fc_cls.in_features, thin.pose_cls_head.fc_cls.in_features) == (216, 108)


def test_the_heatmaps_side_follows_from_the_depths_of_the_streams() -> None:
    # Two RGB stages divide by 2 · 2² = 8, two pose stages by 4: heatmaps of half the side.
    model = EPAMNet(5, rgb_blocks=(1, 1), pose_blocks=(1, 1)).eval()
    assert model(torch.zeros(1, 3, 1, 16, 16), torch.zeros(1, 17, 3, 8, 8)).fused.shape == (1, 5)
    with pytest.raises(InputError, match=r"need heatmaps of 8 × 8 \(4/8 of them"):
        model(torch.zeros(1, 3, 1, 16, 16), torch.zeros(1, 17, 3, 4, 4))
