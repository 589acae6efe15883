"""Colours of skin, clothes and rooms."""

from __future__ import annotations

import colorsys

import numpy as np

from epam.data.synthetic.canvas import Colour

SKINS: tuple[Colour, ...] = (
    (236, 196, 168),
    (224, 178, 146),
    (198, 148, 112),
    (160, 112, 82),
    (122, 84, 62),
)
HAIRS: tuple[Colour, ...] = ((42, 32, 28), (84, 56, 38), (128, 88, 52), (170, 136, 88), (120, 118, 118))


def draw_colour(
    random: np.random.Generator, *, lively: float, value: tuple[float, float] = (0.25, 0.9)
) -> Colour:
    """Any hue; pale mostly, and with the probability ``lively`` as strong as a held thing's."""
    saturation = random.uniform(0.7, 1.0) if random.uniform() < lively else random.uniform(0.0, 0.38)
    red, green, blue = colorsys.hsv_to_rgb(random.uniform(), saturation, random.uniform(*value))
    return 255 * red, 255 * green, 255 * blue


def shade(colour: Colour, factor: float) -> Colour:
    """The colour darker (below 1) or lighter (above)."""
    red, green, blue = (min(255.0, factor * channel) for channel in colour)
    return red, green, blue
