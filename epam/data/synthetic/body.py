"""A body of 17 COCO joints that is posed by its trunk, its hands and its feet.

Lengths are in body heights. x points to the person's own left, y up, z forward; the origin is on
the floor between the feet. Odd joints are the left ones.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from epam.data.annotations import NUM_JOINTS

Floats = NDArray[np.float64]

LEFT, RIGHT = 0, 1
"""Index of a side where a posture has one value for each."""

ANKLE_HEIGHT = 0.045

_MIRRORED = (0, 2, 1, 4, 3, 6, 5, 8, 7, 10, 9, 12, 11, 14, 13, 16, 15)
_SIDES = np.array([1.0, -1.0])
_STRETCHED = 0.998  # of a limb's length: beyond, the elbow's place would jump


@dataclass(frozen=True, kw_only=True)
class Proportions:
    """Lengths of one person's parts; the defaults are nobody's in particular."""

    shoulder: float = 0.115
    hip: float = 0.072
    torso: float = 0.30
    upper_arm: float = 0.165
    forearm: float = 0.15
    thigh: float = 0.245
    shin: float = 0.235
    head: float = 0.068

    @classmethod
    def draw(cls, random: np.random.Generator) -> Proportions:
        """Somebody's."""
        vary = random.normal(1, 0.05, size=4).clip(0.88, 1.12)
        return cls(
            shoulder=0.115 * vary[0],
            hip=0.072 * vary[1],
            torso=0.30 * vary[2],
            head=0.068 * vary[3],
        )

    @property
    def standing(self) -> float:
        """Height of the hips of somebody who stands."""
        return ANKLE_HEIGHT + 0.985 * (self.thigh + self.shin)


@dataclass(eq=False, kw_only=True)
class Posture:
    """Where a person's trunk, hands and feet are over time; the rest of the body follows.

    Attributes:
        pelvis: ``(frames, 3)``.
        lean: ``(frames,)``, how far the trunk is bent forward, in radians.
        nod: ``(frames,)``, how much further the head is.
        hands: ``(frames, 2, 3)``, each wrist from its shoulder.
        elbows: ``(frames, 2, 3)``, the direction that each elbow points to.
        feet: ``(frames, 2, 3)``, the ankles.
    """

    pelvis: Floats
    lean: Floats
    nod: Floats
    hands: Floats
    elbows: Floats
    feet: Floats

    def __len__(self) -> int:
        return len(self.pelvis)

    def reversed(self) -> Posture:
        """The same postures, last one first."""
        return Posture(**{name: values[::-1] for name, values in vars(self).items()})


def place_joints(posture: Posture, body: Proportions) -> Floats:
    """``(frames, 17, 3)``: COCO's joints of somebody in these postures.

    A hand or a foot out of reach is approached as far as the limb goes.
    """
    joints = np.empty((len(posture), NUM_JOINTS, 3))
    across = np.array([1.0, 0.0, 0.0])
    up, _ = _tilted(posture.lean)
    neck = posture.pelvis + body.torso * up
    joints[:, :5] = _place_face(neck, posture.lean + posture.nod, body)
    for side, sign in enumerate(_SIDES):
        shoulder = neck + sign * body.shoulder * across
        hip = posture.pelvis + sign * body.hip * across
        joints[:, 5 + side], joints[:, 11 + side] = shoulder, hip
        joints[:, 7 + side], joints[:, 9 + side] = _reach(
            shoulder,
            shoulder + posture.hands[:, side],
            posture.elbows[:, side],
            (body.upper_arm, body.forearm),
        )
        knee_points = np.broadcast_to([0.15 * sign, 0.0, 1.0], hip.shape)
        joints[:, 13 + side], joints[:, 15 + side] = _reach(
            hip, posture.feet[:, side], knee_points, (body.thigh, body.shin)
        )
    return joints


def mirror_joints(joints: Floats) -> Floats:
    """The same movement by somebody of the other handedness; the last axis begins with x."""
    mirrored = joints[..., _MIRRORED, :].copy()
    mirrored[..., 0] *= -1
    return mirrored


def _tilted(angle: Floats) -> tuple[Floats, Floats]:
    """Up and forward of a part that is bent forward by these angles."""
    zero, sine, cosine = np.zeros_like(angle), np.sin(angle), np.cos(angle)
    return np.stack([zero, cosine, sine], axis=-1), np.stack([zero, -sine, cosine], axis=-1)


def _place_face(neck: Floats, angle: Floats, body: Proportions) -> Floats:
    """``(frames, 5, 3)``: nose, eyes and ears."""
    up, forward = _tilted(angle)
    centre = neck + 1.65 * body.head * up
    face = np.empty((len(neck), 5, 3))
    face[:, 0] = centre + 1.0 * body.head * forward - 0.1 * body.head * up
    for side, sign in enumerate(_SIDES):
        aside = np.array([sign * body.head, 0.0, 0.0])
        face[:, 1 + side] = centre + 0.42 * aside + 0.85 * body.head * forward + 0.3 * body.head * up
        face[:, 3 + side] = centre + 0.95 * aside
    return face


def _reach(
    root: Floats, target: Floats, bend_towards: Floats, lengths: tuple[float, float]
) -> tuple[Floats, Floats]:
    """Middle and end of a limb of two bones that reaches from its root to a target."""
    upper, lower = lengths
    offset = target - root
    distance = np.linalg.norm(offset, axis=-1, keepdims=True).clip(1e-6)
    direction = offset / distance
    distance = distance.clip(1.05 * abs(upper - lower) + 1e-3, _STRETCHED * (upper + lower))
    cosine = (upper**2 + distance**2 - lower**2) / (2 * upper * distance)
    aside = bend_towards - (bend_towards * direction).sum(axis=-1, keepdims=True) * direction
    aside /= np.linalg.norm(aside, axis=-1, keepdims=True).clip(1e-6)
    middle = root + upper * (cosine * direction + np.sqrt((1 - cosine**2).clip(0)) * aside)
    return middle, root + distance * direction
