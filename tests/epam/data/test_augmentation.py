import random

import numpy as np
import pytest

from epam.data.augmentation import (
    FLIPPED_JOINTS,
    Augmentation,
    cut_keypoints,
    flip_keypoints,
    random_crop,
    rescaled_size,
)
from epam.data.sample_randomness import SampleRandomness
from epam.errors import InputError


def seeded(seed: int) -> SampleRandomness:
    """Both generators as the published code has them after seeding."""
    return SampleRandomness(numpy=np.random.RandomState(seed), python=random.Random(seed))


def test_left_and_right_joints_change_places_and_the_nose_stays() -> None:
    assert FLIPPED_JOINTS == (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)


def test_a_flipped_joint_lies_as_far_from_the_other_edge() -> None:
    points = np.zeros((1, 1, 17, 2), dtype=np.float32)
    points[0, 0, 0] = 5.630026, 16.04284
    points[0, 0, 1] = 10, 20
    flipped, _ = flip_keypoints(points, np.ones((1, 1, 17), dtype=np.float32), width=56)
    assert flipped[0, 0, 0] == pytest.approx([50.369972, 16.04284], abs=1e-5)
    assert flipped[0, 0, 2].tolist() == [46, 20]


def test_an_absent_joint_is_absent_after_the_flip_and_scores_follow_their_joints() -> None:
    points = np.zeros((1, 1, 17, 2), dtype=np.float32)
    scores = np.arange(17, dtype=np.float32)[None, None]
    flipped, moved = flip_keypoints(points, scores, width=56)
    assert not flipped.any()
    assert moved[0, 0, :5].tolist() == [0, 2, 1, 4, 3]


def test_flipping_twice_changes_nothing_and_the_input_is_left_alone() -> None:
    points = np.random.default_rng(0).integers(0, 56, (2, 3, 17, 2)).astype(np.float32)
    scores = np.random.default_rng(1).random((2, 3, 17))
    before = points.copy()
    again = flip_keypoints(*flip_keypoints(points, scores, width=57), width=57)
    assert np.array_equal(again[0], points)
    assert np.array_equal(again[1], scores)
    assert np.array_equal(points, before)


# Obtained by running the published code with both generators seeded.
@pytest.mark.parametrize(("seed", "box"), [(0, (1, 3, 63, 63)), (1, (2, 1, 56, 58)), (2, (0, 0, 57, 60))])
def test_a_crop_of_64_by_64_pixels_is_the_published_one(seed: int, box: tuple[int, int, int, int]) -> None:
    assert random_crop(64, 64, seeded(seed)) == box


@pytest.mark.parametrize("size", [(64, 64), (64, 80), (90, 64), (64, 65)])
def test_crops_lie_inside_and_keep_to_their_area_and_shape(size: tuple[int, int]) -> None:
    height, width = size
    for seed in range(200):
        x1, y1, x2, y2 = random_crop(height, width, seeded(seed))
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        # Sides are rounded to whole pixels.
        assert (x2 - x1 + 0.5) * (y2 - y1 + 0.5) >= 0.56 * height * width
        assert (x2 - x1 - 0.5) / (y2 - y1 + 0.5) <= 4 / 3
        assert (x2 - x1 + 0.5) / (y2 - y1 - 0.5) >= 3 / 4


def test_where_no_shape_fits_the_square_in_the_middle_is_cut() -> None:
    assert random_crop(10, 1000, seeded(0)) == (495, 0, 505, 10)
    assert random_crop(1000, 11, seeded(0)) == (0, 494, 11, 505)


def test_a_crop_draws_twenty_numpy_numbers_whichever_shape_is_taken() -> None:
    fits, never_fits, counted = seeded(0), seeded(0), seeded(0)
    random_crop(64, 64, fits)
    random_crop(10, 1000, never_fits)
    counted.numpy.rand(20)
    assert fits.numpy.rand() == never_fits.numpy.rand() == counted.numpy.rand()


def test_the_short_side_becomes_64_and_the_long_one_is_rounded() -> None:
    assert rescaled_size(625, 500) == (80, 64)
    assert rescaled_size(500, 625) == (64, 80)
    assert rescaled_size(100, 101) == (64, 65)  # 64.64


def test_cut_keypoints_are_shifted_then_stretched_the_absent_too() -> None:
    points = cut_keypoints(np.array([[30.0, 25.0], [0.0, 0.0]]), (10, 5, 50, 25), height=10, width=80)
    assert points.tolist() == [[40, 10], [-20, -2.5]]


@pytest.mark.parametrize(("probability", "heads"), [(0.0, 0), (1.0, 100)])
def test_a_flip_is_never_or_always_made(probability: float, heads: int) -> None:
    augmentation = Augmentation(flip_probability=probability)
    assert sum(augmentation.toss(seeded(seed)) for seed in range(100)) == heads


def test_the_coin_is_the_published_draw() -> None:
    expected = [np.random.RandomState(seed).rand() < 0.5 for seed in range(20)]
    assert [Augmentation().toss(seeded(seed)) for seed in range(20)] == expected


@pytest.mark.parametrize("probability", [-0.1, 1.5, float("nan")])
def test_a_probability_is_between_0_and_1(probability: float) -> None:
    with pytest.raises(InputError, match="flip_probability is"):
        Augmentation(flip_probability=probability)
