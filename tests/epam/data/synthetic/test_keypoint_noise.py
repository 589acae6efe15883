import numpy as np
import pytest
from numpy.typing import NDArray

from epam.data.synthetic.keypoint_noise import find_keypoints

UNIT = 200.0
SIZE = (360, 640)
Found = tuple[NDArray[np.float64], NDArray[np.float16], NDArray[np.float16]]


@pytest.fixture(scope="module")
def found() -> Found:
    joints = np.random.default_rng(0).uniform((100, 60), (500, 300), size=(2, 400, 17, 2))
    return joints, *find_keypoints(joints, unit=UNIT, image_size=SIZE, random=np.random.default_rng(1))


def test_keypoints_are_half_precision_and_near_the_joints(found: Found) -> None:
    joints, keypoint, score = found
    assert keypoint.dtype == score.dtype == np.float16
    there = score > 0
    error = np.linalg.norm(keypoint.astype(float) - joints, axis=-1)[there] / UNIT
    assert 0.005 < np.median(error) < 0.03
    assert error.max() < 0.2


def test_a_lost_joint_is_all_zero_and_nothing_else_is(found: Found) -> None:
    _, keypoint, score = found
    np.testing.assert_array_equal((keypoint == 0).all(axis=-1), score == 0)
    assert 0.005 < (score == 0).mean() < 0.06


def test_joints_are_lost_for_some_frames_on_end(found: Found) -> None:
    _, _, score = found
    lost = score == 0
    after_lost = lost[:, 1:][lost[:, :-1]]
    assert after_lost.mean() > 0.5


def test_scores_are_honest(found: Found) -> None:
    joints, keypoint, score = found
    there = score > 0
    error = np.linalg.norm(keypoint.astype(float) - joints, axis=-1)[there] / UNIT
    scores = score[there].astype(float)
    order = np.argsort(error)
    means = [part.mean() for part in np.array_split(scores[order], 10)]
    assert means == sorted(means, reverse=True)
    # 0.96 without an error, half of it at 4.5 %: within the 6 % that is left to chance.
    expected = 0.96 * 0.5 ** ((error / 0.045) ** 2)
    assert np.all((scores < expected + 1e-3) & (scores > 0.94 * expected - 1e-3))


def test_nothing_is_found_outside_the_image() -> None:
    outside = np.full((1, 50, 17, 2), 5000.0)
    keypoint, score = find_keypoints(outside, unit=UNIT, image_size=SIZE, random=np.random.default_rng(0))
    there = keypoint[(keypoint > 0).all(axis=-1)]
    assert np.all(there == (639, 359))
    # It is far off then, and the score says so.
    assert score.max() < 0.01


def test_the_same_chance_finds_the_same() -> None:
    joints = np.full((1, 30, 17, 2), 100.0)
    once, again = (
        find_keypoints(joints, unit=UNIT, image_size=SIZE, random=np.random.default_rng(5)) for _ in range(2)
    )
    np.testing.assert_array_equal(once[0], again[0])
    np.testing.assert_array_equal(once[1], again[1])
