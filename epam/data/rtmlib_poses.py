"""Poses by RTMPose through ``rtmlib``: people found with YOLOX, joints with RTMPose, both by ONNX Runtime."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import sys
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from epam.data.annotations import NUM_JOINTS
from epam.data.pose_estimation import Poses, join_poses
from epam.errors import InputError, UnknownNameError

INSTALL = "pip install 'epam-bench[pose]'"

VARIANTS = ("lightweight", "balanced", "performance")
"""Its three pairs of networks; the first is the one for a CPU that has other things to do."""


def missing() -> str | None:
    """What to install, as one line to type and why; none where everything is there."""
    if importlib.util.find_spec("rtmlib") is None:
        return f"rtmlib is not installed; {INSTALL}"
    return None


def load(variant: str, *, device: str) -> RtmlibEstimator:
    """Load both networks; rtmlib downloads their weights when they are first used.

    Raises:
        UnknownNameError: there is no such variant.
        InputError: the weights are not there and cannot be downloaded, or another GPU than the first.
    """
    chosen = variant or VARIANTS[0]
    if chosen not in VARIANTS:
        raise UnknownNameError("variant of rtmlib", chosen, VARIANTS)
    # It knows kinds of devices alone, and takes the first of each.
    kind, _, number = device.partition(":")
    if number not in ("", "0"):
        raise InputError(
            f"rtmlib: computes on the first GPU alone, not on {device}; choose --device {kind}, with "
            f"CUDA_VISIBLE_DEVICES={number} in the environment"
        )
    # It tells what it loads on standard output, which is ours.
    with redirect_stdout(sys.stderr):
        try:
            body = import_module("rtmlib").Body(mode=chosen, backend="onnxruntime", device=kind)
        except Exception as error:  # whatever its downloads and ONNX Runtime raise
            reason = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(
                f"rtmlib: its {chosen} weights cannot be loaded ({reason}); they are downloaded once, into "
                "~/.cache/rtmlib/hub: go online, or copy that folder from a machine that was"
            ) from error
    return RtmlibEstimator(body, chosen)


class RtmlibEstimator:
    """Both networks, asked frame by frame; see :class:`epam.data.pose_estimation.PoseEstimator`."""

    def __init__(self, body: Any, variant: str) -> None:
        self._body = body
        self.name = f"rtmlib {importlib.metadata.version('rtmlib')}, {variant}"

    def __call__(self, frames: NDArray[np.uint8]) -> Poses:
        """``(frames, height, width, 3)``, RGB → the poses in each."""
        return join_poses([self._find(frame) for frame in frames])

    def _find(self, frame: NDArray[np.uint8]) -> Poses:
        picture = np.ascontiguousarray(frame[..., ::-1])  # it takes OpenCV's order
        boxes = self._body.det_model(picture)
        # Without a box, RTMPose takes the whole picture for a person.
        if len(boxes) == 0:
            return _as_poses(np.zeros((0, NUM_JOINTS, 2)), np.zeros((0, NUM_JOINTS)))
        return _as_poses(*self._body.pose_model(picture, bboxes=boxes))


def _as_poses(keypoints: NDArray[Any], scores: NDArray[Any]) -> Poses:
    """``(persons, 17, 2)`` and ``(persons, 17)``, of one frame; a joint without a score was not found."""
    found = scores > 0
    placed = np.where(found[..., None], keypoints, 0).astype(np.float32)
    return Poses(placed[:, None], np.where(found, scores, 0).clip(0, 1).astype(np.float32)[:, None])
