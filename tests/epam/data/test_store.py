from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

import epam.data.store as store_module
from epam.data.annotations import Annotation, Problem
from epam.data.store import SkeletonStore, SourceFile
from epam.errors import AnnotationError, InputError, UnknownNameError


def make_annotation(
    name: str = "one", *, label: int = 0, persons: int = 1, frames: int = 3, dtype: str = "float16"
) -> Annotation:
    """Joint v of frame t of person p is at (100 p + t + 1, v + 1), its score is p + t / 8."""
    person, frame, joint = np.indices((persons, frames, 17))
    return Annotation(
        frame_dir=name,
        label=label,
        img_shape=(1080, 1920),
        total_frames=frames,
        keypoint=np.stack([100 * person + frame + 1, joint + 1], axis=-1).astype(dtype),
        keypoint_score=(person + frame / 8).astype(dtype),
    )


def same(left: Annotation, right: Annotation) -> bool:
    plain = ("frame_dir", "label", "img_shape", "total_frames")
    return all(getattr(left, name) == getattr(right, name) for name in plain) and all(
        np.array_equal(getattr(left, name), getattr(right, name), equal_nan=True)
        for name in ("keypoint", "keypoint_score")
    )


SAMPLES = (
    make_annotation("b", label=4, persons=2, frames=3),
    make_annotation("a", label=1, persons=1, frames=5),
    make_annotation("c", label=0, persons=0, frames=2),
)


@pytest.fixture
def written(tmp_path: Path) -> Path:
    folder = tmp_path / "store"
    problem = Problem("d", "file: sample 'd' is broken")
    packed = SkeletonStore.pack(SAMPLES, {"xsub_train": ["b", "a", "b"], "xsub_val": ["d", "c"]}, [problem])
    packed.write(folder, dataset="ntu60", sources=[SourceFile(name="f.pkl", sha256="0" * 64, size_bytes=7)])
    return folder


def test_what_was_packed_comes_back_from_memory_and_from_disk(written: Path) -> None:
    for store in (SkeletonStore.pack(SAMPLES), SkeletonStore.open(written)):
        assert store.names.tolist() == ["b", "a", "c"]
        assert store.labels.tolist() == [4, 1, 0]
        assert store.offsets.tolist() == [0, 6, 11, 11]
        for row, sample in enumerate(SAMPLES):
            assert same(store.annotation(row), sample)


def test_names_come_back_as_plain_text(written: Path) -> None:
    store = SkeletonStore.open(written)
    assert type(store.annotation(0).frame_dir) is str
    assert type(store.name(0)) is str
    assert {type(name) for members in store.splits.values() for name in members} == {str}


def test_a_split_that_repeats_a_sample_holds_it_once(written: Path) -> None:
    assert SkeletonStore.pack(SAMPLES, {"s": ["b", "a", "b"]}).splits["s"] == ("b", "a")
    expected = {"xsub_train": ("b", "a"), "xsub_val": ("d", "c")}
    assert dict(SkeletonStore.open(written).splits) == expected


def test_everything_else_comes_back_too(written: Path) -> None:
    store = SkeletonStore.open(written)
    assert store.dataset == "ntu60"
    assert store.problems == (Problem("d", "file: sample 'd' is broken"),)
    assert store.sources == (SourceFile(name="f.pkl", sha256="0" * 64, size_bytes=7),)


def test_a_source_file_is_remembered_without_its_folder(tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(b"abc")
    source = SourceFile.of(tmp_path / "a.pkl")
    assert (source.name, source.size_bytes, source.sha256[:8]) == ("a.pkl", 3, "ba7816bf")


@pytest.mark.parametrize("byte_order", ["<", ">"])
def test_every_value_keeps_its_precision_when_types_are_mixed(tmp_path: Path, byte_order: str) -> None:
    single = make_annotation("single", dtype=f"{byte_order}f4")
    single.keypoint[0, 0, 0] = 1234.567, 0.1
    SkeletonStore.pack([make_annotation("half"), single]).write(tmp_path / "s", dataset=None)
    store = SkeletonStore.open(tmp_path / "s")
    assert store.annotation(0).keypoint.dtype == np.float32
    assert same(store.annotation(1), single)


def test_absent_scores_are_ones_and_do_not_widen_the_others(tmp_path: Path) -> None:
    ones = np.broadcast_to(np.ones((), dtype=np.float32), (1, 3, 17))
    without = Annotation("w", 0, (9, 9), 3, make_annotation().keypoint, ones)
    store = SkeletonStore.pack([make_annotation(), without])
    assert store.annotation(1).keypoint_score.dtype == np.float16
    assert (store.annotation(1).keypoint_score == 1).all()


def test_nan_and_infinity_are_kept() -> None:
    sample = make_annotation()
    sample.keypoint[0, 0, 0] = np.nan, np.inf
    assert same(SkeletonStore.pack([sample]).annotation(0), sample)


def test_a_sample_is_found_by_its_id(written: Path) -> None:
    store = SkeletonStore.open(written)
    assert [store.find(name) for name in ("a", "b", "c")] == [1, 0, 2]
    assert store.find_rows(["c", "nobody", "b", "d"]).tolist() == [2, -1, 0, -1]


def test_an_id_that_is_not_there_is_told_with_the_nearest(written: Path) -> None:
    store = SkeletonStore.open(written)
    with pytest.raises(AnnotationError, match="sample 'd' is broken"):
        store.find("d")
    with pytest.raises(UnknownNameError, match="unknown sample of the store 'e'"):
        store.find("e")
    with pytest.raises(UnknownNameError, match="did you mean 'S001'"):
        SkeletonStore.pack([make_annotation("S001")]).find("S0001")


def test_no_ids_are_found_in_an_empty_store() -> None:
    assert SkeletonStore.pack([]).find_rows(["a"]).tolist() == [-1]


def test_an_id_given_twice_is_refused() -> None:
    with pytest.raises(InputError, match="sample one is given more than once"):
        SkeletonStore.pack([make_annotation(), make_annotation()])


def test_a_store_without_skeletons_is_written_and_opened(tmp_path: Path) -> None:
    SkeletonStore.pack([make_annotation(persons=0)]).write(tmp_path, dataset=None)
    assert SkeletonStore.open(tmp_path).annotation(0).keypoint.shape == (0, 3, 17, 2)


def test_an_opened_store_travels_to_a_worker_by_its_place(tmp_path: Path) -> None:
    SkeletonStore.pack([make_annotation(frames=10_000)]).write(tmp_path, dataset=None)
    sent = pickle.dumps(SkeletonStore.open(tmp_path))
    assert len(sent) < 1000
    assert same(pickle.loads(sent).annotation(0), make_annotation(frames=10_000))


def test_a_packed_store_travels_whole() -> None:
    assert same(pickle.loads(pickle.dumps(SkeletonStore.pack(SAMPLES))).annotation(1), SAMPLES[1])


def test_a_mapped_store_is_not_written_to_by_accident(written: Path) -> None:
    with pytest.raises(ValueError, match="read-only"):
        SkeletonStore.open(written).annotation(0).keypoint[:] = 0


def test_who_reads_a_store_goes_on_when_it_is_written_anew(written: Path) -> None:
    reader = SkeletonStore.open(written)
    sent = pickle.dumps(reader)
    SkeletonStore.pack([make_annotation("new")]).write(written, dataset=None)
    assert same(reader.annotation(0), SAMPLES[0])
    assert SkeletonStore.open(written).names.tolist() == ["new"]
    with pytest.raises(AnnotationError, match="was written anew while it was in use"):
        pickle.loads(sent)


def test_old_arrays_are_removed_and_the_same_are_kept(written: Path) -> None:
    before = sorted(path.name for path in written.iterdir())
    SkeletonStore.pack(SAMPLES).write(written, dataset=None)
    assert sorted(path.name for path in written.iterdir()) == before
    SkeletonStore.pack(SAMPLES[:1]).write(written, dataset=None)
    assert len(list(written.iterdir())) == 3


def test_a_store_written_anew_between_two_reads_is_read_again(written: Path, monkeypatch) -> None:
    read_index = store_module._read_index
    calls = []

    def read_then_lose(folder: Path) -> object:
        found = read_index(folder)
        calls.append(folder)
        if len(calls) == 1:
            SkeletonStore.pack([make_annotation("new")]).write(written, dataset=None)
        return found

    monkeypatch.setattr(store_module, "_read_index", read_then_lose)
    assert SkeletonStore.open(written).names.tolist() == ["new"]


def test_a_full_disk_leaves_the_old_store_as_it_was(written: Path, monkeypatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("epam.atomic_file.os.fsync", full)
    with pytest.raises(InputError, match="No space left on device"):
        SkeletonStore.pack([make_annotation("new")]).write(written, dataset=None)
    monkeypatch.undo()
    assert same(SkeletonStore.open(written).annotation(0), SAMPLES[0])
    assert len(list(written.iterdir())) == 3


# --- A store comes from outside ---------------------------------------------------------------------


def test_no_store_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"index\.json: cannot be read .*epam-data prepare"):
        SkeletonStore.open(tmp_path)


def test_a_missing_array_is_named(written: Path) -> None:
    next(written.glob("keypoint-*.npy")).unlink()
    with pytest.raises(AnnotationError, match=r"the store's keypoint-\w+\.npy is missing"):
        SkeletonStore.open(written)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"sha256": 1, "index": 2}', "\x00"])
def test_what_is_no_index_is_refused(written: Path, text: str) -> None:
    (written / "index.json").write_text(text)
    with pytest.raises(AnnotationError, match="is not a store's index"):
        SkeletonStore.open(written)


def test_a_changed_index_is_noticed(written: Path) -> None:
    path = written / "index.json"
    path.write_text(path.read_text().replace('"labels":[4,', '"labels":[5,'))
    with pytest.raises(AnnotationError, match="is damaged"):
        SkeletonStore.open(written)


def forge(folder: Path, **changes: object) -> None:
    """Change an index and give it the sum that it must have."""
    index = json.loads((folder / "index.json").read_text())["index"] | changes
    text = json.dumps({"sha256": store_module._hash_index(index), "index": index})
    (folder / "index.json").write_text(text)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"version": 2}, "format version 2, this release reads 1"),
        ({"labels": [0, 1]}, "different lengths"),
        ({"labels": [0, 1, -1]}, "labels.2: Input should be greater"),
        ({"labels": [0, 1, "1"]}, "labels.2: Input should be a valid integer"),
        ({"labels": [0, 1, 1 << 80]}, "labels.2: "),
        ({"names": ["a", "b", "../c"]}, "no plain file name"),
        ({"names": ["a", "b", "b"]}, "occurs twice"),
        ({"persons": [2, 1, 1]}, r"11 skeletons, its samples 13"),
        ({"total_frames": [1 << 30, 1 << 30, 1 << 30]}, "11 skeletons, its samples"),
        ({"surprise": 1}, "surprise: Extra inputs"),
    ],
)
def test_an_index_that_contradicts_itself_is_refused(written: Path, changes: dict, message: str) -> None:
    forge(written, **changes)
    with pytest.raises(AnnotationError, match=message):
        SkeletonStore.open(written)


def test_an_array_file_with_a_path_is_refused(written: Path) -> None:
    arrays = json.loads((written / "index.json").read_text())["index"]["arrays"]
    arrays["keypoint"]["file"] = "../../keypoint-0123456789abcdef.npy"
    forge(written, arrays=arrays)
    with pytest.raises(AnnotationError, match=r"arrays\.keypoint\.file"):
        SkeletonStore.open(written)


@pytest.mark.parametrize("content", ["cut", "other shape", "other type", "pickled", "text"])
def test_an_array_that_is_not_the_written_one_is_refused(written: Path, content: str) -> None:
    path = next(written.glob("keypoint-*.npy"))
    whole = path.read_bytes()
    path.unlink()
    with path.open("wb") as file:
        if content == "cut":
            file.write(whole[:-1])
        elif content == "text":
            file.write(b"nothing of the kind")
        elif content == "pickled":
            np.save(file, np.array([print]), allow_pickle=True)
        else:
            np.save(file, np.zeros((11, 17, 2) if content == "other type" else (5, 17, 2), np.float32))
    with pytest.raises(AnnotationError, match="keypoint-"):
        SkeletonStore.open(written)


def test_verify_finds_one_flipped_bit(written: Path) -> None:
    path = next(written.glob("keypoint_score-*.npy"))
    damaged = bytearray(path.read_bytes())
    damaged[-3] ^= 1
    SkeletonStore.open(written).verify()
    path.write_bytes(damaged)
    with pytest.raises(AnnotationError, match="is damaged"):
        SkeletonStore.open(written).verify()
