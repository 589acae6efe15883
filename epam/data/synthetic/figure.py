"""Draws a person from joints: limbs in the order of their distance, clothes, face and hair."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from epam.data.synthetic.body import Floats
from epam.data.synthetic.canvas import Canvas, Colour
from epam.data.synthetic.colours import HAIRS, SKINS, draw_colour, shade

_RIM = 0.25  # how much darker a limb is at its rim: a round look
_PUPILS: Colour = (40, 32, 30)


@dataclass(frozen=True, kw_only=True)
class Look:
    """A person's skin, hair and girth, and what they wear today."""

    skin: Colour
    hair: Colour
    girth: float
    shirt: Colour
    trousers: Colour
    shoes: Colour
    long_sleeves: bool

    @classmethod
    def draw(cls, performer: np.random.Generator, today: np.random.Generator) -> Look:
        """A performer's skin, hair and girth stay; the clothes are today's."""
        return cls(
            skin=SKINS[performer.integers(len(SKINS))],
            hair=HAIRS[performer.integers(len(HAIRS))],
            girth=performer.uniform(0.88, 1.18),
            shirt=draw_colour(today, lively=0.25),
            trousers=draw_colour(today, lively=0.12, value=(0.15, 0.7)),
            shoes=draw_colour(today, lively=0.12, value=(0.1, 0.6)),
            long_sleeves=bool(today.uniform() < 0.5),
        )


def draw_person(
    canvas: Canvas, joints: Floats, nearness: Floats, *, unit: float, forward: Floats, look: Look
) -> None:
    """Paint a person.

    Args:
        canvas: what is painted on.
        joints: ``(17, 2)``, x and y in pixels.
        nearness: ``(17,)``, the larger the nearer.
        unit: pixels of a body height.
        forward: ``(2,)``, where the toes point to, as long as a foot, in pixels.
        look: whom and what to paint.
    """
    painter = _Painter(canvas, joints, unit, forward, look)
    parts: list[tuple[float, Callable[[], None]]] = [
        (float(nearness[[5, 6, 11, 12]].mean()), painter.torso),
        (float(nearness[:5].mean()) + 0.03, painter.head),
    ]
    for side in (0, 1):
        leg, arm = [11 + side, 13 + side, 15 + side], [5 + side, 7 + side, 9 + side]
        parts.append((float(nearness[leg].mean()), lambda side=side: painter.leg(side)))  # type: ignore[misc]
        parts.append((float(nearness[arm].mean()), lambda side=side: painter.arm(side)))  # type: ignore[misc]
    for _, paint in sorted(parts, key=lambda part: part[0]):
        paint()


class _Painter:
    def __init__(self, canvas: Canvas, joints: Floats, unit: float, forward: Floats, look: Look) -> None:
        self._canvas, self._joints, self._unit, self._forward, self._look = (
            canvas,
            joints,
            unit,
            forward,
            look,
        )

    def torso(self) -> None:
        corners = self._joints[[5, 6, 12, 11]]
        # Sloping shoulders: the margin rounds the outline, so the corners lie inside it.
        inside = corners + 0.12 * (corners.mean(axis=0) - corners)
        self._canvas.polygon(inside, self._look.shirt, margin=0.045 * self._look.girth * self._unit)
        hips = self._joints[[11, 12]]
        self._limb(hips[0], hips[1], (0.05, 0.05), self._look.trousers)
        self._limb(
            self._joints[5:7].mean(axis=0), self._joints[3:5].mean(axis=0), (0.034, 0.03), self._look.skin
        )

    def head(self) -> None:
        nose, ears = self._joints[0], self._joints[3:5].mean(axis=0)
        crown = ears - self._joints[5:7].mean(axis=0)
        crown *= 0.02 * self._unit / max(float(np.linalg.norm(crown)), 1e-6)
        to_face = nose - ears
        self._disc(ears + crown - 0.22 * to_face, 0.074, self._look.hair)
        self._disc(ears + 0.3 * to_face - 0.5 * crown, 0.062, self._look.skin)
        for eye in self._joints[1:3]:
            self._disc(eye, 0.009, _PUPILS)
        self._disc(nose, 0.012, shade(self._look.skin, 0.85))

    def arm(self, side: int) -> None:
        shoulder, elbow, wrist = self._joints[[5 + side, 7 + side, 9 + side]]
        sleeve = shade(self._look.shirt, 0.92)
        self._limb(shoulder, elbow, (0.042, 0.033), sleeve)
        self._limb(elbow, wrist, (0.031, 0.025), sleeve if self._look.long_sleeves else self._look.skin)
        self._disc(place_hand(elbow, wrist), 0.034, self._look.skin)

    def leg(self, side: int) -> None:
        hip, knee, ankle = self._joints[[11 + side, 13 + side, 15 + side]]
        self._limb(hip, knee, (0.056, 0.044), self._look.trousers)
        self._limb(knee, ankle, (0.042, 0.03), self._look.trousers)
        self._limb(ankle, ankle + self._forward, (0.034, 0.026), self._look.shoes)

    def _limb(self, start: Floats, end: Floats, radii: tuple[float, float], colour: Colour) -> None:
        thickness = self._look.girth * self._unit
        self._canvas.capsule(start, end, (radii[0] * thickness, radii[1] * thickness), colour, round_=_RIM)

    def _disc(self, centre: Floats, radius: float, colour: Colour) -> None:
        self._canvas.capsule(centre, centre, (radius * self._unit, radius * self._unit), colour)


def place_hand(elbow: Floats, wrist: Floats) -> Floats:
    """The middle of a hand, a little beyond its wrist; works on one frame and on many."""
    return wrist + 0.22 * (wrist - elbow)
