"""Who is where in a window: as its annotation says, as an estimator finds them, or nobody knows."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from epam.data.annotations import NUM_JOINTS, Annotation
from epam.data.pose_estimation import PoseEstimator, Poses, annotate_window, join_poses
from epam_inference.streaming.window_buffer import Window


class WindowPeople(Protocol):
    """Finds the skeletons of a window."""

    def __call__(self, window: Window, positions: NDArray[np.int64]) -> Annotation:
        """Skeletons of the window's frames, at least of those at these positions in it."""


class AnnotatedPeople:
    """As the annotation of a whole file says; frames behind its end have nobody in them."""

    def __init__(self, annotation: Annotation) -> None:
        self._annotation = annotation

    def __call__(self, window: Window, positions: NDArray[np.int64]) -> Annotation:
        """The annotation's skeletons of the window's frames."""
        known = self._annotation
        numbers = np.array([frame.number for frame in window.frames])
        inside = np.minimum(numbers, known.total_frames - 1)
        there = (numbers < known.total_frames)[None, :, None]
        keypoint = np.where(there[..., None], known.keypoint[:, inside], 0)
        score = np.where(there, known.keypoint_score[:, inside], 0)
        return Annotation(known.frame_dir, known.label, known.img_shape, len(numbers), keypoint, score)


class EstimatedPeople:
    """As an estimator finds them, in the frames that are looked at; each frame is asked for once.

    Args:
        estimator: finds them.
        size: height and width of the frames.
    """

    def __init__(self, estimator: PoseEstimator, size: tuple[int, int]) -> None:
        self._estimator = estimator
        self._size = size
        self._known: dict[int, Poses] = {}

    def __call__(self, window: Window, positions: NDArray[np.int64]) -> Annotation:
        """What is found in the frames at these positions; elsewhere nobody."""
        first = window.first.number
        self._known = {number: poses for number, poses in self._known.items() if number >= first}
        frames = [window.frames[position] for position in positions.tolist()]
        for frame in frames:
            if frame.number not in self._known:
                self._known[frame.number] = self._estimator(frame.to_rgb()[None])
        return annotate_window(
            join_poses([self._known[frame.number] for frame in frames]),
            total_frames=len(window.frames),
            positions=positions,
            image_size=self._size,
            name=f"frames from {first}",
        )


class UnknownPeople:
    """Nobody knows: RGB alone is shown whole frames.

    Args:
        size: height and width of the frames.
    """

    def __init__(self, size: tuple[int, int]) -> None:
        self._size = size

    def __call__(self, window: Window, positions: NDArray[np.int64]) -> Annotation:
        """A window with nobody in it."""
        nobody = Poses(
            np.zeros((0, len(positions), NUM_JOINTS, 2)), np.zeros((0, len(positions), NUM_JOINTS))
        )
        return annotate_window(
            nobody,
            total_frames=len(window.frames),
            positions=positions,
            image_size=self._size,
            name=f"frames from {window.first.number}",
        )
