from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from pathlib import Path

import pytest

from epam.data.datasets import Part, Protocol, get_dataset
from epam.data.datasets.split_lists import ListedSample
from epam.data.datasets.toyota_smarthome import label_of, parse_name, read_video_list
from epam.errors import AnnotationError, InputError, UnknownNameError

DATASET = get_dataset("toyota_smarthome")
CS, CV1, CV2 = (DATASET.protocol(name) for name in ("cs", "cv1", "cv2"))
PARTS: tuple[Part, ...] = ("train", "val", "test")


def name_samples(protocol: Protocol, part: Part, places: Sequence[tuple[int, int]]) -> Iterator[str]:
    """As many names of each class as the protocol's table says, at (performer, camera) in turn."""
    for class_name, count in zip(protocol.class_names, protocol.class_counts[part], strict=True):
        for number in range(count):
            performer, camera = places[number % len(places)]
            yield f"{class_name}_p{performer:02}_r{number % 100:02}_v{number // 100:02}_c{camera:02}"


def pairs(performers: Sequence[int], cameras: Sequence[int]) -> list[tuple[int, int]]:
    return list(product(performers, cameras))


def test_a_name_says_its_class_and_numbers() -> None:
    name = parse_name("Makecoffee.Pourgrains_p25_r01_v12_c03")
    assert name.class_name == "Makecoffee.Pourgrains"
    assert (name.performer, name.repetition, name.recording, name.camera) == (25, 1, 12, 3)
    assert name.label is None


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Walk_p02_r00_v01_c01.mp4",
        "Walk_p2_r0_v1_c1",
        "walk_p02_r00_v01_c01",
        "Cook._p02_r00_v01_c01",
        "../Walk_p02_r00_v01_c01",
        "Walk_p02_r00_v01_c01\n",
    ],
)
def test_another_grammar_is_refused(name: str) -> None:
    with pytest.raises(AnnotationError, match="is not named as Toyota Smarthome names its own"):
        parse_name(name)


def test_people_and_cameras_of_elsewhere_are_refused() -> None:
    with pytest.raises(AnnotationError, match="performer 1 is not in Toyota Smarthome"):
        parse_name("Walk_p01_r00_v01_c01")
    with pytest.raises(AnnotationError, match="camera 8 is not in Toyota Smarthome, 1 to 7 are"):
        parse_name("Walk_p02_r00_v01_c08")


def test_label_is_the_rank_of_the_class_in_the_protocol() -> None:
    assert label_of("Cook.Cleandishes_p03_r00_v01_c03", CS) == 0
    assert label_of("Walk_p03_r00_v01_c01", CS) == 29
    assert label_of("Walk_p03_r00_v01_c01", CV2) == 18
    with pytest.raises(AnnotationError, match="class WatchTV is none of the 19 of cv2"):
        label_of("WatchTV_p03_r00_v01_c01", CV2)


@pytest.mark.parametrize(
    ("protocol", "part", "places"),
    [
        (CS, "train", pairs([3, 4, 6, 7, 9, 12, 13, 15, 17], [1, 2, 3, 4, 5, 6, 7])),
        (CS, "val", pairs([19, 25], [1, 2, 3, 4, 5, 6, 7])),
        (CS, "test", pairs([2, 10, 11, 14, 16, 18, 20], [1, 2, 3, 4, 5, 6, 7])),
        (CV2, "train", pairs([2, 3, 25], [1, 3, 4, 6, 7])),
        (CV2, "val", pairs([2, 3, 25], [5])),
        (CV2, "test", pairs([2, 3, 25], [2])),
        (CV1, "val", pairs([2, 3, 25], [5])),
        (CV1, "test", pairs([2, 3, 25], [2])),
    ],
    ids=lambda value: getattr(value, "name", value) if not isinstance(value, list) else "",
)
def test_each_published_list_is_one_part_by_the_rule(
    protocol: Protocol, part: Part, places: list[tuple[int, int]]
) -> None:
    names = list(name_samples(protocol, part, places))
    assert {protocol.part_of(name) for name in names} == {part}
    assert len(set(names)) == protocol.expected_counts[part]
    found = Counter(label_of(name, protocol) for name in names)
    assert tuple(found[label] for label in range(protocol.num_classes)) == protocol.class_counts[part]


def test_first_cross_view_trains_on_camera_1_alone() -> None:
    assert CV1.part_of("Walk_p02_r00_v01_c01") == "train"
    assert CV1.expected_counts == {"train": 1_877, "val": 3_535, "test": 1_901}
    with pytest.raises(AnnotationError, match="camera 3 is not part of cv1, which uses 1, 2, 5"):
        CV1.part_of("Walk_p02_r00_v01_c03")


def test_totals_are_the_published_ones() -> None:
    assert sum(CS.expected_counts.values()) == 15_964
    assert sum(CV2.expected_counts.values()) == 13_121
    # The data set's own CS training set is training and validation together.
    assert CS.expected_counts["train"] + CS.expected_counts["val"] == 10_592


def test_both_tables_count_the_same_clips_of_the_19_classes() -> None:
    def totals(protocol: Protocol) -> dict[str, int]:
        counts = zip(*(protocol.class_counts[part] for part in PARTS), strict=True)
        return dict(zip(protocol.class_names, map(sum, counts), strict=True))

    by_subject, by_view = totals(CS), totals(CV2)
    assert {name: by_subject[name] for name in by_view} == by_view


def test_a_list_is_read_whatever_its_last_line_ends_in(tmp_path: Path) -> None:
    path = tmp_path / "validation_CS.txt"
    path.write_text("Cook.Cleandishes_p19_r00_v13_c03.mp4 0\nWalk_p25_r15_v12_c07.mp4 29")
    assert read_video_list(path) == (
        ListedSample("Cook.Cleandishes_p19_r00_v13_c03", 0),
        ListedSample("Walk_p25_r15_v12_c07", 29),
    )


def test_the_files_name_says_the_protocol_unless_it_is_given(tmp_path: Path) -> None:
    path = tmp_path / "test_CV2.txt"
    path.write_text("Walk_p03_r00_v10_c02.mp4 18\n")
    assert read_video_list(path)[0].label == 18
    with pytest.raises(AnnotationError, match="has label 18, its class is number 29 of cs; is it another"):
        read_video_list(path, protocol="cs")


def test_a_list_of_another_name_needs_its_protocol(tmp_path: Path) -> None:
    path = tmp_path / "mine.txt"
    path.write_text("Walk_p03_r00_v10_c02.mp4 18\n")
    with pytest.raises(InputError, match="its name does not end in a protocol; say which: cs, cv1, cv2"):
        read_video_list(path)
    assert read_video_list(path, protocol="cv1")[0].label == 18
    with pytest.raises(UnknownNameError, match="unknown toyota_smarthome protocol 'cv3'"):
        read_video_list(path, protocol="cv3")


@pytest.mark.parametrize("write", [str.upper, str.lower], ids=["upper", "lower"])
def test_a_class_in_another_case_is_another_class(tmp_path: Path, write: Callable[[str], str]) -> None:
    path = tmp_path / "train_CS.txt"
    path.write_text(f"{write('Walk')}_p03_r00_v10_c02.mp4 29\n")
    with pytest.raises(AnnotationError):
        read_video_list(path)
