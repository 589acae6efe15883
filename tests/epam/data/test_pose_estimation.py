from __future__ import annotations

import numpy as np
import pytest

from epam.data.pose_estimation import (
    Poses,
    annotate_window,
    join_poses,
    list_pose_estimators,
    load_pose_estimator,
    missing_for_poses,
)
from epam.errors import InputError, UnknownNameError


def poses(persons: int, frames: int, value: float) -> Poses:
    return Poses(np.full((persons, frames, 17, 2), value), np.full((persons, frames, 17), value))


def test_joined_poses_have_as_many_persons_as_the_fullest_frames_and_zeros_elsewhere() -> None:
    joined = join_poses([poses(1, 2, 0.25), poses(0, 1, 0.5), poses(2, 1, 0.75)])
    assert joined.keypoint.shape == (2, 4, 17, 2)
    assert joined.keypoint_score[:, :, 0].tolist() == [[0.25, 0.25, 0, 0.75], [0, 0, 0, 0.75]]
    assert join_poses([poses(0, 3, 1)]).keypoint.shape == (0, 3, 17, 2)


def test_a_window_has_poses_where_it_was_looked_at_and_nobody_elsewhere() -> None:
    found = Poses(np.arange(3.0)[None, :, None, None] + np.ones((1, 3, 17, 2)), np.ones((1, 3, 17)))
    window = annotate_window(
        found, total_frames=6, positions=np.array([0, 2, 5]), image_size=(4, 8), name="camera"
    )
    assert window.keypoint[0, :, 0, 0].tolist() == [1, 0, 2, 0, 0, 3]
    assert window.keypoint_score[0, :, 0].tolist() == [1, 0, 1, 0, 0, 1]
    assert (window.total_frames, window.img_shape, window.has_person) == (6, (4, 8), True)


def test_an_unknown_estimator_is_refused_and_the_known_named() -> None:
    assert list_pose_estimators() == ["rtmlib"]
    with pytest.raises(UnknownNameError, match="unknown pose estimator 'rtmlip'; did you mean 'rtmlib'"):
        load_pose_estimator("rtmlip")


def test_one_that_is_not_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert missing_for_poses("rtmlib:balanced") == "rtmlib is not installed; pip install 'epam-bench[pose]'"
    with pytest.raises(InputError, match="pip install 'epam-bench"):
        load_pose_estimator("rtmlib")
