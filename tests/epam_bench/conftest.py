"""Small made-up networks and records for the tests of measuring."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Self

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from epam.data.data_root import DataLocation
from epam_baselines import ModelSpec
from epam_baselines.custom_models import import_model
from epam_bench.timing.child import Child, describe_error
from epam_bench.timing.messages import Message
from epam_bench.timing.subject import Subject
from epam_bench.timing.worker import WorkerError


class TwoInputs(nn.Module):
    """One 3×3 convolution on a picture, one linear layer on a row of numbers."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 4, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.norm = nn.BatchNorm3d(4)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, clip: Tensor, gain: Tensor) -> Tensor:
        pooled = self.norm(self.conv(clip)).mean(dim=(2, 3, 4))
        return self.fc(self.dropout(pooled)) * gain.mean()


CONV_MACS = (2 * 3 * 5) * 4 * 2 * 9
"""Places × output channels × input channels × kernel, for the clip below."""

FC_MACS = 4 * 6


@pytest.fixture
def tiny_spec() -> Callable[..., ModelSpec]:
    def make(name: str = "tiny", build: Callable[..., nn.Module] = TwoInputs, **changes: object) -> ModelSpec:
        fields: dict[str, object] = {
            "name": name,
            "title": "Tiny",
            "paper": "Nobody, 2025",
            "year": 2025,
            "modalities": ("rgb", "pose"),
            "inputs": {"clip": (2, 2, 3, 5), "gain": (1, 1, 1, 1)},
            "clips": 2,
            "crops": 3,
            "num_classes": 6,
            "build": build,
        }
        return ModelSpec(**(fields | changes))  # type: ignore[arg-type]

    return make


VOTERS = '''
"""Networks whose answers can be read off the annotations."""

import time

import torch
from epam import EPAMLogits
from epam_baselines import ModelSpec
from torch import nn


class Voter(nn.Module):
    """Logits are confidences: the RGB stream's those of the first joints, the pose stream's of the last."""

    def __init__(self, num_classes, pause):
        super().__init__()
        self.num_classes, self.pause = num_classes, pause
        self.gain = nn.Parameter(torch.ones(()))

    def forward(self, heatmaps):
        if heatmaps.device.type != "meta":
            time.sleep(self.pause)
        peaks = self.gain * heatmaps.amax(dim=(2, 3, 4))
        return EPAMLogits(rgb=peaks[:, : self.num_classes], pose=peaks[:, -self.num_classes :])


def spec(pause=0.0):
    def build(*, num_classes):
        return Voter(num_classes, pause)

    return ModelSpec(
        name="voter", title="Voter", paper="Nobody, 2025", year=2025, modalities=("pose",),
        inputs={"heatmaps": (17, 2, 10, 10)}, clips=1, crops=1, num_classes=3, build=build,
    )


def slow():
    return spec(pause=0.3)
'''


@dataclass(frozen=True)
class Votes:
    """A split of made-up samples, and a network that answers each as it was told to.

    Attributes:
        location: the samples, of a custom data set of three classes.
        arguments: the same for the command.
        model: the network's import path.
    """

    folder: Path
    location: DataLocation
    model: str = "voters:spec"

    @property
    def arguments(self) -> list[str]:
        data = ["-d", "custom", "-p", "mine", "--annotations", "votes.pkl", "--num-classes", "3"]
        return ["accuracy", self.model, *data, "--records", "records.jsonl"]


@pytest.fixture
def make_votes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Votes]:
    """Write samples by name, each with its label, the RGB stream's answer and the pose stream's.

    The RGB stream is the surer one, so that the fused answer is its. Without answers nobody is seen.
    """
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "voters.py").write_text(VOTERS)

    def make(
        samples: dict[str, tuple[int, int | None, int | None]],
        *,
        train: dict[str, tuple[int, int | None, int | None]] | None = None,
    ) -> Votes:
        annotations = [vote(name, *answers) for name, answers in {**(train or {}), **samples}.items()]
        split = {"mine_test": list(samples)} | ({"mine_train": list(train)} if train else {})
        content = {"split": split, "annotations": annotations}
        (tmp_path / "votes.pkl").write_bytes(pickle.dumps(content))
        location = DataLocation(
            dataset="custom", protocol="mine", annotations=(tmp_path / "votes.pkl",), num_classes=3
        )
        return Votes(tmp_path, location)

    return make


def vote(name: str, label: int, rgb: int | None, pose: int | None) -> dict[str, object]:
    """Two frames of a person whose joints lie on whole pixels of the heatmap, 5 pixels of the image each."""
    places = np.array([(joint % 9, joint // 2) for joint in range(17)], dtype=np.float32)
    scores = np.zeros((1, 2, 17), dtype=np.float32)
    if rgb is not None and pose is not None:
        scores[..., :3], scores[..., -3:] = 0.1, 0.2
        scores[..., rgb], scores[..., 14 + pose] = 0.9, 0.6
    return {
        "frame_dir": name,
        "label": label,
        "img_shape": (60, 60),
        "total_frames": 2,
        "keypoint": np.broadcast_to(10 + 5 * places, (1, 2, 17, 2)).copy(),
        "keypoint_score": scores,
    }


FOUR_VOTES = {"a": (0, 0, 0), "b": (0, 0, 1), "c": (1, 2, 1), "d": (1, 1, 1)}
"""Fused and RGB: 0, 0, 2, 1 for labels 0, 0, 1, 1. Pose: 0, 1, 1, 1."""


@pytest.fixture
def four_votes(make_votes: Callable[..., Votes]) -> Votes:
    return make_votes(FOUR_VOTES)


TRIAL_MODELS = Path(__file__).parent / "timing"


@pytest.fixture
def trial(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Subject]:
    """Subjects of the networks in ``trial_models``, which children find too."""
    monkeypatch.syspath_prepend(TRIAL_MODELS)

    def make(name: str = "small", **options: object) -> Subject:
        return Subject(spec=import_model(f"trial_models:{name}"), **options)  # type: ignore[arg-type]

    return make


class WorkerWithin:
    """A child that is no process: for tests that are not about processes."""

    def __init__(self) -> None:
        self.child = Child(lambda doing: None)
        self.alive = True

    def ask(self, order: Mapping[str, Any], *, seconds: float) -> Message:
        try:
            return json.loads(json.dumps(self.child.do(dict(order))))
        except Exception as error:
            raise WorkerError(describe_error(error)) from None

    def close(self) -> None:
        self.alive = False


class NurseryWithin:
    """Gives such children."""

    pids: tuple[int, ...] = ()

    def __init__(self, compiled: Path) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def wait_until_ready(self) -> None:
        pass

    def split(self) -> WorkerWithin:
        return WorkerWithin()


@pytest.fixture
def children_within(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let measuring take place in this process, in milliseconds."""
    threads = torch.get_num_threads()
    monkeypatch.setattr("epam_bench.timing.schedule.Nursery", NurseryWithin)
    monkeypatch.setattr("epam_bench.timing.effort.TURN_SECONDS", 0.01)
    # To look through all that pytest holds takes half a second each time.
    idle = SimpleNamespace(freeze=lambda: None, collect=lambda: None)
    for module in ("child", "memory"):
        monkeypatch.setattr(f"epam_bench.timing.{module}.gc", idle)
    yield
    torch.set_num_threads(threads)
