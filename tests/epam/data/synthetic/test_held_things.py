import numpy as np
import pytest
from numpy.typing import NDArray

from epam.data.synthetic.actions import Held
from epam.data.synthetic.canvas import Canvas
from epam.data.synthetic.held_things import draw_held

THINGS: tuple[Held, ...] = ("cup", "phone", "brush", "sandwich")


def draw(held: Held, *, tilt: float = 0, brightness: float = 1) -> NDArray[np.float32]:
    canvas = Canvas((0, 0, 80, 80), (80, 80))
    draw_held(canvas, held, np.array([40.0, 40.0]), size=40, tilt=tilt, colour_factor=brightness)
    return canvas.pixels


def strongest_colour(picture: NDArray[np.float32]) -> tuple[bool, ...]:
    """Which of red, green and blue are over half of the most, in most of the coloured pixels."""
    coloured = picture[np.ptp(picture, axis=-1) > 100]
    return tuple((np.median(coloured, axis=0) > 0.5 * np.median(coloured, axis=0).max()).tolist())


def test_each_thing_has_a_colour_of_its_own() -> None:
    assert {held: strongest_colour(draw(held)) for held in THINGS} == {
        "cup": (True, False, False),
        "phone": (False, False, True),
        "brush": (False, True, False),
        "sandwich": (True, True, False),
    }


@pytest.mark.parametrize("held", THINGS)
def test_a_thing_is_about_as_high_as_asked_and_around_the_hand(held: Held) -> None:
    rows, columns = np.nonzero(draw(held).any(axis=-1))
    assert 35 <= np.ptp(rows) <= 65
    assert abs(columns.mean() - 40) < 8
    assert abs(rows.mean() - 40) < 12


def test_a_thing_leans_to_the_right() -> None:
    rows, columns = np.nonzero(draw("brush", tilt=0.5).any(axis=-1))
    assert columns[rows < 30].mean() > 45
    assert columns[rows > 50].mean() < 40


def test_brightness_is_the_light_of_the_day() -> None:
    assert draw("cup", brightness=0.8).sum() < draw("cup").sum()
