from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

import epam
from epam.backends.equality import check_equality, reference_logits
from epam.backends.frame_major import clip_major, frame_major, shift_frames
from epam.temporal_shift import temporal_shift


@pytest.mark.parametrize("attention", ["nested", "none", "compressed", "non_local"])
@pytest.mark.parametrize("batch", [1, 3])
def test_the_logits_are_the_networks(attention, batch, thin, clips) -> None:
    model = thin(attention)
    assert_equal(model, clips(batch))


@pytest.mark.parametrize(
    "options",
    [{"temporal_shift": False}, {"stem_channels": 12, "rgb_blocks": (1, 1, 1), "pose_blocks": (1, 1)}],
)
def test_of_networks_of_other_sizes_too(options, thin, clips) -> None:
    assert_equal(thin(**options), clips(2, side=32))


def test_a_single_frame_has_no_neighbours(thin, clips) -> None:
    assert_equal(thin(frames=1), clips(2, frames=1))


@pytest.mark.parametrize("stream", ["rgb", "pose"])
def test_a_stream_by_itself(stream, lively) -> None:
    build = {"rgb": epam.x_shiftnet_rgb, "pose": epam.x_shiftnet_pose}[stream]
    model = lively(build(5, stem_channels=8, stage_blocks=(2, 1))).eval()
    assert_equal(model, (torch.randn(2, model.backbone.in_channels, 3, 16, 24),))


def test_other_networks_have_no_such_form(convolutional) -> None:
    assert frame_major(convolutional) is None
    assert frame_major(nn.Linear(2, 2)) is None


def test_no_norm_of_the_backbones_is_left(thin) -> None:
    form = frame_major(thin())
    assert form is not None
    norms = [name for name, part in form.named_modules() if isinstance(part, nn.BatchNorm2d)]
    assert norms == ["attention_module.spatial.bn"]


def test_each_frame_is_as_many_rows_as_there_are_clips() -> None:
    # Two clips of three frames, row 2t + n: tens are the clip, ones the frame.
    rows = torch.tensor([10.0, 20.0, 11.0, 21.0, 12.0, 22.0])
    x = rows[:, None, None, None].expand(6, 3, 1, 1)
    shifted = shift_frames(x, clips=2, fold=1)[:, :, 0, 0].T.tolist()
    assert shifted == [[11, 21, 12, 22, 0, 0], [0, 0, 10, 20, 11, 21], [10, 20, 11, 21, 12, 22]]


def test_its_shift_is_the_networks_in_another_order() -> None:
    clips = torch.randn(2, 5, 8, 3, 3)  # (N, T, C, H, W)
    wanted = temporal_shift(clips.flatten(0, 1), frames=5, fold=2).unflatten(0, (2, 5))
    got = shift_frames(clips.transpose(0, 1).flatten(0, 1), clips=2, fold=2).unflatten(0, (5, 2))
    assert torch.equal(got.transpose(0, 1), wanted)


@pytest.mark.parametrize("batch", [1, 2])
def test_features_come_back_in_the_order_of_clips(batch: int) -> None:
    features = torch.randn(batch, 4, 3, 2, 2)
    rows = features.permute(2, 0, 1, 3, 4).flatten(0, 1)
    assert torch.equal(clip_major(rows, batch), features)


def assert_equal(model: nn.Module, inputs: tuple[Tensor, ...]) -> None:
    name, expected = reference_logits(model, [inputs])
    form = frame_major(model)
    assert form is not None
    with torch.inference_mode():
        equality = check_equality(form, [inputs], reference=name, expected=expected, precision="fp32")
    assert equality.relative_error < 1e-5
