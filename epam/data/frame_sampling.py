"""Which frames of a video a clip is made of."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from epam.errors import InputError

TEST_SEED = 255
"""Seed of the published test mode, used afresh for every sample."""


def sample_frames(
    total_frames: int, clip_length: int, *, generator: np.random.RandomState | None = None
) -> NDArray[np.int64]:
    """Choose the frames of one clip, spread over the whole video (``UniformSampleFrames``).

    One random frame of each of ``clip_length`` equal segments; a video under two clip lengths
    is thinned by random skips instead, and one shorter than the clip is repeated cyclically.

    The draws are NumPy's legacy ones, whose stream is frozen, so that the indices are the
    published ones under every NumPy; MMAction2 draws the same, current PYSKL does not.

    Args:
        total_frames: frames in the video.
        clip_length: frames wanted.
        generator: source of the training draws; none is test mode, the same indices every time.

    Returns:
        ``(clip_length,)`` indices in ``[0, total_frames)``, in order of time.

    Raises:
        InputError: no frames to choose from, or none wanted.
    """
    if total_frames < 1:
        raise InputError(f"total_frames is {total_frames}; a clip needs a video of at least one frame")
    if clip_length < 1:
        raise InputError(f"clip_length is {clip_length}; a clip has at least one frame")
    draws = np.random.RandomState(TEST_SEED) if generator is None else generator
    if not isinstance(draws, np.random.RandomState):
        raise InputError(
            f"generator is a {type(generator).__name__}; give a numpy.random.RandomState: the published "
            "draws are that generator's"
        )
    if total_frames < clip_length:
        start = 0 if generator is None else int(draws.randint(0, total_frames))
        return (start + np.arange(clip_length, dtype=np.int64)) % total_frames
    if total_frames < 2 * clip_length:
        return _thin(total_frames, clip_length, draws)
    return _draw_from_segments(total_frames, clip_length, draws)


def _thin(total_frames: int, clip_length: int, draws: np.random.RandomState) -> NDArray[np.int64]:
    skip_here = np.zeros(clip_length + 1, dtype=np.int64)
    skip_here[draws.choice(clip_length + 1, total_frames - clip_length, replace=False)] = 1
    return np.arange(clip_length, dtype=np.int64) + np.cumsum(skip_here)[:-1]


def _draw_from_segments(
    total_frames: int, clip_length: int, draws: np.random.RandomState
) -> NDArray[np.int64]:
    borders = np.arange(clip_length + 1, dtype=np.int64) * total_frames // clip_length
    return borders[:-1] + draws.randint(np.diff(borders), dtype=np.int64)
