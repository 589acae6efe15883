from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from epam.data.annotations import Annotation
from epam.data.clip import prepare_clip, prepare_pose_clip, prepare_rgb_clip
from epam.errors import AnnotationError, VideoError

FULL_HD = (1080, 1920)
RGB_OF_103 = [1, 7, 12, 19, 25, 32, 38, 46, 51, 57, 64, 70, 77, 84, 91, 97]
RGB_ONLY_OF_103 = [3, 7, 13, 24, 25, 37, 39, 47, 55, 58, 64, 74, 79, 84, 94, 100]


def golden_sample() -> dict[str, object]:
    """Two persons who drift over 103 frames; the published pipeline was run on them."""
    frame, joint = np.arange(103)[:, None], np.arange(17)[None]
    keypoint = np.zeros((2, 103, 17, 2), dtype=np.float16)
    keypoint[0, ..., 0], keypoint[0, ..., 1] = 600 + 10 * joint + 2 * frame, 300 + 20 * joint
    keypoint[1, ..., 0], keypoint[1, ..., 1] = 1200 - 8 * joint - frame, 350 + 15 * joint
    score = np.zeros((2, 103, 17), dtype=np.float16)
    score[0], score[1] = 0.5 + 0.025 * joint, 0.9 - 0.01 * joint
    return {
        "frame_dir": "S001C001P001R001A001",
        "label": 0,
        "img_shape": FULL_HD,
        "original_shape": FULL_HD,
        "total_frames": 103,
        "keypoint": keypoint,
        "keypoint_score": score,
    }


def standing(frames: int, *, image_size: tuple[int, int], x: float = 100, y: float = 50) -> Annotation:
    """One person whose joints lie on a diagonal of 40 pixels from (x, y)."""
    keypoint = np.empty((1, frames, 17, 2), dtype=np.float32)
    keypoint[:] = np.array([x, y]) + np.linspace(0, 40, 17)[:, None]
    return Annotation("S001", 0, image_size, frames, keypoint, np.ones((1, frames, 17), dtype=np.float32))


def is_golden(heatmaps: NDArray[np.float32]) -> None:
    assert heatmaps.shape == (17, 48, 56, 56)
    assert heatmaps.sum(dtype=np.float64) == pytest.approx(2796.9085, abs=2e-3)
    assert heatmaps.max() == pytest.approx(0.8986129, abs=1e-6)
    assert np.count_nonzero(heatmaps) == 34181
    assert heatmaps[0, 0, 16, 5:8] == pytest.approx([0.287368, 0.412381, 0.036795], abs=1e-6)
    assert heatmaps[0, 0, 20, 50] == pytest.approx(0.643313, abs=1e-6)


def test_the_golden_sample_comes_out_as_published(make_video, read_numbers) -> None:
    clip = prepare_clip(golden_sample(), make_video(frames=103, width=224, height=224))
    is_golden(clip.heatmaps.numpy())
    assert clip.heatmaps.is_contiguous()
    assert clip.rgb.shape == (3, 16, 224, 224)
    assert clip.rgb.dtype == torch.float32
    black_or_white = (clip.rgb > 0).permute(1, 2, 3, 0).numpy() * np.uint8(255)
    assert read_numbers(black_or_white) == RGB_OF_103


def test_the_pose_pipeline_gives_the_same_golden_heatmaps() -> None:
    is_golden(prepare_pose_clip(golden_sample()).numpy())


def test_only_the_pose_pipelines_box_may_leave_the_image(make_video) -> None:
    # §2.8's "left edge": clipped to 480 × 750 the person is stretched, at 750 × 750 it is not.
    annotation = standing(48, image_size=FULL_HD)
    annotation.keypoint[..., 0] = np.linspace(10, 200, 17)
    annotation.keypoint[..., 1] = np.linspace(300, 900, 17)
    video = make_video(frames=48, width=224, height=224)
    multimodal, pose = prepare_clip(annotation, video).heatmaps, prepare_pose_clip(annotation)

    def leftmost(heatmaps: torch.Tensor) -> int:
        return int(heatmaps.amax(dim=(0, 1, 2)).nonzero().min())

    # The first joint is at x = 10: at 10 · 56 / 480 = 1.2 in the clipped box, and in the other,
    # which starts at -270, at 280 · 56 / 750 = 20.9.
    assert leftmost(multimodal) == 0
    assert leftmost(pose) == 19


def test_an_annotation_and_its_mapping_give_the_same_clip(make_video) -> None:
    video = make_video(frames=103, width=224, height=224)
    one = prepare_clip(golden_sample(), video)
    other = prepare_clip(Annotation.from_mapping(golden_sample(), origin="test"), video)
    assert torch.equal(one.rgb, other.rgb)
    assert torch.equal(one.heatmaps, other.heatmaps)


def test_rgb_alone_samples_the_frames_of_the_video_itself(make_video, read_numbers) -> None:
    rgb = prepare_rgb_clip(make_video(frames=103, width=224, height=224))
    assert rgb.shape == (3, 16, 224, 224)
    assert read_numbers((rgb > 0).permute(1, 2, 3, 0).numpy() * np.uint8(255)) == RGB_ONLY_OF_103


def test_rgb_alone_can_be_cropped_by_an_annotation(make_video) -> None:
    video = make_video(frames=20, width=320, height=240)
    assert prepare_rgb_clip(video, standing(20, image_size=(240, 320))).shape == (3, 16, 224, 224)


def test_rgb_alone_of_a_full_frame_needs_an_annotation(make_video) -> None:
    with pytest.raises(VideoError, match=r"clip.mp4: frames are 320×240; without annotations"):
        prepare_rgb_clip(make_video(frames=20, width=320, height=240))


def test_rgb_alone_is_held_to_the_annotated_length(make_video) -> None:
    with pytest.raises(VideoError, match=r"clip.mp4 \(sample S001\): 20 frames .* annotation says 21"):
        prepare_rgb_clip(make_video(frames=20, width=224, height=224), standing(21, image_size=(240, 320)))


def brightness_of_columns(rgb: torch.Tensor) -> list[bool]:
    return (rgb[0, 0, 112] > 0).tolist()


@pytest.mark.parametrize(("width", "height"), [(320, 240), (640, 480), (160, 120)])
def test_a_full_frame_is_cropped_to_the_people_at_any_scale(
    make_video, monkeypatch, width: int, height: int
) -> None:
    # The person spans 100–140 × 50–90 of 320 × 240, so the box is 95–145 × 45–95. Columns left of
    # 120, its middle, are black, the others white.
    frames = np.zeros((16, height, width, 3), dtype=np.uint8)
    frames[:, :, width * 120 // 320 :] = 255
    monkeypatch.setattr("epam.data.pipelines.decode_frames", lambda *_, **__: (frames, 48))
    clip = prepare_clip(standing(48, image_size=(240, 320)), "unused.mp4")
    columns = brightness_of_columns(clip.rgb)
    assert not any(columns[:100])
    assert all(columns[124:])


def test_frames_of_another_shape_are_refused(make_video) -> None:
    video = make_video(frames=48, width=320, height=240)
    with pytest.raises(
        VideoError, match=r"sample S001\): frames are 320×240, the keypoints' image is 1920×1080"
    ):
        prepare_clip(standing(48, image_size=FULL_HD), video)


@pytest.mark.parametrize("unsampled", [0, 50, 101])
def test_the_crop_looks_at_all_frames_and_the_heatmaps_at_their_own(make_video, unsampled: int) -> None:
    # These frames are not among the 48 of 103: who is elsewhere only then moves the crop alone.
    annotation = standing(103, image_size=(240, 320))
    elsewhere = standing(103, image_size=(240, 320))
    elsewhere.keypoint[:, unsampled] += 150
    video = make_video(frames=103, width=320, height=240)
    here, moved = prepare_clip(annotation, video), prepare_clip(elsewhere, video)
    assert torch.equal(here.heatmaps, moved.heatmaps)
    assert not torch.equal(here.rgb, moved.rgb)


@pytest.mark.parametrize(
    ("frames", "numbers"), [(1, [0] * 16), (10, [0, 3, 6, 9, 2, 5, 8, 1, 4, 7, 0, 3, 6, 9, 2, 5])]
)
def test_a_short_video_repeats(make_video, read_numbers, frames: int, numbers: list[int]) -> None:
    video = make_video(frames=frames, width=224, height=224)
    clip = prepare_clip(standing(frames, image_size=(240, 320)), video)
    assert read_numbers((clip.rgb > 0).permute(1, 2, 3, 0).numpy() * np.uint8(255)) == numbers
    assert torch.equal(clip.heatmaps[:, 0], clip.heatmaps[:, frames])


@pytest.mark.parametrize("persons", [0, 1])
def test_nobody_in_the_clip_gives_the_whole_frame_and_empty_heatmaps(make_video, persons: int) -> None:
    empty = Annotation("S001", 0, (240, 320), 50, np.zeros((persons, 50, 17, 2)), np.zeros((persons, 50, 17)))
    clip = prepare_clip(empty, make_video(frames=50, width=320, height=240))
    assert not clip.heatmaps.any()
    assert clip.rgb.shape == (3, 16, 224, 224)
    assert not prepare_pose_clip(empty).any()


def test_nan_joints_are_drawn_in_the_corner_as_published() -> None:
    annotation = standing(48, image_size=(240, 320))
    annotation.keypoint[:, :, 3] = np.nan
    heatmaps = prepare_pose_clip(annotation)
    assert torch.isfinite(heatmaps).all()
    assert heatmaps[3, 0].argmax() == 0
    assert heatmaps[3, 0, 0, 0] == 1


def test_absurd_joints_are_survived() -> None:
    annotation = standing(48, image_size=(240, 320))
    annotation.keypoint[:, :, 3] = np.inf
    annotation.keypoint[:, :, 4] = -3e38
    heatmaps = prepare_pose_clip(annotation)
    assert torch.isfinite(heatmaps).all()
    assert not heatmaps[3:5].any()
    assert heatmaps[5].any()


def test_a_video_cut_short_names_file_sample_and_counts(make_video) -> None:
    with pytest.raises(VideoError, match=r"clip.mp4 \(sample S001\): 40 frames .* annotation says 60"):
        prepare_clip(standing(60, image_size=(240, 320)), make_video(frames=40, width=224, height=224))


def test_a_missing_video_is_named(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"gone.mp4"):
        prepare_clip(golden_sample(), tmp_path / "gone.mp4")


def test_a_bad_mapping_is_refused() -> None:
    with pytest.raises(AnnotationError, match="keypoint"):
        prepare_pose_clip(golden_sample() | {"keypoint": np.zeros((1, 103, 25, 3))})


def test_the_caller_can_time_each_step(make_video) -> None:
    steps: list[str] = []

    @contextmanager
    def step(name: str):
        yield
        steps.append(name)

    video = make_video(frames=48, width=224, height=224)
    prepare_clip(standing(48, image_size=(240, 320)), video, step=step)
    assert steps == ["sampling", "heatmaps", "decode", "crop", "normalise"]
    steps.clear()
    prepare_rgb_clip(video, step=step)
    assert steps == ["decode", "crop", "normalise"]
    steps.clear()
    prepare_pose_clip(standing(48, image_size=(240, 320)), step=step)
    assert steps == ["sampling", "heatmaps"]
