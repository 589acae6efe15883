"""Against a stand-in for rtmlib that answers as its own code does; its weights are not downloaded."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from epam.data import rtmlib_poses
from epam.data.pose_estimation import load_pose_estimator
from epam.errors import InputError, UnknownNameError


class Body:
    """A person is wherever a picture is blue; it must be given OpenCV's order of colours."""

    def __init__(self, *, mode: str, backend: str, device: str) -> None:
        if device == "cuda":
            raise OSError("no route to host")
        print(f"load {mode}")
        self.seen: list[np.ndarray] = []

    def det_model(self, picture: np.ndarray) -> np.ndarray:
        assert picture.flags.c_contiguous
        return np.array([[0, 0, 8, 8]] * int(picture[0, 0, 0] == 255))

    def pose_model(self, picture: np.ndarray, *, bboxes: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        scores = np.linspace(-0.1, 1.1, 17)[None].repeat(len(bboxes), axis=0)
        return np.full((len(bboxes), 17, 2), 3.0), scores


@pytest.fixture(autouse=True)
def rtmlib(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("rtmlib")
    module.Body = Body
    monkeypatch.setitem(sys.modules, "rtmlib", module)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())
    monkeypatch.setattr("importlib.metadata.version", lambda name: "0.0.16")


def test_people_are_found_frame_by_frame_and_joints_without_a_score_are_absent(
    capsys: pytest.CaptureFixture[str],
) -> None:
    estimator = load_pose_estimator("rtmlib")
    assert estimator.name == "rtmlib 0.0.16, lightweight"
    frames = np.zeros((2, 8, 8, 3), dtype=np.uint8)
    frames[1, ..., 2] = 255
    found = estimator(frames)
    assert found.keypoint.shape == (1, 2, 17, 2)
    assert not found.keypoint[0, 0].any()
    assert found.keypoint[0, 1, :, 0].tolist() == [0, 0] + [3] * 15
    assert found.keypoint_score[0, 1].min() == 0
    assert found.keypoint_score[0, 1].max() == 1
    assert capsys.readouterr().out == ""


def test_frames_without_anybody_give_no_persons() -> None:
    found = load_pose_estimator("rtmlib:balanced")(np.zeros((3, 8, 8, 3), dtype=np.uint8))
    assert found.keypoint.shape == (0, 3, 17, 2)


def test_weights_that_cannot_be_had_are_told_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"no route to host.*go online, or copy that folder"):
        rtmlib_poses.load("", device="cuda")


def test_an_unknown_variant_is_refused() -> None:
    with pytest.raises(UnknownNameError, match="unknown variant of rtmlib 'fast'"):
        rtmlib_poses.load("fast", device="cpu")
