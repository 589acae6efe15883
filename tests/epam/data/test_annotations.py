from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from epam.data.annotations import Annotation, AnnotationFile, Problem, load_annotations
from epam.errors import AnnotationError, UnknownNameError


def _fields(name: str = "S001C001P001R001A001", **changes: object) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "frame_dir": name,
        "label": 0,
        "img_shape": (1080, 1920),
        "original_shape": (1080, 1920),
        "total_frames": 3,
        "keypoint": np.full((2, 3, 17, 2), 100, dtype=np.float16),
        "keypoint_score": np.full((2, 3, 17), 0.5, dtype=np.float16),
    }
    return fields | changes


def _without(field: str) -> dict[str, Any]:
    return {key: value for key, value in _fields().items() if key != field}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ntu60_2d.pkl"


def _load(path: Path, content: object) -> AnnotationFile:
    path.write_bytes(pickle.dumps(content))
    return load_annotations(path)


# --- One sample ---


def test_fields_are_taken_as_they_are() -> None:
    annotation = Annotation.from_mapping(_fields(label=3))
    assert annotation.frame_dir == "S001C001P001R001A001"
    assert annotation.label == 3
    assert annotation.img_shape == (1080, 1920)
    assert annotation.total_frames == 3
    assert annotation.keypoint.shape == (2, 3, 17, 2)
    assert annotation.keypoint.dtype == np.float16
    assert annotation.keypoint_score.shape == (2, 3, 17)


@pytest.mark.parametrize("code", ["<f2", ">f2", "<f4", ">f4", "<f8", ">f8"])
def test_each_float_type_is_kept(code: str) -> None:
    assert (
        Annotation.from_mapping(
            _fields(keypoint=np.zeros((1, 3, 17, 2), code), keypoint_score=None)
        ).keypoint.dtype
        == code
    )


def test_missing_scores_are_ones() -> None:
    for fields in (_without("keypoint_score"), _fields(keypoint_score=None)):
        scores = Annotation.from_mapping(fields).keypoint_score
        assert scores.shape == (2, 3, 17)
        assert (scores == 1).all()


def test_numpy_integers_and_lists_are_as_good_as_python_ones() -> None:
    fields = _fields(label=np.int64(4), total_frames=np.uint8(3), img_shape=[np.int32(480), 640])
    annotation = Annotation.from_mapping(fields)
    assert (annotation.label, annotation.total_frames, annotation.img_shape) == (4, 3, (480, 640))
    assert type(annotation.label) is int
    assert Annotation.from_mapping(_fields(img_shape=np.array([480, 640]))).img_shape == (480, 640)


def test_filename_names_the_sample_where_there_is_one() -> None:
    assert Annotation.from_mapping(_without("frame_dir") | {"filename": "clip_7"}).frame_dir == "clip_7"
    assert Annotation.from_mapping(_fields("clip_8") | {"filename": "clip_7"}).frame_dir == "clip_7"
    assert Annotation.from_mapping(_fields("clip_8")).frame_dir == "clip_8"


def test_a_toyota_name_with_dots_is_a_plain_name() -> None:
    assert (
        Annotation.from_mapping(_fields("Cook.Cut_p02_r00_v01_c01")).frame_dir == "Cook.Cut_p02_r00_v01_c01"
    )


@pytest.mark.parametrize(
    ("x", "score", "present"),
    [
        (100, 0.5, True),
        (-3, 0.5, True),
        (0, 0.5, False),
        (np.nan, 0.5, False),
        (100, 0, False),
        (100, np.nan, False),
    ],
)
def test_a_person_is_a_placed_joint_with_a_score(x: float, score: float, present: bool) -> None:
    keypoint, scores = np.zeros((2, 3, 17, 2), np.float32), np.zeros((2, 3, 17), np.float32)
    keypoint[1, 2, 5, 0] = x
    scores[1, 2, 5] = score
    assert Annotation.from_mapping(_fields(keypoint=keypoint, keypoint_score=scores)).has_person is present


def test_no_persons_at_all_are_nobody() -> None:
    fields = _fields(
        keypoint=np.zeros((0, 3, 17, 2), np.float32), keypoint_score=np.zeros((0, 3, 17), np.float32)
    )
    assert not Annotation.from_mapping(fields).has_person


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        (_without("frame_dir"), "no 'frame_dir'"),
        (_without("label"), "label is missing"),
        (_without("keypoint"), "keypoint is missing"),
        (_without("img_shape"), "img_shape is missing"),
        (_without("total_frames"), "total_frames is missing"),
        (_fields("../../etc/passwd"), "without folders"),
        (_fields("folder\\clip"), "without folders"),
        (_fields("/clip"), "without folders"),
        (_fields("C:clip"), "without folders"),
        (_fields(".."), "plain name"),
        (_fields(""), "plain name"),
        (_fields("a\nb"), "plain name"),
        (_fields("a\x1b[2J"), "plain name"),
        (_fields("a\x00"), "plain name"),
        (_fields("\ud800"), "plain name"),
        (_fields("a" * 256), "plain name"),
        (_fields(frame_dir=7), "frame_dir is 7"),
        (_fields(frame_dir=["a"]), "frame_dir is a list"),
        (_fields(label=-1), "label is -1"),
        (_fields(label="3"), "label is '3'"),
        (_fields(label=1.0), "label is 1.0"),
        (_fields(label=True), "label is True"),
        (_fields(label=None), "label is None"),
        (_fields(img_shape=(0, 1920)), r"img_shape is \(0, 1920\)"),
        (_fields(img_shape=(1080, 1920, 3)), "img_shape"),
        (_fields(img_shape=(1080.0, 1920)), "img_shape"),
        (_fields(img_shape=(1 << 40, 1920)), "img_shape"),
        (_fields(img_shape="1080x1920"), "img_shape is '1080x1920'"),
        (_fields(img_shape=np.array(5)), "img_shape"),
        (_fields(img_shape=()), "img_shape"),
        (_fields(total_frames=4), "total_frames is 4 but keypoint has 3 frames"),
        (_fields(total_frames=0), "total_frames is 0"),
        (_fields(keypoint=None), "keypoint is None"),
        (_fields(keypoint=[[0]]), "keypoint is a list"),
        (_fields(keypoint=np.zeros((3, 17, 2), np.float16)), "COCO"),
        (_fields(keypoint=np.zeros((1, 0, 17, 2), np.float16)), "COCO"),
        (_fields(keypoint=np.zeros((1, 3, 18, 2), np.float16)), "COCO"),
        (_fields(keypoint=np.zeros((1, 3, 17, 3), np.float16)), "third number into keypoint_score"),
        (_fields(keypoint=np.zeros((1, 3, 25, 3), np.float16)), "Kinect skeleton of 25 joints.*not ntu60_3d"),
        (_fields(keypoint=np.zeros((2, 3, 17, 2), np.int64)), "type int64"),
        (_fields(keypoint_score=np.zeros((1, 3, 17), np.float16)), r"shape \(1, 3, 17\).*shape \(2, 3, 17\)"),
        (_fields(keypoint_score=np.zeros((2, 3, 17), np.int8)), "type int8"),
        (_fields(keypoint_score=0.5), "keypoint_score is 0.5"),
    ],
)
def test_a_wrong_field_is_named_with_its_value_and_the_fix(fields: Mapping[str, object], told: str) -> None:
    with pytest.raises(AnnotationError, match=told) as caught:
        Annotation.from_mapping(fields, origin="there.pkl")
    assert str(caught.value).startswith("there.pkl: ")
    assert str(caught.value).isprintable()


def test_the_sample_is_named() -> None:
    with pytest.raises(AnnotationError, match=r"^there\.pkl: sample 'clip_1': label is -1"):
        Annotation.from_mapping(_fields("clip_1", label=-1), origin="there.pkl")


# --- A file ---


def test_a_plain_list_has_no_splits(path: Path) -> None:
    file = _load(path, [_fields("a", label=1), _fields("b", label=2)])
    assert [annotation.label for annotation in file] == [1, 2]
    assert (len(file), file[0].frame_dir, file[-1].frame_dir) == (2, "a", "b")
    assert [annotation.frame_dir for annotation in file[1:]] == ["b"]
    assert file.path == path
    assert file.splits == {}
    assert file.problems == ()
    with pytest.raises(UnknownNameError, match="plain list"):
        file.split("xsub_val")


def test_a_container_has_splits_in_their_own_order(path: Path) -> None:
    split = {"xsub_train": ["c"], "xsub_val": ["b", "a"], "empty": []}
    file = _load(path, {"split": split, "annotations": [_fields("a"), _fields("b"), _fields("c")]})
    assert file.splits == {"xsub_train": ("c",), "xsub_val": ("b", "a"), "empty": ()}
    assert [annotation.frame_dir for annotation in file.split("xsub_val")] == ["b", "a"]
    assert file.split("empty") == []
    with pytest.raises(UnknownNameError, match="did you mean 'xsub_val'"):
        file.split("xsub_vall")


def test_a_sample_listed_twice_in_a_split_counts_once(path: Path) -> None:
    file = _load(path, {"split": {"val": ["a", "a"]}, "annotations": [_fields("a")]})
    assert len(file.split("val")) == 1


def test_a_sample_is_found_by_its_id(path: Path) -> None:
    file = _load(path, [_fields("S001C001P001R001A001"), _fields("S001C001P001R001A002", label=1)])
    assert file.find("S001C001P001R001A002").label == 1
    with pytest.raises(UnknownNameError, match="did you mean 'S001C001P001R001A00"):
        file.find("S001C001P001R001A003")


def test_a_bad_sample_is_a_named_problem_and_the_others_are_read(path: Path) -> None:
    split = {"val": ["a", "bad", "c"]}
    file = _load(
        path, {"split": split, "annotations": [_fields("a"), _fields("bad", label=-1), _fields("c")]}
    )
    assert [annotation.frame_dir for annotation in file] == ["a", "c"]
    assert [problem.sample for problem in file.problems] == ["bad"]
    assert f"{path}" in file.problems[0].message
    assert "label is -1" in file.problems[0].message
    assert [annotation.frame_dir for annotation in file.split("val")] == ["a", "c"]
    with pytest.raises(AnnotationError, match="label is -1"):
        file.find("bad")


def test_a_bad_sample_without_a_usable_name_goes_by_its_position(path: Path) -> None:
    file = _load(path, [_fields("a"), _fields("../x"), 7, {"label": 1}])
    assert [problem.sample for problem in file.problems] == ["entry 1", "entry 2", "entry 3"]
    assert "entry 2 is a int" in file.problems[1].message


def test_a_repeated_id_is_used_for_neither_entry(path: Path) -> None:
    file = _load(path, [_fields("a", label=1), _fields("b"), _fields("a", label=2)])
    assert [annotation.frame_dir for annotation in file] == ["b"]
    assert file.problems == (
        Problem("a", f"{path}: sample 'a' occurs more than once; keep one entry for each id"),
    )
    with pytest.raises(AnnotationError, match="more than once"):
        file.find("a")


def test_a_good_entry_does_not_hide_a_bad_one_of_the_same_id(path: Path) -> None:
    file = _load(path, [_fields("a"), _fields("b"), _fields("a", label=-1)])
    assert [annotation.frame_dir for annotation in file] == ["b"]
    assert {problem.sample for problem in file.problems} == {"a"}


def test_a_split_that_names_an_absent_sample_is_a_problem(path: Path) -> None:
    file = _load(
        path, {"split": {"train": ["a"], "val": ["b", "c"]}, "annotations": [_fields("a"), _fields("b")]}
    )
    assert [problem.sample for problem in file.problems] == ["c"]
    assert "split 'val'" in file.problems[0].message
    assert [annotation.frame_dir for annotation in file.split("val")] == ["b"]
    with pytest.raises(AnnotationError, match="no annotation"):
        file.find("c")


def test_a_hostile_id_in_a_split_is_kept_printable(path: Path) -> None:
    file = _load(path, {"split": {"val": ["a", "x\x1b[2J\n"]}, "annotations": [_fields("a")]})
    assert file.splits["val"] == ("a", r"'x\x1b[2J\n'")
    assert [problem.sample for problem in file.problems] == [r"'x\x1b[2J\n'"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([], "no annotations"),
        ({"split": {}, "annotations": []}, "no annotations"),
        ({"split": {}}, "without 'annotations'.*'split'"),
        ({}, "none"),
        ("text", "holds a str"),
        (None, "holds a NoneType"),
        (np.zeros(3), "holds a ndarray"),
        ({"annotations": {"a": 1}}, "holds a dict"),
        ({"split": ["a"], "annotations": [_fields("a")]}, "'split' is a list"),
        ({"split": {"val": "a"}, "annotations": [_fields("a")]}, "split 'val' is not a list"),
        ({"split": {"val": [1]}, "annotations": [_fields("a")]}, "split 'val' is not a list"),
        ([7, 8], r"entry 0 is a int.*all 2 samples"),
        ([_fields("a"), _fields("a")], "more than once"),
        ([_fields("a", keypoint=np.zeros((1, 3, 25, 3), np.float16))], "Kinect skeleton of 25 joints"),
    ],
)
def test_a_file_that_is_built_wrongly_is_one_line(path: Path, content: object, told: str) -> None:
    with pytest.raises(AnnotationError, match=told) as caught:
        _load(path, content)
    assert str(path) in str(caught.value)
    assert str(caught.value).isprintable()


def test_the_published_3d_file_says_what_it_is(path: Path) -> None:
    sample = {
        "frame_dir": "a",
        "label": 0,
        "total_frames": 3,
        "keypoint": np.zeros((1, 3, 25, 3), np.float16),
    }
    with pytest.raises(AnnotationError, match=r"give the 2-D file .*all 5 samples"):
        _load(
            path, {"split": {}, "annotations": [sample | {"frame_dir": f"s{number}"} for number in range(5)]}
        )


def test_a_pickle_that_would_run_code_is_refused(path: Path) -> None:
    path.write_bytes(b"cos\nsystem\n(Vtrue\ntR.")
    with pytest.raises(AnnotationError, match=r"would run os\.system"):
        load_annotations(path)


def test_any_value_in_any_field_gives_a_sample_or_an_annotation_error(path: Path) -> None:
    values = [
        None,
        True,
        -1,
        1 << 70,
        2.5,
        float("nan"),
        "",
        "a" * 5000,
        (),
        [],
        {},
        (1, 2),
        [[[]]],
        np.zeros(0),
        np.zeros((2, 3, 17)),
    ]
    for field in _fields():
        for value in values:
            file = _load(path, [_fields("good"), _fields("other", **{field: value})])
            assert len(file) + len(file.problems) == 2
            assert all(problem.message.isprintable() for problem in file.problems)


def test_a_nested_value_that_is_shared_a_billion_times_is_not_printed(path: Path) -> None:
    nest: object = 0
    for _ in range(20):
        nest = (nest, nest, nest, nest)
    for field in _fields():
        file = _load(path, [_fields("good"), _fields("other", **{field: nest})])
        assert all(len(problem.message) < 500 for problem in file.problems)
