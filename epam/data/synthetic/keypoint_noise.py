"""Keypoints as a pose estimator would give them: a little off, sometimes not there, and honest about it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from epam.data.synthetic.actions import FRAMES_PER_SECOND
from epam.data.synthetic.body import Floats

# In body heights. Hands and feet move most and are found worst.
_JITTER, _EXTREMITIES, _EXTRA = 0.007, (9, 10, 15, 16), 1.5
_DRIFT_FRAMES = 4
_MISTAKE_RATE, _MISTAKE = 0.006, 0.06
_LOSSES_PER_SECOND, _LONGEST_LOSS = 2.0, 8
_SURE, _HALF_SURE_ERROR = 0.96, 0.045


def find_keypoints(
    joints: Floats, *, unit: float, image_size: tuple[int, int], random: np.random.Generator
) -> tuple[NDArray[np.float16], NDArray[np.float16]]:
    """What is found of joints.

    A joint that isn't found is all zero, its score too. A score falls as the error grows: 0.96
    without any, half of that at 4.5 % of a body height, give or take a little.

    Args:
        joints: ``(persons, frames, 17, 2)``, where they are, in pixels.
        unit: pixels of a body height.
        image_size: ``(height, width)``; whatever is found lies inside.
        random: chance.

    Returns:
        ``(persons, frames, 17, 2)`` and ``(persons, frames, 17)``, half precision.
    """
    error = _draw_errors(joints.shape, random)
    height, width = image_size
    found = (joints + unit * error).clip(1, (width - 1, height - 1)).astype(np.float16)
    # The error is what is really off, in the numbers that are given, at the image's edge too.
    off = np.linalg.norm(found.astype(np.float64) - joints, axis=-1) / unit
    score = _SURE * np.exp2(-np.square(off / _HALF_SURE_ERROR)) * random.uniform(0.94, 1.0, size=off.shape)
    lost = _draw_losses(off.shape, random)
    found[lost] = 0
    score[lost] = 0
    return found, score.astype(np.float16)


def _draw_errors(shape: tuple[int, ...], random: np.random.Generator) -> Floats:
    """Jitter of every frame, drift over some frames, and now and then a mistake."""
    jitter = random.normal(scale=_JITTER, size=shape)
    window = np.hanning(2 * _DRIFT_FRAMES + 1)
    window /= np.linalg.norm(window)
    drift = random.normal(scale=_JITTER, size=shape)
    drift = np.apply_along_axis(np.convolve, 1, drift, window, mode="same")
    error: Floats = jitter + drift
    error[:, :, _EXTREMITIES] *= _EXTRA
    mistaken = random.uniform(size=shape[:-1]) < _MISTAKE_RATE
    error[mistaken] += random.uniform(-_MISTAKE, _MISTAKE, size=(int(mistaken.sum()), 2))
    return error


def _draw_losses(shape: tuple[int, ...], random: np.random.Generator) -> NDArray[np.bool_]:
    """``(persons, frames, joints)``: joints that are lost for some frames on end."""
    persons, frames, joints = shape
    lost = np.zeros(shape, dtype=bool)
    for _ in range(random.poisson(_LOSSES_PER_SECOND * persons * frames / FRAMES_PER_SECOND)):
        person, joint = random.integers(persons), random.integers(joints)
        start = random.integers(-_LONGEST_LOSS, frames)
        lost[person, max(start, 0) : start + random.integers(1, _LONGEST_LOSS + 1), joint] = True
    return lost
