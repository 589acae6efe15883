import numpy as np
from numpy.typing import NDArray

from epam.data.synthetic.actions import stand_still
from epam.data.synthetic.body import Proportions, place_joints
from epam.data.synthetic.camera import Camera
from epam.data.synthetic.canvas import Canvas
from epam.data.synthetic.figure import Look, draw_person, place_hand

LOOK = Look(
    skin=(240, 200, 160),
    hair=(60, 30, 20),
    girth=1.0,
    shirt=(200, 0, 0),
    trousers=(0, 0, 200),
    shoes=(0, 200, 0),
    long_sleeves=False,
)
UNIT = 100.0


def draw(*, arm_in_front: bool | None = None) -> tuple[NDArray[np.uint8], NDArray[np.float64]]:
    """Somebody who stands, 100 pixels high; the right forearm across the belly or behind it."""
    body = Proportions()
    posture = stand_still(1, body, np.random.default_rng(0))
    if arm_in_front is not None:
        posture.hands[0, 1] = (0.12, -0.22, 0.12 if arm_in_front else -0.12)
    points, nearness = Camera(0, 0).project(place_joints(posture, body))
    joints = points[0] * UNIT + (60, 110)
    canvas = Canvas((0, 0, 120, 120), (120, 120))
    draw_person(canvas, joints, nearness[0], unit=UNIT, forward=np.array([0.0, 4.0]), look=LOOK)
    return canvas.to_frame(), joints


def colour_at(picture: NDArray[np.uint8], point: NDArray[np.float64]) -> str:
    x, y = point.round().astype(int)
    names = ("skin", "hair", "shirt", "trousers", "shoes")
    return min(names, key=lambda name: np.abs(picture[y, x] - np.array(getattr(LOOK, name))).sum())


def test_each_part_is_where_its_joints_are() -> None:
    picture, joints = draw()
    parts = {
        "shirt": (joints[5] + joints[6] + joints[11] + joints[12]) / 4,
        "trousers": (joints[13] + joints[11]) / 2,
        "shoes": joints[15] + (0, 3),
        "skin": joints[0] + (0, 3),
        "hair": (joints[3] + joints[4]) / 2 - (0, 7.5),
    }
    assert {name: colour_at(picture, point) for name, point in parts.items()} == {
        name: name for name in parts
    }


def test_an_arm_in_front_covers_the_shirt_and_one_behind_does_not() -> None:
    for in_front, seen in ((True, "skin"), (False, "shirt")):
        picture, joints = draw(arm_in_front=in_front)
        assert colour_at(picture, (joints[8] + 3 * joints[10]) / 4) == seen


def test_a_hand_is_beyond_its_wrist() -> None:
    hand = place_hand(np.array([0.0, 0.0]), np.array([10.0, 0.0]))
    assert hand.tolist() == [12.2, 0.0]


def test_clothes_change_and_a_face_does_not() -> None:
    looks = [Look.draw(np.random.default_rng(1), np.random.default_rng(day)) for day in (1, 2)]
    assert looks[0].skin == looks[1].skin
    assert looks[0].shirt != looks[1].shirt
