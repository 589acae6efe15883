from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest

from epam.data.datasets import get_dataset
from epam.data.preparation.merging import merge_files, split_of_file_name
from epam.errors import InputError


def save(path: Path, *names: str, splits: dict[str, list[str]] | None = None, **changes: object) -> Path:
    entries = [
        {
            "frame_dir": name,
            "label": 0,
            "img_shape": (1080, 1920),
            "total_frames": 2,
            "keypoint": np.ones((1, 2, 17, 2), np.float16),
            "keypoint_score": np.ones((1, 2, 17), np.float16),
        }
        | changes
        for name in names
    ]
    path.write_bytes(pickle.dumps(entries if splits is None else {"split": splits, "annotations": entries}))
    return path


@pytest.mark.parametrize(
    ("dataset", "stem", "split"),
    [
        ("ntu60", "ntu60_xsub_train", "xsub_train"),
        ("ntu60", "ntu60_xview_val", "xview_val"),
        ("ntu120", "ntu120_xset_val", "xset_val"),
        ("pku_mmd", "pku_xsub_test", "xsub_test"),
        ("toyota_smarthome", "train_CS", "cs_train"),
        ("toyota_smarthome", "test_CV2", "cv2_test"),
        ("toyota_smarthome", "validation_CS", "cs_validation"),
        ("ntu60", "ntu60_2d", None),
        ("ntu60", "xsub_train_val", None),
        ("custom", "mine_train", "mine_train"),
    ],
)
def test_a_lists_file_name_says_its_split(dataset: str, stem: str, split: str | None) -> None:
    protocols = get_dataset(dataset).protocols
    assert split_of_file_name(stem, protocols) == split
    for protocol in protocols:
        assert split is None or split not in protocol.split_names or protocol.find_split("train", [split])


def test_a_part_without_a_protocol_needs_a_default() -> None:
    ntu = get_dataset("ntu60")
    with pytest.raises(InputError, match=r"my_train\.pkl: is a list of which protocol, xsub or xview\?"):
        split_of_file_name("my_train", ntu.protocols)
    default = ntu.protocol("xview")
    assert split_of_file_name("my_train", ntu.protocols, default=default) == "xview_train"
    assert split_of_file_name("xsub_train", ntu.protocols, default=default) == "xsub_train"


def test_all_four_published_lists_make_one_store(tmp_path: Path) -> None:
    files = [
        save(tmp_path / "ntu60_xsub_train.pkl", "a", "b"),
        save(tmp_path / "ntu60_xsub_val.pkl", "c"),
        save(tmp_path / "ntu60_xview_train.pkl", "b", "c"),
        save(tmp_path / "ntu60_xview_val.pkl", "a"),
    ]
    store = merge_files(files, get_dataset("ntu60").protocols)
    assert store.names.tolist() == ["a", "b", "c"]
    assert dict(store.splits) == {
        "xsub_train": ("a", "b"),
        "xsub_val": ("c",),
        "xview_train": ("b", "c"),
        "xview_val": ("a",),
    }


def test_containers_are_joined_split_by_split(tmp_path: Path) -> None:
    files = [
        save(tmp_path / "1.pkl", "a", splits={"xsub_train": ["a"]}),
        save(tmp_path / "2.pkl", "b", splits={"xsub_train": ["b"], "xsub_val": ["a"]}),
    ]
    store = merge_files(files, get_dataset("ntu60").protocols)
    assert dict(store.splits) == {"xsub_train": ("a", "b"), "xsub_val": ("a",)}
    assert store.problems == ()


def test_a_sample_damaged_in_one_file_is_taken_from_the_other(tmp_path: Path) -> None:
    files = [
        save(tmp_path / "xsub_train.pkl", "fine", "b"),
        save(tmp_path / "xview_train.pkl", "b", splits={"xview_train": ["b", "fine"]}),
    ]
    store = merge_files(files, get_dataset("ntu60").protocols)
    assert (sorted(store.names.tolist()), store.problems) == (["b", "fine"], ())


def test_an_unusable_sample_of_a_list_stays_in_its_split(tmp_path: Path) -> None:
    entry = pickle.loads(save(tmp_path / "x.pkl", "a").read_bytes())[0]
    (tmp_path / "xsub_val.pkl").write_bytes(pickle.dumps([entry, entry | {"frame_dir": "b", "label": -1}]))
    store = merge_files([tmp_path / "xsub_val.pkl"], get_dataset("ntu60").protocols)
    assert store.splits["xsub_val"] == ("a", "b")
    assert [problem.sample for problem in store.problems] == ["b"]


def test_no_file_is_told() -> None:
    with pytest.raises(InputError, match="name one with --annotations"):
        merge_files([], ())
