import math

import numpy as np
import pytest
from numpy.typing import NDArray

from epam.data.heatmaps import render_heatmaps
from epam.errors import InputError


def one_joint(x: float, y: float = 10.0, score: float = 1.0) -> NDArray[np.float32]:
    """``(56, 56)`` heatmap of a single joint."""
    return render_heatmaps([[[[x, y]]]], [[[score]]], height=56, width=56)[0, 0]


def equation(
    keypoints: NDArray[np.float32], scores: NDArray[np.float32], *, height: int, width: int, sigma: float
) -> NDArray[np.float64]:
    """The published equation, pixel by pixel, in double precision."""
    persons, frames, joints, _ = keypoints.shape
    result = np.zeros((joints, frames, height, width))
    for person, frame, joint in np.ndindex(persons, frames, joints):
        mx, my = map(float, keypoints[person, frame, joint])
        score = float(scores[person, frame, joint])
        if score < 1e-4:
            continue
        for y in range(max(int(my - 3 * sigma), 0), min(int(my + 3 * sigma) + 1, height)):
            for x in range(max(int(mx - 3 * sigma), 0), min(int(mx + 3 * sigma) + 1, width)):
                value = score * math.exp(-((x - mx) ** 2 + (y - my) ** 2) / (2 * sigma**2))
                result[joint, frame, y, x] = max(result[joint, frame, y, x], value)
    return result


@pytest.mark.parametrize("sigma", [0.6, 0.5, 1.0, 2.0])
@pytest.mark.parametrize("grid", ["any", "tenths"])
def test_heatmaps_are_the_equation_with_the_same_support(sigma: float, grid: str) -> None:
    random = np.random.default_rng(0)
    keypoints = random.uniform(-5, 27, size=(3, 4, 5, 2))
    keypoints = (keypoints if grid == "any" else keypoints.round(1)).astype(np.float32)
    scores = random.uniform(-0.1, 1, size=(3, 4, 5)).astype(np.float32)
    drawn = render_heatmaps(keypoints, scores, height=20, width=24, sigma=sigma)
    expected = equation(keypoints, scores, height=20, width=24, sigma=sigma)
    np.testing.assert_allclose(drawn, expected, rtol=0, atol=1e-6)
    np.testing.assert_array_equal(drawn > 0, expected > 0)


@pytest.mark.parametrize(
    ("x", "columns"),
    [
        (10, [8, 9, 10, 11]),
        (10.5, [8, 9, 10, 11, 12]),
        (10.19, [8, 9, 10, 11]),
        (10.81, [9, 10, 11, 12]),
        (0, [0, 1]),
        (-2.5, [0]),
        (-2.81, []),
        (57.7, [55]),
        (57.81, []),
    ],
)
def test_the_window_is_the_published_asymmetric_one(x: float, columns: list[int]) -> None:
    assert np.flatnonzero(one_joint(x).any(axis=0)).tolist() == columns


def test_a_joint_fades_as_published() -> None:
    heatmap = one_joint(10, 10)
    assert heatmap[10, 10] == 1
    assert heatmap[10, 11] == pytest.approx(0.249352, abs=1e-6)
    assert heatmap[10, 8] == pytest.approx(0.003866, abs=1e-6)
    assert heatmap[11, 11] == pytest.approx(0.062177, abs=1e-6)
    assert heatmap.sum() == pytest.approx(2.257718, abs=1e-5)


def test_x_runs_along_columns_and_y_along_rows() -> None:
    assert np.unravel_index(one_joint(7, 20).argmax(), (56, 56)) == (20, 7)


def test_the_peak_is_the_score_even_above_one() -> None:
    assert one_joint(10, 10, score=0.25).max() == pytest.approx(0.25)
    assert one_joint(10, 10, score=1.5).max() == pytest.approx(1.5)


def test_of_two_persons_the_brighter_counts() -> None:
    keypoints = np.array([[[[10, 10]]], [[[11, 10]]]], dtype=np.float32)
    heatmap = render_heatmaps(keypoints, [[[0.5]], [[1.0]]], height=20, width=20)[0, 0]
    assert heatmap[10, 10] == pytest.approx(0.5)  # the fainter's peak, above the brighter's 0.249
    assert heatmap[10, 11] == pytest.approx(1.0)


def test_each_joint_and_frame_has_its_own_plane() -> None:
    keypoints = np.array([[[[1, 1], [2, 2], [3, 3]], [[4, 4], [5, 5], [6, 6]]]], dtype=np.float32)
    heatmaps = render_heatmaps(keypoints, np.ones((1, 2, 3)), height=9, width=9)
    peaks = heatmaps.reshape(3, 2, -1).argmax(axis=-1) // 9
    assert peaks.tolist() == [[1, 4], [2, 5], [3, 6]]


def test_a_joint_without_a_score_is_not_drawn() -> None:
    assert not one_joint(10, 10, score=0).any()
    assert not one_joint(10, 10, score=9e-5).any()
    assert one_joint(10, 10, score=1.1e-4).any()


@pytest.mark.parametrize("score", [math.nan, math.inf, -math.inf, -0.5])
def test_a_score_that_is_no_confidence_is_not_drawn(score: float) -> None:
    assert not one_joint(10, 10, score=score).any()


def test_a_nan_coordinate_is_drawn_at_zero_as_published() -> None:
    np.testing.assert_array_equal(one_joint(math.nan, 10), one_joint(0, 10))


@pytest.mark.parametrize("x", [math.inf, -math.inf, 1e30, -1e30, 1e300])
def test_a_joint_at_infinity_is_not_drawn(x: float) -> None:
    assert not one_joint(x).any()


def test_nobody_gives_empty_heatmaps() -> None:
    heatmaps = render_heatmaps(np.zeros((0, 4, 17, 2)), np.zeros((0, 4, 17)), height=8, width=9)
    assert heatmaps.shape == (17, 4, 8, 9)
    assert not heatmaps.any()


def test_an_image_smaller_than_the_window_is_fine() -> None:
    heatmap = render_heatmaps([[[[1.0, 0.0]]]], [[[1.0]]], height=1, width=2)[0, 0]
    assert heatmap.tolist() == [[pytest.approx(0.249352, abs=1e-6), 1]]


def test_the_result_is_contiguous_single_precision_whatever_comes_in() -> None:
    keypoints = np.asfortranarray(np.ones((1, 2, 3, 2), dtype=np.float64))
    heatmaps = render_heatmaps(keypoints, np.ones((1, 2, 3), dtype=np.float16), height=8, width=8)
    assert heatmaps.dtype == np.float32
    assert heatmaps.flags.c_contiguous


def test_the_arguments_are_left_as_they_were() -> None:
    keypoints = np.full((1, 1, 1, 2), np.nan, dtype=np.float32)
    scores = np.full((1, 1, 1), np.nan, dtype=np.float32)
    render_heatmaps(keypoints, scores, height=8, width=8)
    assert np.isnan(keypoints).all()
    assert np.isnan(scores).all()


@pytest.mark.parametrize(
    ("keypoints", "scores", "size", "sigma", "message"),
    [
        ((1, 2, 17), (1, 2, 17), 8, 0.6, r"keypoints have shape \(1, 2, 17\)"),
        ((1, 2, 17, 3), (1, 2, 17), 8, 0.6, "expected"),
        ((1, 2, 17, 2), (1, 2, 16), 8, 0.6, r"scores have shape \(1, 2, 16\)"),
        ((1, 2, 17, 2), (1, 2, 17), 0, 0.6, "0 × 0 pixels"),
        ((1, 2, 17, 2), (1, 2, 17), 8, 0.0, "sigma is 0.0"),
        ((1, 2, 17, 2), (1, 2, 17), 8, math.nan, "sigma is nan"),
    ],
)
def test_shapes_and_sizes_that_make_no_sense_are_refused(
    keypoints: tuple[int, ...], scores: tuple[int, ...], size: int, sigma: float, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        render_heatmaps(np.zeros(keypoints), np.zeros(scores), height=size, width=size, sigma=sigma)
