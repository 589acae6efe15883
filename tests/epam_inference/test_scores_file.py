from __future__ import annotations

import errno
import json
from pathlib import Path

import numpy as np
import pytest

from epam.errors import InputError
from epam.evaluation import ScoreTable
from epam_inference.results import ClassSet, Evaluation
from epam_inference.scores_file import check_scores_path, write_scores


def evaluation(scores: dict[str, list[float]]) -> Evaluation:
    return Evaluation(
        annotations="a.pkl",
        videos=None,
        model="x_shiftnet_pose",
        classes=ClassSet("ntu60", "xsub", ("a", "b")),
        protocol="xsub",
        split="xsub_val",
        split_samples=2,
        table=ScoreTable(
            tuple(scores),
            np.arange(len(scores)),
            {"pose": np.array(list(scores.values()), dtype=np.float32)} if scores else {},
        ),
        accuracy={},
        skipped=(),
        interrupted=False,
        views=1,
        checkpoint=None,
        seconds={},
        caveats=(),
    )


TWO = evaluation({"s2": [0.5, 1.5], "s1": [2.0, -1.0]})


def test_json_scores_are_keyed_by_sample_and_stream(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.json", TWO)
    assert json.loads((tmp_path / "scores.json").read_text()) == {
        "model": "x_shiftnet_pose",
        "dataset": "ntu60",
        "protocol": "xsub",
        "labels": {"s2": 0, "s1": 1},
        "scores": {"s2": {"pose": [0.5, 1.5]}, "s1": {"pose": [2.0, -1.0]}},
    }


def test_npz_scores_load_without_pickle(tmp_path: Path) -> None:
    write_scores(tmp_path / "scores.npz", TWO)
    with np.load(tmp_path / "scores.npz", allow_pickle=False) as arrays:
        assert arrays["samples"].tolist() == ["s2", "s1"]
        assert arrays["labels"].tolist() == [0, 1]
        assert arrays["pose"].tolist() == [[0.5, 1.5], [2.0, -1.0]]


@pytest.mark.parametrize("name", ["scores.json", "scores.npz"])
def test_an_evaluation_without_scores_is_written_as_such(tmp_path: Path, name: str) -> None:
    write_scores(tmp_path / name, evaluation({}))
    assert (tmp_path / name).is_file()


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "scores.json"
    path.write_text("old")

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", fail)
    with pytest.raises(InputError, match="No space left"):
        write_scores(path, TWO)
    assert [file.name for file in tmp_path.iterdir()] == ["scores.json"]
    assert path.read_text() == "old"


def test_a_name_or_folder_that_cannot_be_is_refused_beforehand(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scores\.csv: scores are written as \.json or \.npz"):
        check_scores_path(tmp_path / "scores.csv")
    with pytest.raises(InputError, match="its folder does not exist"):
        check_scores_path(tmp_path / "nosuch" / "scores.json")
    (tmp_path / "folder.json").mkdir()
    with pytest.raises(InputError, match="is a folder"):
        check_scores_path(tmp_path / "folder.json")
    check_scores_path(tmp_path / "scores.npz")
