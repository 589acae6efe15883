import colorsys

import numpy as np

from epam.data.synthetic.colours import draw_colour, shade


def saturation(colour: tuple[float, float, float]) -> float:
    return colorsys.rgb_to_hsv(*(channel / 255 for channel in colour))[1]


def test_colours_are_pale_but_for_the_lively_ones() -> None:
    random = np.random.default_rng(0)
    saturations = np.array([saturation(draw_colour(random, lively=0.25)) for _ in range(400)])
    assert 0.18 < (saturations >= 0.69).mean() < 0.32
    assert np.all((saturations < 0.39) | (saturations > 0.69))


def test_a_shade_is_darker_or_lighter_and_never_above_white() -> None:
    assert shade((100, 50, 200), 0.5) == (50, 25, 100)
    assert shade((100, 50, 200), 2.0) == (200, 100, 255)
