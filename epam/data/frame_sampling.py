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
    if generator is None:
        return sample_clips(total_frames, clip_length, clips=1)[0]
    _check_lengths(total_frames, clip_length)
    if not isinstance(generator, np.random.RandomState):
        raise InputError(
            f"generator is a {type(generator).__name__}; give a numpy.random.RandomState: the published "
            "draws are that generator's"
        )
    if total_frames < clip_length:
        return _repeat(total_frames, clip_length, start=int(generator.randint(0, total_frames)))
    return _draw(total_frames, clip_length, generator)


def sample_clips(total_frames: int, clip_length: int, *, clips: int) -> NDArray[np.int64]:
    """Choose the frames of several clips of one video, in test mode: the same every time.

    The first of several is the only one of ``clips=1``; the draws go on from clip to clip. A video
    shorter than a clip is repeated from another start for each.

    Args:
        total_frames: frames in the video.
        clip_length: frames wanted for each clip.
        clips: how many.

    Returns:
        ``(clips, clip_length)`` indices in ``[0, total_frames)``.

    Raises:
        InputError: no frames to choose from, or none wanted, or no clips.
    """
    _check_lengths(total_frames, clip_length)
    if clips < 1:
        raise InputError(f"clips is {clips}; at least one must be wanted")
    if total_frames < clip_length:
        starts = [clip * total_frames // clips if total_frames >= clips else clip for clip in range(clips)]
        return np.stack([_repeat(total_frames, clip_length, start=start) for start in starts])
    generator = np.random.RandomState(TEST_SEED)
    return np.stack([_draw(total_frames, clip_length, generator) for _ in range(clips)])


def _check_lengths(total_frames: int, clip_length: int) -> None:
    if total_frames < 1:
        raise InputError(f"total_frames is {total_frames}; a clip needs a video of at least one frame")
    if clip_length < 1:
        raise InputError(f"clip_length is {clip_length}; a clip has at least one frame")


def _repeat(total_frames: int, clip_length: int, *, start: int) -> NDArray[np.int64]:
    return (start + np.arange(clip_length, dtype=np.int64)) % total_frames


def _draw(total_frames: int, clip_length: int, draws: np.random.RandomState) -> NDArray[np.int64]:
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
