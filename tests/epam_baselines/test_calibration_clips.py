"""int8 is calibrated on training clips, the same every time, and never on what is evaluated."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from epam.data.clip_size import ClipSize
from epam.data.data_root import DataLocation
from epam.data.pipelines import Pipeline
from epam.errors import EpamError, InputError
from epam_baselines.calibration_clips import batched, load_calibration_clips

POSE = Pipeline("pose", ClipSize(rgb_frames=2, frame_side=32, pose_frames=2, heatmap_side=8))


def annotation(name: str, *, seen: bool = True) -> dict[str, object]:
    number = int(name[1:])
    return {
        "frame_dir": name,
        "label": number % 2,
        "img_shape": (60, 60),
        "total_frames": 3,
        "keypoint": np.random.RandomState(number).uniform(5, 55, (1, 3, 17, 2)).astype(np.float32),
        "keypoint_score": np.full((1, 3, 17), 1.0 if seen else 0.0, dtype=np.float32),
    }


def write(folder: Path, train: list[str], test: list[str], *, unseen: tuple[str, ...] = ()) -> DataLocation:
    content = {
        "split": {"mine_train": train, "mine_test": test},
        "annotations": [annotation(name, seen=name not in unseen) for name in {*train, *test}],
    }
    path = folder / "data.pkl"
    path.write_bytes(pickle.dumps(content))
    return DataLocation(dataset="custom", protocol="mine", annotations=(path,), num_classes=2)


def test_clips_are_of_the_training_part_and_the_same_every_time(tmp_path: Path) -> None:
    location = write(tmp_path, ["a0", "a1", "a2", "a3", "a4"], ["a5", "a6"])
    found, again = (load_calibration_clips(location, POSE, 3) for _ in range(2))
    assert set(found.samples) < {"a0", "a1", "a2", "a3", "a4"}
    assert found.samples == again.samples
    assert found.origin == "3 clips of the training part of custom mine"
    assert found.caveats == ()
    assert [clip[0].shape for clip in found.clips] == [(1, 17, 2, 8, 8)] * 3
    assert torch.equal(found.clips[1][0], again.clips[1][0])


def test_samples_that_are_evaluated_or_unusable_are_not_among_them(tmp_path: Path) -> None:
    location = write(tmp_path, ["a0", "a1", "a2"], ["a5"], unseen=("a1",))
    found = load_calibration_clips(location, POSE, 64, apart_from={"a0"})
    assert found.samples == ("a2",)
    with pytest.raises(InputError, match="not among those to be evaluated"):
        load_calibration_clips(location, POSE, 64, apart_from={"a0", "a2"})


def test_what_a_file_trains_and_tests_on_does_not_calibrate(tmp_path: Path) -> None:
    location = write(tmp_path, ["a0", "a1", "a2"], ["a1", "a5"])
    assert sorted(load_calibration_clips(location, POSE, 64).samples) == ["a0", "a2"]
    nothing_else = write(tmp_path, ["a0", "a1"], ["a1", "a0"])
    with pytest.raises(InputError, match=r"no sample of the training part .* give data that have"):
        load_calibration_clips(nothing_else, POSE, 64)


def test_a_plain_list_is_not_called_a_training_part(tmp_path: Path) -> None:
    path = tmp_path / "list.pkl"
    path.write_bytes(pickle.dumps([annotation("a0"), annotation("a1")]))
    location = DataLocation(dataset="custom", protocol="mine", annotations=(path,), num_classes=2)
    found = load_calibration_clips(location, POSE, 64)
    assert found.origin == "2 clips of list.pkl, a list that names no training part"
    assert found.caveats == (
        "int8 was calibrated on clips of list.pkl, a list that names no training part: samples that it is "
        "evaluated on may be among them",
    )
    with pytest.raises(InputError, match=r"list\.pkl: no sample of list\.pkl, a list that names no training"):
        load_calibration_clips(location, POSE, 64, apart_from=["a0", "a1"])


def test_data_without_a_training_part_are_refused(tmp_path: Path) -> None:
    location = write(tmp_path, [], ["a5"])
    with pytest.raises(EpamError):
        load_calibration_clips(location, POSE, 2)
    with pytest.raises(InputError, match="at least 1"):
        load_calibration_clips(location, POSE, 0)


def test_batches_are_whole() -> None:
    clips = [(torch.full((1, 2), float(number)),) for number in range(5)]
    assert [batch[0][:, 0].tolist() for batch in batched(clips, 2)] == [[0, 1], [2, 3]]
    assert batched(clips, 6) == ()
