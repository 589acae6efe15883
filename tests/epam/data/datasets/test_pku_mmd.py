from __future__ import annotations

from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from epam.data.datasets import get_dataset
from epam.data.datasets.pku_mmd import (
    LONG_VIDEOS,
    ActionSpan,
    ClipCut,
    SplitFileRule,
    long_video_of,
    parse_name,
    plan_clips,
    read_label_file,
    read_split_file,
)
from epam.errors import AnnotationError

ABSENT_M = {247, 248, 249, 250}
ABSENT_SIDES = [("L", recording) for recording in range(246, 251)] + [
    ("R", recording) for recording in range(247, 251)
]
"""Nine side videos are absent; which ones isn't published, only that none of 291 to 334 is."""


@pytest.fixture
def written(tmp_path: Path) -> Path:
    return tmp_path / "given.txt"


def all_long_videos() -> list[str]:
    return [
        f"{recording:04}-{view}"
        for recording in range(2, 365)
        for view in "LMR"
        if (recording not in ABSENT_M if view == "M" else (view, recording) not in ABSENT_SIDES)
    ]


def test_a_clips_name_says_recording_view_class_and_order() -> None:
    name = parse_name("0291-R-A51-N07")
    assert (name.recording, name.camera, name.label, name.order) == (291, 3, 50, 7)


def test_mmnets_name_says_the_same_but_for_the_order() -> None:
    name = parse_name("F291V003C051L007")
    assert (name.recording, name.camera, name.label, name.order) == (291, 3, 50, None)


@pytest.mark.parametrize(
    "name",
    ["", "0291-R", "0291-X-A51-N07", "291-R-A51-N07", "0291-R-A51-N07.mp4", "F291V003C051", "0291-R-A5-N7"],
)
def test_another_grammar_is_refused(name: str) -> None:
    with pytest.raises(AnnotationError, match="is not named as PKU-MMD's clips are"):
        parse_name(name)


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("0001-L-A01-N01", "recording 1 is not in PKU-MMD, 2 to 364 are"),
        ("0365-L-A01-N01", "recording 365 is not in"),
        ("0002-L-A52-N01", "action 52 is not in PKU-MMD, 1 to 51 are"),
        ("0002-L-A00-N01", "action 0 is not in"),
        ("F002V004C001L001", "view 4 is not in PKU-MMD, 1 to 3 are"),
    ],
)
def test_a_number_beyond_the_data_set_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(AnnotationError, match=complaint):
        parse_name(name)


def test_the_rules_part_the_long_videos_as_published() -> None:
    videos = all_long_videos()
    assert len(videos) == 1_076
    for protocol in get_dataset("pku_mmd").protocols:
        found = Counter(protocol.part_of(f"{video}-A01-N01") for video in videos)
        assert found == LONG_VIDEOS[protocol.name]


@pytest.mark.parametrize(
    ("sample", "xsub", "xview"),
    [
        ("0290-L-A01-N01", "train", "train"),
        ("0291-M-A01-N01", "test", "test"),
        ("F334V001C001L001", "test", "train"),
        ("F335V002C001L001", "train", "test"),
    ],
)
def test_single_clips_are_on_the_published_side(sample: str, xsub: str, xview: str) -> None:
    dataset = get_dataset("pku_mmd")
    assert (dataset.protocol("xsub").part_of(sample), dataset.protocol("xview").part_of(sample)) == (
        xsub,
        xview,
    )


def test_published_counts_of_test_clips_are_kept() -> None:
    dataset = get_dataset("pku_mmd")
    assert dataset.protocol("xsub").expected_counts == {"test": 2_704}
    assert dataset.protocol("xview").expected_counts == {"test": 7_186}


def test_a_clip_knows_its_long_video() -> None:
    assert long_video_of("0123-M-A01-N01") == long_video_of("F123V002C001L001") == "0123-M"


def test_labels_are_read_row_by_row(written: Path) -> None:
    written.write_text("23,100,199,2\n 1, 5, 60, 1,\r\n\n51,300,300")
    assert read_label_file(written) == (
        ActionSpan(22, 100, 199),
        ActionSpan(0, 5, 60),
        ActionSpan(50, 300, 300),
    )


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("1,5,60,1\n52,70,80,1\n", "line 2: action 52 is not in PKU-MMD"),
        ("0,5,60,1\n", "line 1: action 0 is not"),
        ("1,60,5,1\n", "line 1: ends at frame 5, before its start 60"),
        ("1,5\n", "line 1: '1,5' is not a row"),
        ("1,-5,60,1\n", "is not a row"),
        ("1,5.5,60,1\n", "is not a row"),
        ("1,5,6e3,1\n", "is not a row"),
        (f"1,5,{'9' * 5000},1\n", "is not a row"),
        ("1,5,60,1,7\n", "is not a row"),
        ("\n\n", "has no rows"),
        ("", "the file is empty"),
    ],
)
def test_malformed_labels_are_refused(written: Path, content: str, complaint: str) -> None:
    written.write_text(content)
    with pytest.raises(AnnotationError, match=complaint) as caught:
        read_label_file(written)
    assert str(written) in str(caught.value)


def test_clips_are_numbered_by_their_starts() -> None:
    spans = [ActionSpan(22, 100, 199), ActionSpan(0, 5, 60)]
    assert plan_clips("0002-L", spans) == (
        ClipCut("0002-L-A01-N01", 5, 60, 0),
        ClipCut("0002-L-A23-N02", 100, 199, 22),
    )


def test_planned_names_are_the_data_sets_own() -> None:
    cuts = plan_clips("0300-M", [ActionSpan(label, 10 * label, 10 * label + 9) for label in range(51)])
    assert [parse_name(cut.name).label for cut in cuts] == [cut.label for cut in cuts] == list(range(51))
    assert [parse_name(cut.name).order for cut in cuts] == list(range(1, 52))


@pytest.mark.parametrize("name", ["0002", "0002-L.avi", "../0002-L", "0002-X"])
def test_only_a_long_video_can_be_cut(name: str) -> None:
    with pytest.raises(AnnotationError, match="is not a long video's name, like 0002-L"):
        plan_clips(name, [])


SPLIT_FILE = "Training videos: \n0002-L, 0002-M, 0002-M, \n\nValidataion videos: \n0291-L, 0291-M,, "


def test_a_split_file_is_read_with_its_headings_and_commas(written: Path) -> None:
    written.write_text(SPLIT_FILE)
    assert read_split_file(written) == {"train": ("0002-L", "0002-M"), "test": ("0291-L", "0291-M")}


def test_a_split_file_may_be_spelt_rightly_and_wrapped(written: Path) -> None:
    written.write_text("Training videos: 0002-L,\n0003-L\r\nValidation videos:\n0291-L\n0292-L")
    assert read_split_file(written) == {"train": ("0002-L", "0003-L"), "test": ("0291-L", "0292-L")}


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("0002-L, 0003-L\n", "line 1: ids without a heading"),
        ("Training videos:\n0002-L\n", "has no videos under 'Validataion videos:'"),
        ("Training videos:\nValidataion videos:\n0002-L\n", "has no videos under 'Training videos:'"),
        ("Training videos:\n0002-L\nOther videos:\n0003-L\n", "line 3: unknown heading 'Other videos'"),
        ("Training videos:\n0002-L 0003-L\nValidataion videos:\n0004-L", "line 2: '0002-L 0003-L' is not"),
        ("Training videos:\n0999-L\nValidataion videos:\n0004-L", "recording 999 is not in PKU-MMD"),
        ("Training videos:\n0002-L\nValidataion videos:\n0002-L", "0002-L is in both parts"),
    ],
)
def test_malformed_split_files_are_refused(written: Path, content: str, complaint: str) -> None:
    written.write_text(content)
    with pytest.raises(AnnotationError, match=complaint):
        read_split_file(written)


def test_the_data_sets_own_file_can_stand_in_for_the_rule(written: Path) -> None:
    written.write_text(SPLIT_FILE)
    protocol = replace(get_dataset("pku_mmd").protocol("xview"), part_rule=SplitFileRule.read(written))
    assert protocol.part_of("0291-L-A01-N01") == "test"
    assert protocol.part_of("F002V002C001L001") == "train"
    with pytest.raises(AnnotationError, match="the split file does not list its video 0005-R"):
        protocol.part_of("0005-R-A01-N01")
