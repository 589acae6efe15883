import numpy as np
import pytest

from epam.data.synthetic.actions import ACTIONS, Action, stand_still
from epam.data.synthetic.body import LEFT, RIGHT, Floats, Proportions, mirror_joints, place_joints

BODY = Proportions()
BONES = [
    (5, 7, BODY.upper_arm),
    (8, 10, BODY.forearm),
    (11, 13, BODY.thigh),
    (14, 16, BODY.shin),
    (5, 6, 2 * BODY.shoulder),
    (11, 12, 2 * BODY.hip),
]


def standing(frames: int = 5) -> Floats:
    return place_joints(stand_still(frames, BODY, np.random.default_rng(0)), BODY)


def test_somebody_who_stands_is_about_one_high_with_the_left_at_their_left() -> None:
    joints = standing()
    assert joints.shape == (5, 17, 3)
    nose, ankles = joints[:, 0, 1], joints[:, 15:, 1]
    assert np.all((nose > 0.88) & (nose < 0.96))
    assert np.all(ankles < 0.06)
    for left in range(1, 16, 2):
        assert np.all(joints[:, left, 0] > joints[:, left + 1, 0])


def test_the_face_looks_forward() -> None:
    joints = standing()
    assert np.all(joints[:, 0, 2] > joints[:, 3:5, 2].max(axis=1))


@pytest.mark.parametrize("action", ACTIONS)
def test_bones_keep_their_lengths_whatever_the_body_does(action: Action) -> None:
    joints = place_joints(action.perform(60, BODY, np.random.default_rng(1)), BODY)
    for start, end, length in BONES:
        np.testing.assert_allclose(np.linalg.norm(joints[:, start] - joints[:, end], axis=-1), length)


def test_a_hand_goes_where_it_is_led_and_no_farther_than_the_arm() -> None:
    posture = stand_still(1, BODY, np.random.default_rng(0))
    posture.hands[0, LEFT] = (0.1, 0.0, 0.2)
    posture.hands[0, RIGHT] = (-5.0, 0.0, 0.0)
    joints = place_joints(posture, BODY)[0]
    np.testing.assert_allclose(joints[9] - joints[5], (0.1, 0.0, 0.2), atol=1e-9)
    np.testing.assert_allclose(joints[10] - joints[6], (-0.998 * 0.315, 0, 0), atol=1e-9)


def test_knees_bend_forward() -> None:
    posture = stand_still(1, BODY, np.random.default_rng(0))
    posture.pelvis[0] = (0, 0.3, 0)
    joints = place_joints(posture, BODY)[0]
    assert np.all(joints[13:15, 2] > 0.1)


def test_mirroring_swaps_the_sides_and_twice_is_nothing() -> None:
    joints = standing()
    joints[:, 9] = (0.4, 0.8, 0.1)
    mirrored = mirror_joints(joints)
    np.testing.assert_array_equal(mirrored[:, 10], np.broadcast_to((-0.4, 0.8, 0.1), (5, 3)))
    np.testing.assert_array_equal(mirror_joints(mirrored), joints)


def test_people_differ() -> None:
    random = np.random.default_rng(0)
    assert Proportions.draw(random) != Proportions.draw(random)
