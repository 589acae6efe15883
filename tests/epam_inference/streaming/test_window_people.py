from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from epam.data.annotations import Annotation
from epam.data.pose_estimation import Poses
from epam_inference.streaming.window_buffer import Window
from epam_inference.streaming.window_people import AnnotatedPeople, EstimatedPeople, UnknownPeople

Build = Callable[..., Window]


def test_annotated_people_are_those_of_the_windows_frames_and_nobody_behind_the_end(window: Build) -> None:
    keypoint = np.arange(10.0)[None, :, None, None] + np.ones((1, 10, 17, 2))
    known = Annotation("S1", 3, (36, 64), 10, keypoint, np.ones((1, 10, 17)))
    people = AnnotatedPeople(known)(window(7, 12), np.array([0]))
    assert people.total_frames == 5
    assert people.keypoint[0, :, 0, 0].tolist() == [8, 9, 10, 0, 0]
    assert people.keypoint_score[0, :, 0].tolist() == [1, 1, 1, 0, 0]
    assert (people.img_shape, people.label) == ((36, 64), 3)
    assert not AnnotatedPeople(known)(window(10, 12), np.array([0])).has_person


class Estimator:
    """Finds one person, whose joints are at the frame's grey level, and remembers what it was shown."""

    name = "made-up"

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, frames: NDArray[np.uint8]) -> Poses:
        grey = frames[:, 0, 0, 0]
        self.seen += grey.tolist()
        return Poses(
            np.tile(grey[None, :, None, None].astype(float), (1, 1, 17, 2)), np.ones((1, len(frames), 17))
        )


def test_an_estimator_is_asked_once_a_frame_and_only_for_frames_that_are_looked_at(window: Build) -> None:
    estimator = Estimator()
    people = EstimatedPeople(estimator, (36, 64))
    first = people(window(0, 6), np.array([1, 3, 3, 5]))
    assert first.keypoint[0, :, 0, 0].tolist() == [0, 1, 0, 3, 0, 5]
    second = people(window(2, 8), np.array([1, 2, 5]))
    assert second.keypoint[0, :, 0, 0].tolist() == [0, 3, 4, 0, 0, 7]
    assert estimator.seen == [1, 3, 5, 4, 7]
    assert set(people._known) == {3, 4, 5, 7}  # what no window can show again is forgotten


def test_unknown_people_are_nobody(window: Build) -> None:
    people = UnknownPeople((36, 64))(window(4, 8), np.array([0, 2]))
    assert (people.keypoint.shape, people.has_person) == ((0, 4, 17, 2), False)
