"""People's joints found in frames: what a pose estimator is, which there are, and what they need."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any, NamedTuple, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from epam.data.annotations import NUM_JOINTS, Annotation
from epam.errors import InputError, UnknownNameError

HOMES = {"rtmlib": "epam.data.rtmlib_poses"}
"""The module of each estimator; none imports its library before it is used."""


class Poses(NamedTuple):
    """What was found in some frames.

    Attributes:
        keypoint: ``(persons, frames, 17, 2)``, x and y in pixels, joints in COCO's order; all zero
            where somebody is not there. A person's place may differ from frame to frame.
        keypoint_score: ``(persons, frames, 17)``, confidence between 0 and 1.
    """

    keypoint: NDArray[np.floating[Any]]
    keypoint_score: NDArray[np.floating[Any]]


class PoseEstimator(Protocol):
    """Finds everybody's joints in every frame."""

    @property
    def name(self) -> str:
        """What a result says of it: ``rtmlib 0.0.16, lightweight``."""

    def __call__(self, frames: NDArray[np.uint8]) -> Poses:
        """``(frames, height, width, 3)``, RGB → the poses in each; nobody at all is fine."""


class _Home(Protocol):
    """What an estimator's module has."""

    def missing(self) -> str | None:
        """What to install, as one line to type and why; none where everything is there."""

    def load(self, variant: str, *, device: str) -> PoseEstimator:
        """Load it; an empty variant is the usual one."""


def list_pose_estimators() -> list[str]:
    """Names of all estimators, whether or not their libraries are installed."""
    return list(HOMES)


def missing_for_poses(name: str) -> str | None:
    """What to install before an estimator can be loaded; none where everything is there.

    Args:
        name: of the estimator, ``rtmlib``; a variant behind a colon is passed over.

    Raises:
        UnknownNameError: there is none of that name.
    """
    return _home(name).missing()


def load_pose_estimator(name: str, *, device: str = "cpu") -> PoseEstimator:
    """Load an estimator with its weights.

    Args:
        name: ``rtmlib``, or a variant of it such as ``rtmlib:balanced``.
        device: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UnknownNameError: there is none of that name, or it has no such variant.
        InputError: its library or its weights are missing; the message says what to do.
    """
    home = _home(name)
    if missing := home.missing():
        raise InputError(f"pose estimator {name}: {missing}")
    return home.load(name.partition(":")[2], device=device)


def _home(name: str) -> _Home:
    library = name.partition(":")[0]
    if library not in HOMES:
        raise UnknownNameError("pose estimator", library, HOMES)
    return cast(_Home, import_module(HOMES[library]))


def join_poses(found: Sequence[Poses]) -> Poses:
    """Poses of consecutive frames as one, with as many persons as the fullest has."""
    persons = max((len(poses.keypoint) for poses in found), default=0)
    frames = sum(poses.keypoint.shape[1] for poses in found)
    joined = Poses(
        np.zeros((persons, frames, NUM_JOINTS, 2), dtype=np.float32),
        np.zeros((persons, frames, NUM_JOINTS), dtype=np.float32),
    )
    start = 0
    for poses in found:
        here, end = len(poses.keypoint), start + poses.keypoint.shape[1]
        joined.keypoint[:here, start:end] = poses.keypoint
        joined.keypoint_score[:here, start:end] = poses.keypoint_score
        start = end
    return joined


def annotate_window(
    poses: Poses, *, total_frames: int, positions: NDArray[np.int64], image_size: tuple[int, int], name: str
) -> Annotation:
    """The annotation of a window of which only some frames were looked at for people.

    Args:
        poses: one frame a position.
        total_frames: of the window.
        positions: numbers in the window of the frames that were looked at; may repeat.
        image_size: height and width of the frames.
        name: for messages.
    """
    persons = len(poses.keypoint)
    keypoint = np.zeros((persons, total_frames, NUM_JOINTS, 2), dtype=np.float32)
    score = np.zeros((persons, total_frames, NUM_JOINTS), dtype=np.float32)
    keypoint[:, positions] = poses.keypoint
    score[:, positions] = poses.keypoint_score
    return Annotation(name, 0, image_size, total_frames, keypoint, score)
