from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from epam.errors import InputError, UnknownNameError
from epam.evaluation import McNemar, ScoreTable
from epam_bench.comparison import compare_files

RIGHT, WRONG = [1.0, 0.0], [0.0, 1.0]


def save(path: Path, *rows: list[float], samples: tuple[str, ...] = ("a", "b", "c"), label: int = 0) -> str:
    """Scores of samples of class 0, fused as given, the pose stream always wrong."""
    fused = np.array(rows, dtype=np.float32)
    pose = np.array([WRONG] * len(rows), dtype=np.float32)
    labels = np.full(len(rows), label)
    return str(ScoreTable(samples, labels, {"fused": fused, "pose": pose}).save(path))


def test_runs_are_compared_sample_by_sample_by_their_first_streams(tmp_path: Path) -> None:
    first = save(tmp_path / "a.npz", RIGHT, RIGHT, WRONG)
    second = save(tmp_path / "b.npz", RIGHT, WRONG, WRONG, samples=("c", "a", "b"))
    found = compare_files(first, second)
    assert found.test == McNemar(only_a=2, only_b=1, both=0, neither=0)
    assert (found.run_a.accuracy.top1, found.run_b.accuracy.top1) == (2 / 3, 1 / 3)
    assert found.run_a.title == f"{first}, fused"


def test_another_stream_is_chosen_behind_the_path(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", RIGHT, RIGHT, WRONG)
    found = compare_files(path, f"{path}:pose")
    assert found.test == McNemar(only_a=2, only_b=0, both=0, neither=1)
    with pytest.raises(UnknownNameError, match=r"unknown stream of .*a\.npz 'depth'"):
        compare_files(path, f"{path}:depth")


def test_other_samples_or_labels_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "a.npz", RIGHT, RIGHT, RIGHT)
    other = save(tmp_path / "b.npz", RIGHT, RIGHT, RIGHT, samples=("a", "b", "x"))
    with pytest.raises(InputError, match="1 samples are in the first run alone, for example 'c'"):
        compare_files(path, other)
    relabelled = save(tmp_path / "c.npz", RIGHT, RIGHT, RIGHT, label=1)
    with pytest.raises(InputError, match=r"sample 'a' has the label 0 in .*a\.npz and 1 in .*c\.npz"):
        compare_files(path, relabelled)
