import numpy as np
import pytest

from epam.data.synthetic.camera import Camera, turn

FRONT = Camera(yaw=0.0, pitch=0.0)


def test_from_the_front_the_left_hand_is_on_the_right_and_the_head_above() -> None:
    (left, up), _ = FRONT.project(np.array([[0.5, 0.0, 0.0], [0.0, 1.0, 0.0]]))
    assert left.tolist() == [0.5, 0.0]
    assert up.tolist() == [0.0, -1.0]


def test_what_is_nearer_is_larger() -> None:
    (far, near), nearness = FRONT.project(np.array([[0.5, 0.0, -1.0], [0.5, 0.0, 1.0]]))
    assert far[0] < 0.5 < near[0]
    assert nearness.tolist() == [-1.0, 1.0]


def test_somebody_turned_by_a_quarter_looks_to_their_left() -> None:
    np.testing.assert_allclose(turn(np.array([0.0, 0.3, 1.0]), np.pi / 2), [1.0, 0.3, 0.0], atol=1e-12)


@pytest.mark.parametrize(("number", "degrees"), [(1, 0), (2, 45), (3, -45)])
def test_each_camera_stands_where_ntus_stands(number: int, degrees: int) -> None:
    random = np.random.default_rng(0)
    yaws = [np.rad2deg(Camera.draw(number, random).yaw) for _ in range(50)]
    assert max(abs(yaw - degrees) for yaw in yaws) <= 12
