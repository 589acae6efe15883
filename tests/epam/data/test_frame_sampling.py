import numpy as np
import pytest

from epam.data.frame_sampling import sample_clips, sample_frames
from epam.errors import InputError


def numbers(text: str) -> list[int]:
    return [int(word) for word in text.split()]


# Obtained by running the published code.
POSE_OF_103 = numbers(
    "1 3 5 7 8 11 12 16 18 19 21 24 25 27 31 32 35 37 38 40 43 46 47 49 51 53 55 57 60 62 64 66 "
    "69 70 73 75 77 79 82 84 86 89 91 92 95 97 98 102"
)
POSE_OF_60 = numbers(
    "0 1 2 3 4 5 6 7 8 9 10 11 13 15 16 17 19 20 21 22 24 25 27 28 29 30 31 33 34 36 37 38 40 41 "
    "43 44 46 47 48 49 50 51 52 53 54 56 57 59"
)


@pytest.mark.parametrize(("total", "expected"), [(103, POSE_OF_103), (60, POSE_OF_60)])
def test_test_mode_draws_the_published_pose_frames(total: int, expected: list[int]) -> None:
    assert sample_frames(total, 48).tolist() == expected


@pytest.mark.parametrize(
    ("total", "expected"),
    [
        (103, "1 7 12 19 25 32 38 46 51 57 64 70 77 84 91 97"),
        (60, "0 3 6 9 13 17 21 25 29 33 37 41 46 49 52 56"),
        (30, "0 3 6 9 12 15 18 21 24 27 0 3 6 9 12 15"),
        (10, "0 3 6 9 2 5 8 1 4 7 0 3 6 9 2 5"),
        (300, "3 24 42 60 79 97 112 131 154 170 188 209 230 244 263 282"),
        (48, "0 3 6 9 12 15 18 21 24 27 30 33 36 39 42 45"),
        (1, "0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0"),
    ],
)
def test_every_third_pose_frame_is_the_published_rgb_frame(total: int, expected: str) -> None:
    assert sample_frames(total, 48)[::3].tolist() == numbers(expected)


def test_rgb_only_sampling_differs_from_every_third_pose_frame() -> None:
    expected = numbers("3 7 13 24 25 37 39 47 55 58 64 74 79 84 94 100")
    assert sample_frames(103, 16).tolist() == expected


def test_a_video_shorter_than_the_clip_repeats_from_its_start() -> None:
    assert sample_frames(3, 7).tolist() == [0, 1, 2, 0, 1, 2, 0]


def test_a_video_as_long_as_the_clip_is_taken_whole() -> None:
    assert sample_frames(5, 5).tolist() == [0, 1, 2, 3, 4]


def test_training_draws_the_published_frames_of_seed_0() -> None:
    indices = sample_frames(103, 48, generator=np.random.RandomState(0))
    assert indices[::3].tolist() == numbers("0 6 13 19 25 32 38 45 52 58 64 70 78 84 91 97")


def test_training_starts_a_short_video_at_a_random_frame() -> None:
    indices = sample_frames(30, 48, generator=np.random.RandomState(0))
    assert indices[:20].tolist() == [*range(12, 30), 0, 1]


def test_training_draws_go_on_and_test_mode_starts_afresh() -> None:
    generator = np.random.RandomState(1)
    first, second = (sample_frames(200, 16, generator=generator).tolist() for _ in range(2))
    assert first != second
    assert sample_frames(200, 16).tolist() == sample_frames(200, 16).tolist()


def test_the_global_generator_is_left_alone() -> None:
    before = np.random.get_state()[1].tolist()  # noqa: NPY002
    sample_frames(103, 48)
    assert np.random.get_state()[1].tolist() == before  # noqa: NPY002


@pytest.mark.parametrize("total", [1, 15, 16, 17, 31, 32, 33, 500])
def test_indices_are_in_the_video_and_in_order_of_time(total: int) -> None:
    indices = sample_frames(total, 16)
    assert indices.dtype == np.int64
    assert indices.shape == (16,)
    assert indices.min() >= 0
    assert indices.max() < total
    assert total < 16 or (np.diff(indices) > 0).all()


@pytest.mark.parametrize("total", [0, -3])
def test_a_video_without_frames_is_refused(total: int) -> None:
    with pytest.raises(InputError, match=f"total_frames is {total}"):
        sample_frames(total, 48)


def test_a_clip_without_frames_is_refused() -> None:
    with pytest.raises(InputError, match="clip_length is 0"):
        sample_frames(10, 0)


def test_another_kind_of_generator_is_refused_and_the_right_one_named() -> None:
    with pytest.raises(InputError, match=r"generator is a Generator; give a numpy.random.RandomState"):
        sample_frames(100, 16, generator=np.random.default_rng(0))  # type: ignore[arg-type]


@pytest.mark.parametrize("total", [10, 60, 103, 300])
def test_the_first_of_several_clips_is_the_only_one_of_one(total: int) -> None:
    clips = sample_clips(total, 48, clips=3)
    assert clips.shape == (3, 48)
    assert clips[0].tolist() == sample_frames(total, 48).tolist()


def test_the_draws_go_on_from_clip_to_clip() -> None:
    generator = np.random.RandomState(255)
    expected = [sample_frames(103, 48, generator=generator).tolist() for _ in range(4)]
    assert sample_clips(103, 48, clips=4).tolist() == expected
    assert len({tuple(clip) for clip in expected}) == 4


def test_clips_of_a_short_video_start_at_equal_distances() -> None:
    assert sample_clips(10, 12, clips=4)[:, 0].tolist() == [0, 2, 5, 7]
    assert sample_clips(10, 12, clips=4)[2].tolist() == [5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6]


def test_more_clips_than_frames_start_one_frame_after_another() -> None:
    assert sample_clips(3, 4, clips=5)[:, 0].tolist() == [0, 1, 2, 0, 1]


def test_no_clips_are_refused() -> None:
    with pytest.raises(InputError, match="clips is 0"):
        sample_clips(103, 48, clips=0)
