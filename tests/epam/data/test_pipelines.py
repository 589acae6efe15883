import pickle
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from epam.data.annotations import Annotation
from epam.data.augmentation import Augmentation, cut_keypoints, random_crop
from epam.data.clip import prepare_clip, prepare_pose_clip, prepare_rgb_clip
from epam.data.clip_size import ClipSize
from epam.data.frame_sampling import sample_clips, sample_frames
from epam.data.heatmaps import render_heatmaps
from epam.data.person_box import crop_keypoints
from epam.data.pipelines import Pipeline
from epam.data.sample_randomness import SampleRandomness
from epam.data.video import decode_frames
from epam.errors import InputError, UnknownNameError, VideoError

SMALL = ClipSize(rgb_frames=6, frame_side=96, pose_frames=18, heatmap_side=24)
NEVER_FLIP, ALWAYS_FLIP = Augmentation(flip_probability=0), Augmentation(flip_probability=1)


def seeded(seed: int) -> SampleRandomness:
    """Both generators as the published code has them after seeding."""
    return SampleRandomness(numpy=np.random.RandomState(seed), python=random.Random(seed))


def walker(frames: int = 103, *, image_size: tuple[int, int] = (240, 320)) -> Annotation:
    """One person, a diagonal of 17 joints over 40 pixels, who moves right by a pixel a frame."""
    keypoint = np.empty((1, frames, 17, 2), dtype=np.float32)
    keypoint[:] = np.array([100, 50]) + np.linspace(0, 40, 17)[:, None]
    keypoint[..., 0] += np.arange(frames)[:, None]
    return Annotation("S001", 0, image_size, frames, keypoint, np.ones((1, frames, 17), dtype=np.float32))


@pytest.fixture
def numbered(make_video) -> Path:
    """103 crops that show their numbers."""
    return make_video(frames=103, width=224, height=224)


@pytest.fixture
def numbers_of(read_numbers):
    def read(rgb: Tensor) -> list[int]:
        return read_numbers((rgb > 0).permute(1, 2, 3, 0).numpy() * np.uint8(255))

    return read


# ── Test mode ──


def test_the_paper_sized_test_pipelines_are_those_of_one_call(numbered: Path) -> None:
    both = Pipeline("multimodal")(walker(), numbered)
    assert all(map(torch.equal, both, prepare_clip(walker(), numbered)))
    assert torch.equal(*Pipeline("pose")(walker(), None), prepare_pose_clip(walker()))
    assert torch.equal(*Pipeline("rgb")(walker(), numbered), prepare_rgb_clip(numbered))


def test_a_smaller_clip_has_the_size_asked_for(numbered: Path) -> None:
    rgb, heatmaps = Pipeline("multimodal", SMALL)(walker(), numbered)
    assert rgb.shape == (3, 6, 96, 96)
    assert heatmaps.shape == (17, 18, 24, 24)
    assert rgb.is_contiguous()
    assert [part.shape for part in Pipeline("pose", SMALL)(walker(), None)] == [(17, 18, 24, 24)]
    assert [part.shape for part in Pipeline("rgb", SMALL)(walker(), numbered)] == [(3, 6, 96, 96)]


def test_both_streams_of_a_smaller_clip_see_the_same_moments(numbered: Path, numbers_of) -> None:
    rgb, _ = Pipeline("multimodal", SMALL)(walker(), numbered)
    assert numbers_of(rgb) == sample_frames(103, 18)[::3].tolist()


def test_smaller_frames_average_the_pixels_that_they_stand_for(tmp_path: Path, monkeypatch) -> None:
    # Columns of black and white by turns become grey, and not stripes.
    frames = np.zeros((16, 224, 224, 3), dtype=np.uint8)
    frames[:, :, ::2] = 255
    monkeypatch.setattr("epam.data.pipelines.decode_frames", lambda *_, **__: (frames, 103))
    rgb, _ = Pipeline("multimodal", ClipSize(frame_side=56))(walker(), tmp_path / "unused.mp4")
    inner = rgb[:, :, 2:-2, 2:-2]
    assert inner.abs().max() < 0.6  # grey is near 0; black and white are beyond ±1.8
    assert inner.std(dim=-1).max() < 0.05


def test_the_streams_must_fit_together_where_both_are_used() -> None:
    odd = ClipSize(rgb_frames=7)
    with pytest.raises(InputError, match="48 pose frames for 7 RGB frames"):
        Pipeline("multimodal", odd)
    Pipeline("pose", odd)
    Pipeline("rgb", odd)


def test_an_unknown_kind_is_refused_and_the_nearest_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown pipeline 'poses'; did you mean 'pose'"):
        Pipeline("poses")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "needs_video", "needs_keypoints"),
    [("multimodal", True, True), ("pose", False, True), ("rgb", True, False)],
)
def test_a_pipeline_says_what_it_needs_and_asks_for_it(kind, needs_video, needs_keypoints) -> None:
    pipeline = Pipeline(kind)
    assert (pipeline.needs_video, pipeline.needs_keypoints) == (needs_video, needs_keypoints)
    missing = "keypoints" if needs_keypoints else "video"
    with pytest.raises(InputError, match=f"{kind}: the {missing} must be given"):
        pipeline(None, None)


def test_a_multimodal_clip_without_a_video_is_refused() -> None:
    with pytest.raises(InputError, match="multimodal: the video must be given"):
        Pipeline("multimodal")(walker(), None)


def test_a_pipeline_can_be_sent_to_another_process() -> None:
    pipeline = pickle.loads(pickle.dumps(Pipeline("pose", SMALL, augmentation=Augmentation())))
    same = Pipeline("pose", SMALL, augmentation=Augmentation())
    assert torch.equal(
        *pipeline(walker(), None, randomness=seeded(0)), *same(walker(), None, randomness=seeded(0))
    )


# ── Several views ──


def test_views_are_clips_drawn_one_after_another(numbered: Path, numbers_of) -> None:
    rgb, heatmaps = Pipeline("multimodal")(walker(), numbered, views=3)
    assert rgb.shape == (3, 3, 16, 224, 224)
    assert heatmaps.shape == (3, 17, 48, 56, 56)
    clips = sample_clips(103, 48, clips=3)
    assert [numbers_of(view) for view in rgb] == clips[:, ::3].tolist()
    alone = Pipeline("multimodal")(walker(), numbered)
    assert torch.equal(rgb[0], alone[0])


def test_rgb_views_are_drawn_by_the_videos_own_length(numbered: Path, numbers_of) -> None:
    [rgb] = Pipeline("rgb")(None, numbered, views=2)
    assert [numbers_of(view) for view in rgb] == sample_clips(103, 16, clips=2).tolist()


def test_the_heatmaps_of_all_views_share_one_box() -> None:
    annotation = walker()
    [heatmaps] = Pipeline("pose")(annotation, None, views=2)
    indices = sample_clips(103, 48, clips=2)
    # Whichever view a frame of the video is in, its skeleton is drawn at the same place.
    shared = sorted(set(indices[0]) & set(indices[1]))
    assert shared
    for frame in shared:
        first, second = (np.flatnonzero(clip == frame)[0] for clip in indices)
        assert torch.equal(heatmaps[0][:, first], heatmaps[1][:, second])


@pytest.mark.parametrize("views", [0, -1])
def test_no_views_are_refused(views: int) -> None:
    with pytest.raises(InputError, match=f"pose: {views} views"):
        Pipeline("pose")(walker(), None, views=views)


# ── Training ──


def test_training_and_randomness_go_together() -> None:
    with pytest.raises(InputError, match="randomness is for training alone, and training needs it"):
        Pipeline("pose")(walker(), None, randomness=seeded(0))
    with pytest.raises(InputError, match="training needs it"):
        Pipeline("pose", augmentation=Augmentation())(walker(), None)
    with pytest.raises(InputError, match="2 views; a test takes 1 or more, training takes 1"):
        Pipeline("pose", augmentation=Augmentation())(walker(), None, randomness=seeded(0), views=2)


def test_multimodal_training_draws_the_published_frames_of_seed_0(numbered: Path, numbers_of) -> None:
    rgb, _ = Pipeline("multimodal", augmentation=NEVER_FLIP)(walker(), numbered, randomness=seeded(0))
    expected = "0 6 13 19 25 32 38 45 52 58 64 70 78 84 91 97"
    assert numbers_of(rgb) == [int(number) for number in expected.split()]


def test_multimodal_training_never_crops(make_video) -> None:
    # 48 frames of 48: there is nothing else to draw.
    video = make_video(frames=48, width=224, height=224)
    train = Pipeline("multimodal", augmentation=NEVER_FLIP)(walker(48), video, randomness=seeded(3))
    assert all(map(torch.equal, train, Pipeline("multimodal")(walker(48), video)))


def test_one_coin_mirrors_both_streams(numbered: Path) -> None:
    plain = Pipeline("multimodal", augmentation=NEVER_FLIP)(walker(), numbered, randomness=seeded(5))
    flipped = Pipeline("multimodal", augmentation=ALWAYS_FLIP)(walker(), numbered, randomness=seeded(5))
    assert torch.equal(flipped[0], plain[0].flip(-1))
    # The left wrist at x is the right wrist at 56 - x: at the brightest pixel, to within rounding.
    left, right = (
        clip[1][joint].flatten(1).argmax(dim=1) % 56 for clip, joint in ((plain, 9), (flipped, 10))
    )
    assert ((left + right - 56).abs() <= 1).all()


def test_the_coin_falls_either_way_for_both_streams_at_once(numbered: Path) -> None:
    never = Pipeline("multimodal", SMALL, augmentation=NEVER_FLIP)
    sometimes = Pipeline("multimodal", SMALL, augmentation=Augmentation())
    outcomes = set()
    for seed in range(12):
        plain = never(walker(), numbered, randomness=seeded(seed))
        drawn = sometimes(walker(), numbered, randomness=seeded(seed))
        rgb_same, pose_same = map(torch.equal, plain, drawn)
        assert rgb_same == pose_same
        outcomes.add(rgb_same)
    assert outcomes == {True, False}


def test_rgb_training_draws_frames_of_the_video_itself(numbered: Path, numbers_of) -> None:
    [rgb] = Pipeline("rgb", augmentation=NEVER_FLIP)(None, numbered, randomness=seeded(0))
    expected = sample_frames(103, 16, generator=np.random.RandomState(0))
    assert numbers_of(rgb) == expected.tolist()


def test_a_video_whose_header_lies_gives_the_same_training_clip(make_video, numbers_of, monkeypatch) -> None:
    # The frames are chosen a second time, from as many as there turned out to be.
    video = make_video(frames=60, width=224, height=224)
    monkeypatch.setattr("epam.data.video._promised_frames", lambda *_: 50)
    randomness, expected = seeded(1), seeded(1)
    [rgb] = Pipeline("rgb", augmentation=NEVER_FLIP)(None, video, randomness=randomness)
    assert numbers_of(rgb) == sample_frames(60, 16, generator=expected.numpy).tolist()
    expected.numpy.rand()  # the coin
    assert randomness.numpy.rand() == expected.numpy.rand()


def test_pose_training_crops_a_clip_of_64_pixels_and_stretches_it_to_56() -> None:
    # Published: box, short side 64, crop, 56 × 56, flip, heatmaps; the draws in that order.
    annotation = walker(48)
    [heatmaps] = Pipeline("pose", augmentation=NEVER_FLIP)(annotation, None, randomness=seeded(2))
    draws = seeded(2)
    indices = sample_frames(48, 48, generator=draws.numpy)
    # x spans 100–187, y 50–90: a square of half side 54.375 around (143.5, 70), truncated.
    points = crop_keypoints(annotation.keypoint[:, indices], (89, 15, 197, 124), height=65, width=64)
    crop = random_crop(65, 64, draws)
    points = cut_keypoints(points, crop, height=56, width=56)
    expected = render_heatmaps(points, annotation.keypoint_score[:, indices], height=56, width=56)
    assert crop != (0, 0, 64, 65)
    assert np.array_equal(heatmaps.numpy(), expected)


def test_pose_training_without_crops_differs_from_the_test_in_its_frames_alone() -> None:
    augmentation = Augmentation(flip_probability=0, crop=False)
    [train] = Pipeline("pose", augmentation=augmentation)(walker(48), None, randomness=seeded(0))
    # 48 frames of 48: there is nothing to draw.
    assert torch.equal(train, *Pipeline("pose")(walker(48), None))


@pytest.mark.parametrize("kind", ["multimodal", "pose", "rgb"])
def test_the_same_randomness_gives_the_same_clip_and_another_another(kind, numbered: Path) -> None:
    pipeline = Pipeline(kind, SMALL, augmentation=Augmentation())

    def prepare(epoch: int) -> tuple[Tensor, ...]:
        return pipeline(walker(), numbered, randomness=SampleRandomness.of(0, epoch, 7))

    assert all(map(torch.equal, prepare(1), prepare(1)))
    assert not any(map(torch.equal, prepare(1), prepare(2)))


@pytest.mark.parametrize("kind", ["multimodal", "pose"])
def test_training_survives_joints_that_are_no_numbers(kind, numbered: Path) -> None:
    annotation = walker()
    annotation.keypoint[:, :, 3] = np.nan
    annotation.keypoint[:, :, 4] = np.inf
    annotation.keypoint[:, :, 5] = -3e38
    annotation.keypoint_score[:, :, 6] = np.nan
    for seed in range(4):
        heatmaps = Pipeline(kind, SMALL, augmentation=Augmentation())(
            annotation, numbered, randomness=seeded(seed)
        )[-1]
        assert torch.isfinite(heatmaps).all()
        assert heatmaps.any()


@pytest.mark.parametrize("persons", [0, 1])
@pytest.mark.parametrize("kind", ["multimodal", "pose"])
def test_training_survives_a_clip_of_nobody(kind, persons: int, numbered: Path) -> None:
    nobody = Annotation(
        "S001", 0, (240, 320), 103, np.zeros((persons, 103, 17, 2)), np.zeros((persons, 103, 17))
    )
    pipeline = Pipeline(kind, SMALL, augmentation=ALWAYS_FLIP)
    assert not pipeline(nobody, numbered, randomness=seeded(0))[-1].any()


def test_a_short_video_is_named_in_training_too(make_video) -> None:
    video = make_video(frames=40, width=224, height=224)
    pipeline = Pipeline("multimodal", augmentation=Augmentation())
    with pytest.raises(VideoError, match=r"clip.mp4 \(sample S001\): 40 frames .* annotation says 103"):
        pipeline(walker(), video, randomness=seeded(0))


# ── A window of frames in memory ──


@pytest.mark.parametrize("kind", ["multimodal", "rgb", "pose"])
def test_a_whole_video_in_memory_gives_what_its_file_gives(kind: str, make_video) -> None:
    video = make_video(frames=103, width=320, height=240)
    frames = decode_frames(video, np.arange(103)).frames
    pipeline = Pipeline(kind, SMALL)  # type: ignore[arg-type]
    window = pipeline.prepare_window(walker(), lambda indices: frames[indices], origin="camera")
    assert all(map(torch.equal, window, pipeline(walker(), video)))


def test_a_window_is_asked_only_for_the_frames_that_are_looked_at() -> None:
    asked: list[int] = []

    def read(indices: np.ndarray) -> np.ndarray:
        asked.extend(indices.tolist())
        return np.zeros((len(indices), 240, 320, 3), dtype=np.uint8)

    pipeline = Pipeline("multimodal", SMALL)
    pipeline.prepare_window(walker(), read, origin="camera")
    assert asked == pipeline.frames_of_window(103)[::3].tolist()
    assert len(Pipeline("rgb", SMALL).frames_of_window(103)) == 6


def test_rgb_sees_whole_frames_of_a_window_with_nobody_in_it() -> None:
    nobody = Annotation("S001", 0, (240, 320), 9, np.zeros((0, 9, 17, 2)), np.zeros((0, 9, 17)))
    frames = np.zeros((9, 240, 320, 3), dtype=np.uint8)
    frames[:, :, :160] = 255  # the left half
    [rgb] = Pipeline("rgb", SMALL).prepare_window(nobody, lambda indices: frames[indices], origin="camera")
    assert rgb.shape == (3, 6, 96, 96)
    assert (rgb[..., :40] > 1).all()
    assert (rgb[..., 56:] < 0).all()
