from __future__ import annotations

import pickle
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import pytest

from epam.data.data_root import DataLocation, Split, open_split
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError

TRAIN, TEST = "S001C002P001R001A001", "S001C001P003R001A002"
"""Performer 1 trains and performer 3 tests, camera 2 trains and camera 1 tests."""


def entry(name: str, *, label: int = 0, frames: int = 2, **changes: object) -> dict[str, object]:
    return {
        "frame_dir": name,
        "label": label,
        "img_shape": (1080, 1920),
        "original_shape": (1080, 1920),
        "total_frames": frames,
        "keypoint": np.ones((1, frames, 17, 2), np.float16),
        "keypoint_score": np.ones((1, frames, 17), np.float16),
    } | changes


def save(path: Path, entries: Sequence[object], splits: Mapping[str, Sequence[str]] | None = None) -> Path:
    content = list(entries) if splits is None else {"split": dict(splits), "annotations": list(entries)}
    path.write_bytes(pickle.dumps(content))
    return path


def locate(*files: Path, dataset: str = "ntu60", protocol: str = "xsub", **more: object) -> DataLocation:
    return DataLocation(dataset=dataset, protocol=protocol, annotations=files, **more)


def names(split: Split) -> list[str]:
    return [split.sample_name(index) for index in range(len(split))]


@pytest.fixture
def container(tmp_path: Path) -> Path:
    entries = [entry("a", label=3), entry("b"), entry("c", label=5)]
    return save(tmp_path / "ntu.pkl", entries, {"xsub_train": ["b"], "xsub_val": ["c", "a"]})


def test_a_container_gives_the_protocols_split_in_its_order(container: Path) -> None:
    split = open_split(locate(container), "test", needs_videos=False)
    assert names(split) == ["c", "a"]
    assert split.labels.tolist() == [5, 3]
    assert (split.name, split.part, split.label(1)) == ("xsub_val", "test", 3)
    assert split.annotation(0).frame_dir == "c"
    assert (split.problems, split.caveats) == ((), ())


def test_a_split_named_by_the_user_is_taken(container: Path) -> None:
    split = open_split(locate(container, split="xsub_train"), "test", needs_videos=False)
    assert (names(split), split.part) == (["b"], "train")


def test_a_split_that_is_not_there_is_told(container: Path) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'xsub_train'"):
        open_split(locate(container, split="xsub_tran"), "test", needs_videos=False)
    with pytest.raises(UnknownNameError, match="X-View"):
        open_split(locate(container, protocol="xview"), "test", needs_videos=False)


def test_a_sample_that_a_split_names_twice_counts_once(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry("a"), entry("b")], {"xsub_val": ["a", "b", "a"]})
    assert names(open_split(locate(file), "test", needs_videos=False)) == ["a", "b"]


def test_every_sample_of_a_split_is_usable_or_a_problem(tmp_path: Path) -> None:
    entries = [entry("good"), entry("high", label=60), entry("broken", total_frames=9)]
    file = save(tmp_path / "f.pkl", entries, {"xsub_val": ["high", "gone", "good", "broken"]})
    split = open_split(locate(file), "test", needs_videos=False)
    assert names(split) == ["good"]
    problems = dict(split.problems)
    assert set(problems) == {"high", "gone", "broken"}
    assert "label 60, and X-Sub only 60 classes" in problems["high"]
    assert "has no annotation" in problems["gone"]
    assert "total_frames" in problems["broken"]


def test_labels_all_outside_the_classes_are_an_error(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry("a", label=77)], {"xsub_val": ["a"]})
    with pytest.raises(InputError, match=r"every label .* outside the 60 classes of ntu60 xsub .*a has 77"):
        open_split(locate(file), "test", needs_videos=False)


def test_an_empty_split_is_an_error(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry("a")], {"xsub_val": [], "xsub_train": ["a"]})
    with pytest.raises(AnnotationError, match="split 'xsub_val' has no samples"):
        open_split(locate(file), "test", needs_videos=False)


def test_a_split_without_one_usable_sample_is_an_error_that_shows_the_first(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry("a"), entry("x", frames=0)], {"xsub_val": ["x"]})
    with pytest.raises(AnnotationError, match=r"not one of the 1 samples .* the first: .*'x'"):
        open_split(locate(file), "test", needs_videos=False)


def test_samples_that_train_and_test_are_told(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry("a"), entry("b")], {"xsub_val": ["a", "b"], "xsub_train": ["b"]})
    (caveat,) = open_split(locate(file), "test", needs_videos=False).caveats
    assert "1 samples of split 'xsub_val' are in 'xsub_train' too, such as b" in caveat


# --- Plain lists ------------------------------------------------------------------------------------


def test_lists_of_parts_are_known_by_their_file_names(tmp_path: Path) -> None:
    train = save(tmp_path / "ntu60_xsub_train.pkl", [entry("a")])
    test = save(tmp_path / "ntu60_xsub_val.pkl", [entry("b")])
    location = locate(train, test)
    assert names(open_split(location, "train", needs_videos=False)) == ["a"]
    assert names(open_split(location, "test", needs_videos=False)) == ["b"]


def test_toyotas_lists_are_known_by_their_file_names(tmp_path: Path) -> None:
    files = [
        save(tmp_path / f"{word}_CS.pkl", [entry(name)])
        for word, name in (("train", "a"), ("validation", "b"), ("test", "c"))
    ]
    location = locate(*files, dataset="toyota_smarthome", protocol="cs")
    parts = ("train", "val", "test")
    assert [names(open_split(location, part, needs_videos=False)) for part in parts] == [["a"], ["b"], ["c"]]


def test_a_list_of_another_protocol_or_part_is_not_taken(tmp_path: Path) -> None:
    file = save(tmp_path / "ntu60_xview_val.pkl", [entry(TEST)])
    with pytest.raises(UnknownNameError):
        open_split(locate(file), "test", needs_videos=False)
    with pytest.raises(UnknownNameError):
        open_split(locate(file, protocol="xview"), "train", needs_videos=False)


def test_a_list_that_says_nothing_is_parted_by_the_published_rule(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry(TEST), entry(TRAIN), entry("odd")])
    split = open_split(locate(file), "test", needs_videos=False)
    assert (names(split), split.name, split.part) == ([TEST], None, "test")
    assert [problem.sample for problem in split.problems] == ["odd"]
    assert "parted by NTU RGB+D X-Sub's rule" in split.caveats[0]


def test_a_camera_that_the_protocol_leaves_out_is_no_problem(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry(f"Walk_p02_r00_v01_c0{camera}") for camera in (1, 2, 3)])
    split = open_split(locate(file, dataset="toyota_smarthome", protocol="cv1"), "test", needs_videos=False)
    assert (names(split), split.problems) == (["Walk_p02_r00_v01_c02"], ())


def test_the_same_sample_in_two_lists_counts_once_and_a_different_one_not_at_all(tmp_path: Path) -> None:
    one = save(tmp_path / "xsub_val.pkl", [entry("same"), entry("other")])
    two = save(tmp_path / "xview_val.pkl", [entry("same"), entry("other", label=1)])
    split = open_split(locate(one, two), "test", needs_videos=False)
    assert names(split) == ["same"]
    (problem,) = split.problems
    assert "sample 'other' is not the same as in" in problem.message


def test_one_of_several_lists_must_say_its_part(tmp_path: Path) -> None:
    one, two = save(tmp_path / "xsub_val.pkl", [entry("a")]), save(tmp_path / "b.pkl", [entry("b")])
    with pytest.raises(InputError, match=r"b\.pkl: a plain list, one of several files"):
        open_split(locate(one, two), "test", needs_videos=False)


# --- Custom data sets -------------------------------------------------------------------------------


def test_a_custom_data_set_brings_its_classes(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry("a", label=1)], {"mine_train": ["a"], "mine_val": ["a"]})
    classes = tmp_path / "classes.txt"
    classes.write_text("stand\nwalk\n")
    location = locate(file, dataset="custom", protocol="mine", class_names=classes)
    split = open_split(location, "test", needs_videos=False)
    assert split.protocol.class_names == ("stand", "walk")
    assert (split.name, split.protocol.num_classes) == ("mine_val", 2)


def test_a_custom_list_that_says_nothing_is_taken_whole(tmp_path: Path) -> None:
    file = save(tmp_path / "f.pkl", [entry("a"), entry("b")])
    location = locate(file, dataset="custom", protocol="mine", num_classes=2)
    split = open_split(location, "test", needs_videos=False)
    assert names(split) == ["a", "b"]
    assert "a plain list" in split.caveats[0]


def test_classes_must_be_given_for_custom_data_and_for_no_other(container: Path) -> None:
    with pytest.raises(InputError, match="--num-classes, or a file"):
        open_split(locate(container, dataset="custom"), "test", needs_videos=False)
    with pytest.raises(InputError, match="ntu60 has its own classes"):
        open_split(locate(container, num_classes=60), "test", needs_videos=False)


def test_a_class_file_that_cannot_be_used_is_told(container: Path, tmp_path: Path) -> None:
    for content, message in ((b"", "names no class"), (b"\xff\xfe\xff", "is not UTF-8")):
        (tmp_path / "c.txt").write_bytes(content)
        with pytest.raises(InputError, match=message):
            open_split(
                locate(container, dataset="custom", class_names=tmp_path / "c.txt"),
                "test",
                needs_videos=False,
            )


# --- Prepared folders -------------------------------------------------------------------------------


def prepare(root: Path, file: Path, dataset: str | None) -> DataLocation:
    open_split(locate(file), "test", needs_videos=False).store.write(root / "store", dataset=dataset)
    return DataLocation(dataset="ntu60", protocol="xsub", root=root)


def test_a_prepared_folder_gives_the_same_split(container: Path, tmp_path: Path) -> None:
    location = prepare(tmp_path / "root", container, "ntu60")
    direct = open_split(locate(container), "test", needs_videos=False)
    prepared = open_split(location, "test", needs_videos=False)
    assert names(prepared) == names(direct)
    assert prepared.sha256 == direct.sha256
    assert prepared.label_map_sha256 == direct.label_map_sha256


def test_a_missing_root_says_how_to_make_it(tmp_path: Path) -> None:
    root = tmp_path / "none"
    location = DataLocation(dataset="embedded", protocol="xsub", root=root)
    with pytest.raises(InputError) as caught:
        open_split(location, "test", needs_videos=False)
    assert str(caught.value) == f"{root}: no such folder; draw it with: epam-data synth -o {root}"
    with pytest.raises(InputError, match="prepare it with: epam-data prepare ntu60 --annotations"):
        open_split(DataLocation(dataset="ntu60", protocol="xsub", root=root), "test", needs_videos=False)


def test_a_folder_that_is_not_prepared_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"has no store/index\.json"):
        open_split(DataLocation(dataset="ntu60", protocol="xsub", root=tmp_path), "test", needs_videos=False)


def test_a_root_of_another_data_set_is_refused(container: Path, tmp_path: Path) -> None:
    location = prepare(tmp_path / "root", container, "ntu120")
    with pytest.raises(InputError, match=r"was prepared for ntu120, not for ntu60; .*--dataset ntu120"):
        open_split(location, "test", needs_videos=False)


def test_data_must_be_somewhere_and_in_one_place(container: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="give a prepared folder with --root, or annotations"):
        open_split(locate(), "test", needs_videos=False)
    with pytest.raises(InputError, match="--root and --annotations: give one of them"):
        open_split(locate(container, root=tmp_path), "test", needs_videos=False)


# --- Videos -----------------------------------------------------------------------------------------


def test_videos_are_found_beside_the_annotations_or_where_the_user_says(container: Path) -> None:
    folder = container.parent / "videos224"
    folder.mkdir()
    (folder / "a_rgb.mp4").touch()
    for location in (locate(container), locate(container, videos=folder)):
        split = open_split(location, "test", needs_videos=True)
        assert split.videos == folder
        assert split.find_video(1) == folder / "a_rgb.mp4"


def test_a_sample_without_a_video_stays_and_is_told_when_it_is_read(container: Path) -> None:
    (container.parent / "a_rgb.avi").touch()
    split = open_split(locate(container), "test", needs_videos=True)
    assert names(split) == ["c", "a"]
    assert split.find_video(1) == container.parent / "a_rgb.avi"
    with pytest.raises(VideoError, match=r"no video of sample c; put there one of c_rgb\.mp4, c_rgb\.avi"):
        split.find_video(0)


def test_no_video_at_all_is_an_error(container: Path, tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"no video of its samples \(such as c_rgb\.mp4\) .*--videos"):
        open_split(locate(container), "test", needs_videos=True)
    with pytest.raises(VideoError, match="no such folder of videos"):
        open_split(locate(container, videos=tmp_path / "none"), "test", needs_videos=True)
    location = prepare(tmp_path / "root", container, "ntu60")
    with pytest.raises(VideoError, match=r"videos224; give it videos: prepare it with: epam-data prepare"):
        open_split(location, "test", needs_videos=True)


def test_without_a_folder_of_videos_asking_for_one_is_told(container: Path) -> None:
    with pytest.raises(VideoError, match="no folder of videos was given"):
        open_split(locate(container), "test", needs_videos=False).find_video(0)


# --- What names a split -----------------------------------------------------------------------------


def hash_of(path: Path, entries: Sequence[object], members: Sequence[str]) -> str:
    file = save(path, entries, {"xsub_val": members})
    return open_split(locate(file), "test", needs_videos=False).sha256


def test_the_hash_knows_samples_and_labels_and_not_their_order(tmp_path: Path) -> None:
    a, b, other = entry("a"), entry("b", label=1), entry("b", label=2)
    reference = hash_of(tmp_path / "1.pkl", [a, b], ["a", "b"])
    assert hash_of(tmp_path / "2.pkl", [b, a], ["b", "a"]) == reference
    assert hash_of(tmp_path / "3.pkl", [a, other], ["a", "b"]) != reference
    assert hash_of(tmp_path / "4.pkl", [a, b], ["a"]) != reference


def test_the_hash_knows_unusable_samples(tmp_path: Path) -> None:
    a = entry("a")
    reference = hash_of(tmp_path / "1.pkl", [a], ["a"])
    assert hash_of(tmp_path / "2.pkl", [a], ["a", "gone"]) != reference
    assert hash_of(tmp_path / "3.pkl", [a, entry("h", label=99)], ["a", "h"]) != reference


def test_a_split_of_a_prepared_folder_travels_cheaply(container: Path, tmp_path: Path) -> None:
    split = open_split(prepare(tmp_path / "root", container, None), "test", needs_videos=False)
    sent = pickle.dumps(split)
    assert len(sent) < 5000
    assert names(pickle.loads(sent)) == ["c", "a"]
