from __future__ import annotations

import io
import random
import zipfile
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epam.errors import InputError
from epam.evaluation.score_table import ScoreTable

ROWS = np.array([[0.5, 1.5], [2.0, -1.0]], dtype=np.float32)


def table(**changes: Any) -> ScoreTable:
    fields: dict[str, Any] = {
        "samples": ("s2", "s1"),
        "labels": np.array([0, 1]),
        "streams": {"fused": ROWS, "rgb": ROWS + 1},
    }
    return ScoreTable(**(fields | changes))


def test_scores_and_labels_are_keyed_by_sample() -> None:
    assert len(table()) == 2
    assert table().label_of == {"s2": 0, "s1": 1}
    assert table().scores("rgb")["s1"].tolist() == [3.0, 0.0]


def test_a_table_comes_back_as_it_was(tmp_path: Path) -> None:
    path = table(samples=("s2", "座る")).save(tmp_path / "scores.npz")
    found = ScoreTable.load(path)
    assert found.samples == ("s2", "座る")
    assert found.labels.tolist() == [0, 1]
    assert list(found.streams) == ["fused", "rgb"]
    assert all(np.array_equal(found.streams[name], table().streams[name]) for name in found.streams)


def test_the_file_is_plain_arrays_for_any_reader(tmp_path: Path) -> None:
    with np.load(table().save(tmp_path / "scores.npz"), allow_pickle=False) as arrays:
        assert arrays["samples"].tolist() == ["s2", "s1"]
        assert arrays["labels"].tolist() == [0, 1]
        assert arrays["fused"].tolist() == ROWS.tolist()


def test_scores_written_in_another_precision_are_read(tmp_path: Path) -> None:
    np.savez(tmp_path / "s.npz", samples=np.array(["a"]), labels=np.array([1], "u1"), rgb=np.eye(2)[:1])
    found = ScoreTable.load(tmp_path / "s.npz")
    assert (found.labels.dtype, found.streams["rgb"].dtype) == (np.int64, np.float32)


def test_a_table_without_samples_is_one() -> None:
    assert len(table(samples=(), labels=np.zeros(0, np.int64), streams={})) == 0


def test_a_table_without_scores_is_not_read(tmp_path: Path) -> None:
    table(samples=(), labels=np.zeros(0, np.int64), streams={}).save(tmp_path / "scores.npz")
    with pytest.raises(InputError, match=r"scores\.npz: holds no scores of any stream"):
        ScoreTable.load(tmp_path / "scores.npz")


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"labels": np.array([0])}, r"2 samples and labels \(1,\)"),
        ({"samples": ("s1", "s1")}, "sample 's1' occurs twice"),
        ({"streams": {}}, "2 samples without scores"),
        ({"streams": {"rgb": ROWS[:1]}}, r"stream 'rgb' has scores of shape \(1, 2\)"),
        ({"streams": {"rgb": ROWS[:, :1]}}, "at least two classes"),
        ({"streams": {"rgb": ROWS * [[1], [np.nan]]}}, "sample 's1' has scores that are NaN"),
        ({"streams": {"rgb": ROWS, "pose": np.zeros((2, 3))}}, r"for \[2, 3\] classes"),
        ({"labels": np.array([0, 2])}, "sample 's1' has the label 2, and scores for 2 classes"),
        ({"labels": np.array([-1, 1])}, "sample 's2' has the label -1"),
    ],
)
def test_parts_that_do_not_fit_are_refused(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(InputError, match=told):
        table(**changes)


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scores\.csv: scores are written as \.npz"):
        table().save(tmp_path / "scores.csv")


def saved(**arrays: Any) -> bytes:
    buffer = io.BytesIO()
    good = {"samples": np.array(["a"]), "labels": np.array([0]), "rgb": np.eye(2)[:1]}
    np.savez(buffer, **{name: array for name, array in (good | arrays).items() if array is not None})
    return buffer.getvalue()


def compressed() -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, samples=np.array(["a"]), labels=np.array([0]), rgb=np.zeros((1, 1000)))
    return buffer.getvalue()


def listed_twice() -> bytes:
    """The same bytes under two entries of the archive's directory."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rgb.npy", bytes(10_000))
        archive.filelist.append(archive.filelist[0])
    return buffer.getvalue()


def declaring(shape: str) -> bytes:
    """An array whose header promises another shape than the file holds."""
    good = io.BytesIO()
    np.lib.format.write_array(good, np.zeros((1, 1000)))
    raw = good.getvalue().replace(b"(1, 1000)", shape.encode().ljust(9))
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("rgb.npy", raw)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "the file is empty"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS pointer"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"scores", "damaged, or not a table of scores"),
        (saved()[:200], "damaged, or not a table of scores"),
        (saved(samples=None), "has no array 'samples'"),
        (saved(labels=None), "has no array 'labels'"),
        (saved(samples=np.array([object()])), r"damaged.*array of object"),
        (saved(samples=np.array([1])), r"array 'samples' is int64 of shape \(1,\)"),
        (saved(labels=np.array([0.0])), "array 'labels' is float64"),
        (saved(rgb=np.zeros(2)), r"array 'rgb' is float64 of shape \(2,\)"),
        (saved(rgb=np.array([[np.inf, 0]])), "sample 'a' has scores that are NaN or infinite"),
        (saved(rgb=np.asfortranarray(np.zeros((3, 2)))), "in Fortran order"),
        (saved(samples=np.array(["a", "a"]), labels=np.array([0, 0]), rgb=np.eye(2)), "'a' occurs twice"),
        (compressed(), "is compressed, or declares more than the file has"),
        (listed_twice(), "is compressed, or declares more than the file has"),
        (declaring("(1,10**9)"), "damaged"),
        (declaring("(9, 9999)"), r"declares the shape \(9, 9999\)"),
    ],
)
def test_a_file_that_is_no_table_of_scores_is_one_line(tmp_path: Path, content: bytes, told: str) -> None:
    path = tmp_path / "scores.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=told) as raised:
        ScoreTable.load(path)
    assert str(raised.value).startswith(f"{path}: ")
    assert "\n" not in str(raised.value)


def test_a_missing_file_and_a_folder_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file of scores"):
        ScoreTable.load(tmp_path / "none.npz")
    with pytest.raises(InputError, match="cannot be read"):
        ScoreTable.load(tmp_path)


def test_damage_anywhere_raises_nothing_else(tmp_path: Path) -> None:
    whole = table().save(tmp_path / "scores.npz").read_bytes()
    draw = random.Random(0)
    path = tmp_path / "damaged.npz"
    for _ in range(1000):
        data = bytearray(whole[: draw.choice([len(whole), draw.randrange(1, len(whole))])])
        for _ in range(draw.randint(1, 4)):
            data[draw.randrange(len(data))] = draw.randrange(256)
        path.write_bytes(data)
        # Some damage hits only a score: that is read, and is the writer's to detect.
        with suppress(InputError):
            ScoreTable.load(path)
