from __future__ import annotations

import pytest
import torch

from epam.data.clip_size import ClipSize
from epam.errors import InputError
from epam_baselines import create_model, example_inputs, model_spec, with_clip, with_clip_size
from epam_baselines.inputs import parse_clip


def small_epam_net_inputs(seed: int) -> tuple[torch.Tensor, ...]:
    return example_inputs(with_clip(model_spec("epam_net"), 2, 32, 64), 2, seed=seed)


def test_inputs_come_in_forward_order_with_the_batch_in_front() -> None:
    rgb, heatmaps = small_epam_net_inputs(0)
    assert rgb.shape == (2, 3, 2, 32, 64)
    assert heatmaps.shape == (2, 17, 6, 8, 16)


def test_rgb_is_standard_normal_and_heatmaps_are_uniform_from_zero_to_one() -> None:
    rgb, heatmaps = small_epam_net_inputs(0)
    assert abs(float(rgb.mean())) < 0.05
    assert 0.95 < float(rgb.std()) < 1.05
    assert 0.0 <= float(heatmaps.min()) < 0.01
    assert 0.99 < float(heatmaps.max()) < 1.0


def test_the_same_seed_gives_the_same_inputs_and_another_seed_others() -> None:
    first, again, other = small_epam_net_inputs(3), small_epam_net_inputs(3), small_epam_net_inputs(4)
    assert all(torch.equal(a, b) for a, b in zip(first, again, strict=True))
    assert not any(torch.equal(a, b) for a, b in zip(first, other, strict=True))


def test_drawing_inputs_leaves_the_global_generator_alone() -> None:
    before = torch.get_rng_state()
    small_epam_net_inputs(0)
    assert torch.equal(torch.get_rng_state(), before)


def test_dtype_and_meta_device_are_as_asked() -> None:
    spec = with_clip(model_spec("posec3d"), 4, 8, 8)
    (half,) = example_inputs(spec, dtype=torch.bfloat16)
    assert half.dtype == torch.bfloat16
    (meta,) = example_inputs(spec, 3, device="meta", dtype=torch.float16)
    assert (meta.device.type, meta.dtype, meta.shape) == ("meta", torch.float16, (3, 17, 4, 8, 8))


def test_inputs_are_real_even_where_the_default_device_is_meta() -> None:
    with torch.device("meta"):
        (clip,) = example_inputs(with_clip(model_spec("posec3d"), 1, 2, 2))
    assert clip.device.type == "cpu"


@pytest.mark.parametrize("batch_size", [0, -1])
def test_a_batch_size_below_one_is_refused(batch_size: int) -> None:
    with pytest.raises(InputError, match=f"batch size {batch_size}"):
        example_inputs(model_spec("c3d"), batch_size)


def test_a_clip_sets_the_only_input_of_a_model_of_one_modality() -> None:
    assert with_clip(model_spec("x3d_m"), 4, 160, 182).inputs == {"rgb": (3, 4, 160, 182)}
    assert with_clip(model_spec("posec3d"), 12, 64, 60).inputs == {"heatmaps": (17, 12, 64, 60)}
    assert with_clip(model_spec("x_shiftnet_pose"), 24, 64, 56).inputs == {"heatmaps": (17, 24, 64, 56)}


def test_epam_net_gets_heatmaps_of_three_times_the_frames_and_a_quarter_of_the_size() -> None:
    spec = with_clip(model_spec("epam_net"), 8, 256, 320)
    assert spec.inputs == {"rgb": (3, 8, 256, 320), "heatmaps": (17, 24, 64, 80)}
    with torch.device("meta"):
        model = create_model("epam_net")
    assert model(*example_inputs(spec, device="meta")).fused.shape == (1, 60)


def test_a_clip_of_the_spec_itself_changes_nothing() -> None:
    spec = model_spec("epam_net")
    assert with_clip(spec, 16, 224, 224) == spec


def test_the_spec_in_the_catalogue_keeps_its_clip() -> None:
    with_clip(model_spec("c3d"), 1, 1, 1)
    assert model_spec("c3d").inputs == {"rgb": (3, 16, 112, 112)}


@pytest.mark.parametrize("clip", [(0, 224, 224), (16, -1, 224), (16, 224, 0)])
def test_sizes_below_one_are_refused(clip: tuple[int, int, int]) -> None:
    with pytest.raises(InputError, match="must be at least 1"):
        with_clip(model_spec("x3d_m"), *clip)


def test_a_size_whose_quarter_is_no_whole_number_is_refused_for_epam_net() -> None:
    with pytest.raises(InputError, match=r"clip 16×222×224: .*multiples of 4"):
        with_clip(model_spec("epam_net"), 16, 222, 224)


def test_a_clip_size_sets_what_the_model_sees_of_it() -> None:
    size = ClipSize(rgb_frames=6, frame_side=96, pose_frames=18, heatmap_side=24)
    assert with_clip_size(model_spec("x3d_m"), size).inputs == {"rgb": (3, 6, 96, 96)}
    assert with_clip_size(model_spec("posec3d"), size).inputs == {"heatmaps": (17, 18, 24, 24)}
    assert with_clip_size(model_spec("epam_net"), size).clip_size == size


def test_heatmaps_keep_the_models_own_ratio_to_its_frames() -> None:
    spec = with_clip(model_spec("rgbpose_conv3d"), 4, 256, 128)
    assert spec.inputs == {"rgb": (3, 4, 256, 128), "heatmaps": (17, 16, 64, 32)}


@pytest.mark.parametrize("text", ["16x224x224", "16×224×224", "16*224*224", " 16X224X224 "])
def test_clip_size_is_read_however_it_is_typed(text: str) -> None:
    assert parse_clip(text) == (16, 224, 224)


@pytest.mark.parametrize("text", ["16x224", "sixteen", "-1x2x3", ""])
def test_unreadable_clip_size_shows_an_example(text: str) -> None:
    with pytest.raises(InputError, match="16x224x224"):
        parse_clip(text)
