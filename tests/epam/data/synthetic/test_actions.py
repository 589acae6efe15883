import numpy as np
import pytest

from epam.data.datasets import get_dataset
from epam.data.synthetic.actions import ACTIONS, SEAT_HEIGHT, stand_still
from epam.data.synthetic.body import Floats, Posture, Proportions, place_joints

BODY = Proportions()
PROTOCOL = get_dataset("embedded").protocol("xsub")
MOVEMENT, OBJECT, ORDER = (PROTOCOL.class_groups[group] for group in ("movement", "object", "order"))
WRISTS, ANKLES = slice(9, 11), slice(15, 17)


def perform(label: int, seed: int, frames: int = 80) -> Floats:
    return place_joints(ACTIONS[label].perform(frames, BODY, np.random.default_rng(seed)), BODY)


def test_there_is_an_action_for_every_class_of_the_data_set() -> None:
    assert len(ACTIONS) == PROTOCOL.num_classes
    assert sorted([*MOVEMENT, *OBJECT, *ORDER]) == list(range(12))


def test_the_thing_in_the_hand_tells_the_object_classes_and_nobody_else_holds_one() -> None:
    assert [ACTIONS[label].held for label in OBJECT] == ["cup", "phone", "brush", "sandwich"]
    assert [ACTIONS[label].held for label in (*MOVEMENT, *ORDER)] == [None] * 8


@pytest.mark.parametrize("label", OBJECT[1:])
def test_object_classes_have_one_and_the_same_movement(label: int) -> None:
    for seed in range(5):
        np.testing.assert_array_equal(perform(label, seed), perform(OBJECT[0], seed))


@pytest.mark.parametrize(("forwards", "backwards"), [ORDER[:2], ORDER[2:]])
def test_the_second_of_an_order_pair_is_the_first_played_backwards(forwards: int, backwards: int) -> None:
    assert ACTIONS[forwards].on_chair == ACTIONS[backwards].on_chair
    for seed in range(5):
        np.testing.assert_array_equal(perform(backwards, seed), perform(forwards, seed)[::-1])


@pytest.mark.parametrize("label", ORDER)
def test_order_classes_rest_as_long_at_their_start_as_at_their_end(label: int) -> None:
    # As long in the mean: the height of the nose, from 0 at its lowest to 1, is ½ on average.
    heights = np.array([perform(label, seed)[:, 0, 1] for seed in range(300)])
    least, most = heights.min(axis=1, keepdims=True), heights.max(axis=1, keepdims=True)
    assert abs(float(((heights - least) / (most - least)).mean()) - 0.5) < 0.05


@pytest.mark.parametrize("label", MOVEMENT + OBJECT)
def test_movement_and_object_classes_begin_and_end_at_rest(label: int) -> None:
    joints = perform(label, seed=3)
    rest = place_joints(stand_still(80, BODY, np.random.default_rng(3)), BODY)
    for frame in (0, -1):
        assert np.linalg.norm(joints[frame] - rest[frame], axis=-1).max() < 0.2


@pytest.mark.parametrize(("label", "limbs"), [(0, WRISTS), (1, WRISTS), (2, ANKLES), (3, ANKLES)])
def test_movements_are_large(label: int, limbs: slice) -> None:
    path = perform(label, seed=0)[:, limbs]
    assert np.ptp(path, axis=0).max() > 0.12


def test_sitting_is_on_the_seat_and_a_jump_leaves_the_floor() -> None:
    assert abs(perform(8, seed=0)[-1, 11:13, 1].mean() - SEAT_HEIGHT) < 0.06
    assert perform(3, seed=0)[:, ANKLES, 1].max() > 0.12


@pytest.mark.parametrize("label", range(12))
def test_nobody_sinks_into_the_floor(label: int) -> None:
    for seed in range(3):
        assert perform(label, seed)[..., 1].min() > 0


def test_a_performance_varies_with_chance_and_with_nothing_else() -> None:
    np.testing.assert_array_equal(perform(0, seed=1), perform(0, seed=1))
    assert np.abs(perform(0, seed=1) - perform(0, seed=2)).max() > 0.01


def test_a_reversed_posture_is_its_frames_last_one_first() -> None:
    posture = stand_still(4, BODY, np.random.default_rng(0))
    posture.lean[:] = (1, 2, 3, 4)
    reversed_: Posture = posture.reversed()
    assert reversed_.lean.tolist() == [4, 3, 2, 1]
    assert len(reversed_) == 4
