from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epam.data.annotations import Annotation
from epam.data.datasets import get_dataset
from epam.data.preparation.prepare import Preparation, crop_videos, cut_long_videos, prepare_store
from epam.data.preparation.shards import Shard
from epam.data.store import SkeletonStore
from epam.errors import InputError

NTU, PKU = get_dataset("ntu60"), get_dataset("pku_mmd")


def save(path: Path, *samples: Annotation, splits: dict[str, list[str]] | None = None, **more: Any) -> Path:
    entries = [vars(sample) | more for sample in samples]
    path.write_bytes(pickle.dumps(entries if splits is None else {"split": splits, "annotations": entries}))
    return path


# --- The store --------------------------------------------------------------------------------------


def test_annotations_become_a_store_that_remembers_its_files(tmp_path: Path, make_annotation) -> None:
    files = [
        save(tmp_path / "ntu60_xsub_train.pkl", make_annotation("a"), make_annotation("b")),
        save(tmp_path / "ntu60_xsub_val.pkl", make_annotation("c")),
    ]
    store = prepare_store(NTU, files, tmp_path / "out")
    assert dict(store.splits) == {"xsub_train": ("a", "b"), "xsub_val": ("c",)}
    assert [source.name for source in store.sources] == ["ntu60_xsub_train.pkl", "ntu60_xsub_val.pkl"]
    assert store.dataset == "ntu60"
    assert np.array_equal(store.annotation(0).keypoint, make_annotation("a").keypoint)


def test_the_same_files_are_read_once(tmp_path: Path, make_annotation, monkeypatch) -> None:
    file = save(tmp_path / "xsub_val.pkl", make_annotation("a"))
    prepare_store(NTU, [file], tmp_path / "out")
    monkeypatch.setattr("epam.data.preparation.prepare.merge_files", None)
    assert len(prepare_store(NTU, [file], tmp_path / "out")) == 1


def test_a_store_of_other_files_is_not_replaced_by_accident(tmp_path: Path, make_annotation) -> None:
    one = save(tmp_path / "xsub_val.pkl", make_annotation("a"))
    two = save(tmp_path / "xsub_train.pkl", make_annotation("b"))
    reader = prepare_store(NTU, [one], tmp_path / "out")
    with pytest.raises(
        InputError, match=r"made from other files \(xsub_val\.pkl\); replace it with --overwrite"
    ):
        prepare_store(NTU, [two], tmp_path / "out")
    assert prepare_store(NTU, [two], tmp_path / "out", overwrite=True).names.tolist() == ["b"]
    assert reader.annotation(0).frame_dir == "a"


def test_a_damaged_store_is_replaced_only_when_asked(tmp_path: Path, make_annotation) -> None:
    file = save(tmp_path / "xsub_val.pkl", make_annotation("a"))
    prepare_store(NTU, [file], tmp_path / "out")
    (tmp_path / "out" / "store" / "index.json").write_text("?")
    with pytest.raises(InputError, match="--overwrite replaces it"):
        prepare_store(NTU, [file], tmp_path / "out")
    assert len(prepare_store(NTU, [file], tmp_path / "out", overwrite=True)) == 1


def write_split_file(folder: Path, train: str, test: str) -> None:
    folder.mkdir(exist_ok=True)
    text = f"Training videos:\n{train}, \nValidataion videos:\n{test}, \n"
    (folder / "cross-subject.txt").write_text(text)


def test_pkus_own_split_files_part_annotations_without_splits(tmp_path: Path, make_annotation) -> None:
    """The published rule would put recordings 2 and 3 into the training part."""
    samples = [make_annotation(f"000{number}-L-A01-N01") for number in (2, 3, 4)]
    file = save(tmp_path / "pku.pkl", *samples)
    write_split_file(tmp_path / "lists", "0002-L", "0003-L")
    store = prepare_store(PKU, [file], tmp_path / "out", split_files=tmp_path / "lists")
    assert dict(store.splits) == {
        "xsub_train": ("0002-L-A01-N01",),
        "xsub_test": ("0003-L-A01-N01",),
    }
    assert [source.name for source in store.sources] == ["pku.pkl", "cross-subject.txt"]
    assert "does not list its video 0004-L" in store.problems[0].message


def test_an_unusable_sample_is_parted_too(tmp_path: Path, make_annotation) -> None:
    good, bad = make_annotation("0002-L-A01-N01"), make_annotation("0002-L-A02-N02", label=-1)
    write_split_file(tmp_path / "lists", "0002-L", "0003-L")
    file = save(tmp_path / "pku.pkl", good, bad)
    store = prepare_store(PKU, [file], tmp_path / "out", split_files=tmp_path / "lists")
    assert store.splits["xsub_train"] == (good.frame_dir, bad.frame_dir)


def test_split_files_are_for_pku_alone_and_must_be_there(tmp_path: Path, make_annotation) -> None:
    file = save(tmp_path / "f.pkl", make_annotation("a"))
    with pytest.raises(InputError, match="only pku_mmd has such files"):
        prepare_store(NTU, [file], tmp_path / "out", split_files=tmp_path)
    with pytest.raises(InputError, match=r"has neither of cross-subject\.txt, cross-view\.txt"):
        prepare_store(PKU, [file], tmp_path / "out", split_files=tmp_path)


# --- Crops ------------------------------------------------------------------------------------------


@pytest.fixture
def three(tmp_path: Path, make_shades, make_annotation) -> SkeletonStore:
    """A store of samples a, b and c; a and c have good videos, b has one that is too short."""
    for name, frames in (("a", 4), ("b", 3), ("c", 4)):
        make_shades(tmp_path / "videos" / f"{name}_rgb.avi", frames=frames)
    SkeletonStore.pack([make_annotation(name, frames=4) for name in "abc"]).write(
        tmp_path / "s", dataset=None
    )
    return SkeletonStore.open(tmp_path / "s")


def crop(store: SkeletonStore, root: Path, **options: Any) -> Preparation:
    return crop_videos(NTU, store, root / "videos", root / "out", **options)


@pytest.mark.parametrize("workers", [1, 2])
def test_one_bad_video_is_counted_and_costs_only_itself(
    three: SkeletonStore, tmp_path: Path, workers: int
) -> None:
    done = crop(three, tmp_path, workers=workers)
    assert (done.made, done.kept, done.interrupted) == (2, 0, False)
    (problem,) = done.problems
    assert problem.sample == "b"
    assert "has 3 frames, its annotation says 4" in problem.message
    names = sorted(path.name for path in (tmp_path / "out" / "videos224").iterdir())
    assert names == ["a_rgb.mp4", "c_rgb.mp4"]


def test_what_is_finished_is_kept(three: SkeletonStore, tmp_path: Path) -> None:
    crop(three, tmp_path)
    (tmp_path / "out" / "videos224" / "a_rgb.mp4").unlink()
    done = crop(three, tmp_path)
    assert (done.made, done.kept) == (1, 1)


def test_a_missing_video_is_a_problem(three: SkeletonStore, tmp_path: Path) -> None:
    (tmp_path / "videos" / "a_rgb.avi").unlink()
    assert "no video of sample a" in crop(three, tmp_path).problems[0].message


def test_shares_make_together_what_one_run_makes(three: SkeletonStore, tmp_path: Path) -> None:
    done = [crop(three, tmp_path, shard=Shard(number, 3)) for number in (1, 2, 3)]
    assert sum(part.made for part in done) == 2
    assert sum(len(part.problems) for part in done) == 1


def test_a_clip_is_in_the_share_of_its_long_video(tmp_path: Path, make_annotation) -> None:
    from epam.data.preparation.prepare import samples_of_shard

    names = [f"{video:04}-L-A{action:02}-N01" for video in range(2, 30) for action in (1, 2, 3)]
    store = SkeletonStore.pack([make_annotation(name, frames=1) for name in names])
    for number in (1, 2, 3):
        share = samples_of_shard(PKU, store, Shard(number, 3))
        videos = {name[:6] for name in share}
        assert all(Shard(number, 3).takes(video) for video in videos)
        assert len(share) == 3 * len(videos)


def test_a_stop_keeps_what_is_made(three: SkeletonStore, tmp_path: Path) -> None:
    def stop(_: str) -> None:
        raise KeyboardInterrupt

    done = crop(three, tmp_path, advance=stop)
    assert (done.made, done.interrupted) == (1, True)
    assert crop(three, tmp_path).kept == 1


def test_a_disk_that_cannot_be_written_to_ends_it_all(three: SkeletonStore, tmp_path: Path) -> None:
    """A file where the folder of crops should be: for root, too, nothing can be written there."""
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "videos224").touch()
    taken: list[str] = []
    with pytest.raises(InputError, match="cannot be written"):
        crop(three, tmp_path, advance=taken.append)
    assert taken == []


def test_folders_are_checked_first(three: SkeletonStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder of videos; check --videos"):
        crop_videos(NTU, three, tmp_path / "none", tmp_path / "out")
    (tmp_path / "out" / "videos224").mkdir(parents=True)
    with pytest.raises(InputError, match="is where the result would be written"):
        crop_videos(NTU, three, tmp_path / "out" / "videos224", tmp_path / "out")


def test_long_videos_are_cut_in_shares_and_bad_ones_counted(tmp_path: Path, make_shades) -> None:
    (tmp_path / "labels").mkdir()
    for video in ("0002-L", "0003-L", "0004-L"):
        (tmp_path / "labels" / f"{video}.txt").write_text("1,1,2,2\n")
        make_shades(tmp_path / "videos" / f"{video}.avi", frames=4)
    (tmp_path / "videos" / "0003-L.avi").write_bytes(b"no video")
    folders = (tmp_path / "labels", tmp_path / "videos", tmp_path / "clips")
    done = [cut_long_videos(*folders, shard=Shard(number, 2)) for number in (1, 2)]
    assert sum(part.made for part in done) == 2
    assert [problem.sample for part in done for problem in part.problems] == ["0003-L"]
    assert sorted(path.stem for path in folders[2].iterdir()) == ["0002-L-A01-N01", "0004-L-A01-N01"]
