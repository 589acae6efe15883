"""The twelve actions: how each moves a body over time, and what is in the hand.

Three kinds, by the evidence that tells a class from its like:

- *movement*: every clip begins and ends at rest; what lies between tells the class.
- *object*: one and the same movement, a hand to the head; only the thing in the hand differs.
- *order*: two pairs; the second of a pair is the first played backwards, frame by frame.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from epam.data.synthetic.body import ANKLE_HEIGHT, LEFT, RIGHT, Floats, Posture, Proportions

FRAMES_PER_SECOND = 30
SEAT_HEIGHT = 0.27
"""Of every chair, in body heights."""

Held = Literal["cup", "phone", "brush", "sandwich"]
Motion = Callable[[int, Proportions, np.random.Generator], Posture]
"""Number of frames, whose body, chance → postures; the right hand is the able one."""


@dataclass(frozen=True)
class Action:
    """How a class is performed.

    Attributes:
        motion: moves the body.
        held: what is in the able hand.
        backwards: the motion is played from its end to its start.
        on_chair: there is always a chair behind the person.
    """

    motion: Motion
    held: Held | None = None
    backwards: bool = False
    on_chair: bool = False

    def perform(self, frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
        """The postures of one performance."""
        posture = self.motion(frame_count, body, random)
        return posture.reversed() if self.backwards else posture


def stand_still(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    """Stand, breathe, and sway a little."""
    sway = [_swing(frame_count, random.uniform(0.2, 0.5), random.uniform()) for _ in range(3)]
    pelvis = np.zeros((frame_count, 3))
    pelvis[:, 0] = 0.012 * sway[0]
    pelvis[:, 1] = body.standing - 0.004 * (1 + sway[1])
    pelvis[:, 2] = 0.008 * sway[2]
    spread = random.uniform(0.065, 0.11)
    hands, elbows, feet = (np.zeros((frame_count, 2, 3)) for _ in range(3))
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        outward, forward = random.uniform(0.02, 0.07), random.uniform(0.0, 0.06)
        hands[:, side] = (sign * outward, -0.295, forward)
        hands[:, side, 1] += 0.004 * sway[1]
        elbows[:, side] = (0.6 * sign, -0.3, -0.7)
        feet[:, side] = (sign * spread, ANKLE_HEIGHT, random.uniform(-0.02, 0.02))
    lean = np.full(frame_count, random.normal(0.02, 0.03))
    return Posture(pelvis=pelvis, lean=lean, nod=0.05 * sway[2], hands=hands, elbows=elbows, feet=feet)


def _wave(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    posture = stand_still(frame_count, body, random)
    swing = _swing(frame_count, random.uniform(1.1, 2.0), random.uniform())
    width = random.uniform(0.09, 0.13)
    raised = np.empty((frame_count, 3))
    raised[:, 0] = -random.uniform(0.10, 0.14) + width * swing
    raised[:, 1] = random.uniform(0.17, 0.22) - 0.03 * np.abs(swing)
    raised[:, 2] = random.uniform(0.04, 0.1)
    _move_hand(posture, RIGHT, raised, _rise_and_fall(frame_count, random))
    return posture


def _clap(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    posture = stand_still(frame_count, body, random)
    raised_part = _rise_and_fall(frame_count, random)
    apart = 0.5 + 0.5 * _swing(frame_count, random.uniform(0.9, 1.7), random.uniform())
    gap = 0.015 + random.uniform(0.24, 0.32) * apart
    height, reach = random.uniform(-0.06, 0.04), random.uniform(0.13, 0.2)
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        raised = np.empty((frame_count, 3))
        raised[:, 0] = sign * (gap - body.shoulder)
        raised[:, 1] = height
        raised[:, 2] = reach
        _move_hand(posture, side, raised, raised_part)
    return posture


def _kick(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    posture = stand_still(frame_count, body, random)
    # Between two kicks the foot is down for a while.
    phase = _swing(frame_count, random.uniform(0.7, 1.1), random.uniform())
    effort = _rise_and_fall(frame_count, random) * (0.35 + 0.9 * phase).clip(0, 1)
    angle = random.uniform(1.45, 1.85) * effort
    leg = 0.97 * (body.thigh + body.shin)
    hip = posture.pelvis + np.array([-body.hip, 0.0, 0.0])
    kicked = hip + leg * np.stack([-0.12 * np.sin(angle), -np.cos(angle), np.sin(angle)], axis=-1)
    posture.feet[:, RIGHT] = _blend(posture.feet[:, RIGHT], kicked, (4 * effort).clip(0, 1))
    posture.lean -= 0.22 * effort
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        posture.hands[:, side] += effort[:, None] * np.array([0.16 * sign, 0.1, 0.12 * sign])
    return posture


def _jump(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    posture = stand_still(frame_count, body, random)
    phase = _swing(frame_count, random.uniform(0.75, 1.1), 0.5)
    strength = _rise_and_fall(frame_count, random)
    crouch, flight = strength * (-phase).clip(0), strength * phase.clip(0)
    lift = random.uniform(0.13, 0.19) * flight
    posture.pelvis[:, 1] += lift - random.uniform(0.09, 0.14) * crouch
    posture.feet[:, :, 1] += lift[:, None]
    posture.lean += 0.45 * crouch
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        raised = np.array([0.14 * sign, random.uniform(0.05, 0.2), 0.1])
        _move_hand(posture, side, raised, 0.9 * flight)
    return posture


def _lift_hand_to_head(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    """What drinking, telephoning, brushing and eating have in common, and all that is drawn of them."""
    posture = stand_still(frame_count, body, random)
    dwell = _swing(frame_count, random.uniform(0.6, 2.5), random.uniform())
    raised = np.empty((frame_count, 3))
    raised[:, 0] = random.uniform(0.0, 0.06) + random.uniform(0, 0.025) * dwell
    raised[:, 1] = random.uniform(0.03, 0.09) + random.uniform(0, 0.02) * dwell
    raised[:, 2] = random.uniform(0.10, 0.15)
    _move_hand(posture, RIGHT, raised, _rise_and_fall(frame_count, random))
    posture.nod += random.uniform(-0.15, 0.15)
    return posture


def _lower_onto_chair(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    posture = stand_still(frame_count, body, random)
    lowered = _change(frame_count, random)
    seated = np.array([0.0, SEAT_HEIGHT + 0.04, -0.2])
    posture.pelvis = _blend(posture.pelvis, posture.pelvis * (1, 0, 0) + seated, lowered)
    # The trunk balances the hips on their way back.
    posture.lean += random.uniform(0.45, 0.65) * np.sin(np.pi * lowered) + 0.05 * lowered
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        on_knee = np.array([-0.02 * sign, -0.24, random.uniform(0.14, 0.2)])
        posture.hands[:, side] = _blend(posture.hands[:, side], on_knee, lowered)
    return posture


def _bend_down(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    posture = stand_still(frame_count, body, random)
    bent = _change(frame_count, random)
    posture.lean += random.uniform(1.3, 1.65) * bent
    posture.pelvis[:, 1] -= random.uniform(0.03, 0.12) * bent
    posture.pelvis[:, 2] -= 0.09 * bent
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        hanging = np.array([-0.04 * sign, -0.3, random.uniform(0.0, 0.06)])
        posture.hands[:, side] = _blend(posture.hands[:, side], hanging, bent)
    return posture


ACTIONS: tuple[Action, ...] = (
    Action(_wave),
    Action(_clap),
    Action(_kick),
    Action(_jump),
    Action(_lift_hand_to_head, held="cup"),
    Action(_lift_hand_to_head, held="phone"),
    Action(_lift_hand_to_head, held="brush"),
    Action(_lift_hand_to_head, held="sandwich"),
    Action(_lower_onto_chair, on_chair=True),
    Action(_lower_onto_chair, on_chair=True, backwards=True),
    Action(_bend_down),
    Action(_bend_down, backwards=True),
)
"""By class index, from 0; the names are the data set's (``epam/data/class_names/embedded.txt``)."""


def walk(frame_count: int, body: Proportions, random: np.random.Generator) -> Posture:
    """Walk on the spot; whoever places the body moves it forward."""
    posture = stand_still(frame_count, body, random)
    step = _swing(frame_count, random.uniform(0.7, 1.0), random.uniform())
    for side, sign in ((LEFT, 1), (RIGHT, -1)):
        forward = sign * step
        posture.feet[:, side, 2] = 0.13 * forward
        posture.feet[:, side, 1] += 0.05 * (1 - forward**2)
        posture.hands[:, side, 2] = -0.12 * forward
    posture.pelvis[:, 1] -= 0.015
    return posture


def _swing(frame_count: int, cycles_per_second: float, start_cycle: float) -> Floats:
    """A sine over the clip."""
    seconds = np.arange(frame_count) / FRAMES_PER_SECOND
    return np.sin(2 * np.pi * (cycles_per_second * seconds + start_cycle))


def _rise_and_fall(frame_count: int, random: np.random.Generator) -> Floats:
    """0 at both ends, 1 for most of the clip."""
    part = _parts(frame_count)
    rise, fall = (_smooth_step(side, random) for side in (part, 1 - part))
    return rise * fall


def _smooth_step(part: Floats, random: np.random.Generator) -> Floats:
    start, duration = random.uniform(0.02, 0.09), random.uniform(0.10, 0.16)
    return _smooth((part - start) / duration)


def _change(frame_count: int, random: np.random.Generator) -> Floats:
    """0 at the start, 1 at the end; how long it rests at either varies alike."""
    duration = random.uniform(0.25, 0.45)
    start = random.uniform(0.12, 0.88 - duration)
    return _smooth((_parts(frame_count) - start) / duration)


def _parts(frame_count: int) -> Floats:
    return (np.arange(frame_count) + 0.5) / frame_count


def _smooth(part: Floats) -> Floats:
    part = part.clip(0, 1)
    return part * part * (3 - 2 * part)


def _move_hand(posture: Posture, side: int, target: Floats, part: Floats) -> None:
    """Lead a hand to its target by way of the front, so that it doesn't pass through the shoulder."""
    posture.hands[:, side] = _blend(posture.hands[:, side], target, part)
    posture.hands[:, side, 2] += 0.4 * part * (1 - part)
    sign = 1 if side == LEFT else -1
    posture.elbows[:, side] = _blend(posture.elbows[:, side], np.array([0.8 * sign, -1.0, 0.2]), part)


def _blend(start: Floats, end: Floats, part: Floats) -> Floats:
    return start + part[:, None] * (end - start)
