from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice, product

import pytest

from epam.data.datasets import Part, Protocol, get_dataset
from epam.data.datasets.ntu import (
    TRAINING_PERFORMERS,
    TRAINING_PERFORMERS_120,
    parse_name,
    parse_name_60,
)
from epam.errors import AnnotationError

Take = tuple[int, int, int]
"""Setup, performer, replication: one performance of every action, seen by three cameras."""


def take_some(count: int, setups: Iterable[int], performers: Iterable[int]) -> list[Take]:
    takes = list(islice(product(setups, performers, (1, 2)), count))
    assert len(takes) == count
    return takes


def name_all(takes: Iterable[Take], actions: Iterable[int]) -> Iterator[str]:
    for (setup, performer, replication), camera, action in product(takes, (1, 2, 3), list(actions)):
        yield f"S{setup:03}C{camera:03}P{performer:03}R{replication:03}A{action:03}"


def count_parts(protocol: Protocol, names: Iterable[str]) -> Counter[Part]:
    return Counter(map(protocol.part_of, names))


TESTING_PERFORMERS = sorted(set(range(1, 41)) - TRAINING_PERFORMERS)


def test_a_name_says_its_numbers_and_its_label() -> None:
    name = parse_name("S012C002P103R001A120")
    assert (name.setup, name.camera, name.performer, name.repetition, name.label) == (12, 2, 103, 1, 119)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "S001C001P001R001A001_rgb",
        "S001C001P001R001A001\n",
        "s001c001p001r001a001",
        "S1C1P1R1A1",
        "S001C001P001R001A01",
        "S001C001P001R001A0011",
        "S٠٠١C001P001R001A001",
        "../S001C001P001R001A001",
    ],
)
def test_another_grammar_is_refused(name: str) -> None:
    with pytest.raises(AnnotationError, match="is not named as NTU RGB") as caught:
        parse_name(name)
    assert str(caught.value).isprintable()


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("S033C001P001R001A001", "S033 is not in NTU RGB[+]D 120, 1 to 32 are"),
        ("S001C004P001R001A001", "C004 is not in NTU RGB[+]D 120, 1 to 3 are"),
        ("S001C001P107R001A001", "P107 is not in NTU RGB[+]D 120, 1 to 106 are"),
        ("S001C001P001R003A001", "R003 is not in NTU RGB[+]D 120, 1 to 2 are"),
        ("S001C001P001R001A121", "A121 is not in NTU RGB[+]D 120, 1 to 120 are"),
        ("S001C001P001R001A000", "A000 is not in"),
    ],
)
def test_a_number_beyond_the_data_set_is_refused(name: str, complaint: str) -> None:
    with pytest.raises(AnnotationError, match=complaint):
        parse_name(name)


@pytest.mark.parametrize(
    "name",
    ["S018C001P001R001A001", "S001C001P041R001A001", "S001C001P001R001A061"],
)
def test_what_only_the_larger_data_set_has_is_not_in_the_smaller(name: str) -> None:
    parse_name(name)
    with pytest.raises(AnnotationError, match=r"is not in NTU RGB\+D, 1 to"):
        parse_name_60(name)


def test_cross_subject_training_performers_are_half_of_all() -> None:
    assert len(TRAINING_PERFORMERS) == 20
    assert max(TRAINING_PERFORMERS) <= 40
    assert len(TRAINING_PERFORMERS_120) == 53
    assert max(TRAINING_PERFORMERS_120) <= 106
    others = {3, 6, 7, 10, 11, 12, *range(20, 25), 26, 29, 30, 32, 33, 36, 37, 39, 40}
    assert others | TRAINING_PERFORMERS == set(range(1, 41))
    assert not others & TRAINING_PERFORMERS
    # The larger data set keeps the smaller one's performers on their side.
    assert TRAINING_PERFORMERS_120 & set(range(1, 41)) == TRAINING_PERFORMERS


def test_cross_subject_and_cross_view_part_every_name_of_the_smaller() -> None:
    dataset = get_dataset("ntu60")
    takes = list(product(range(1, 18), range(1, 41), (1, 2)))
    names = list(name_all(takes, (1, 60)))
    half = len(names) // 2
    assert count_parts(dataset.protocol("xsub"), names) == {"train": half, "test": half}
    assert count_parts(dataset.protocol("xview"), names) == {
        "train": len(names) * 2 // 3,
        "test": len(names) // 3,
    }


def test_cross_subject_and_cross_setup_part_every_name_of_the_larger() -> None:
    dataset = get_dataset("ntu120")
    names = list(name_all(product(range(1, 33), range(1, 107), (1,)), (1, 120)))
    half = len(names) // 2
    for protocol in dataset.protocols:
        assert count_parts(protocol, names) == {"train": half, "test": half}


def test_single_names_are_on_the_published_side() -> None:
    ntu60, ntu120 = get_dataset("ntu60"), get_dataset("ntu120")
    assert ntu60.protocol("xsub").part_of("S001C001P001R001A001") == "train"
    assert ntu60.protocol("xsub").part_of("S001C001P003R001A001") == "test"
    assert ntu60.protocol("xview").part_of("S001C001P001R001A001") == "test"
    assert ntu60.protocol("xview").part_of("S001C002P001R001A001") == "train"
    assert ntu120.protocol("xsub").part_of("S018C001P103R001A061") == "train"
    assert ntu120.protocol("xsub").part_of("S018C001P106R001A061") == "test"
    assert ntu120.protocol("xset").part_of("S032C001P106R001A061") == "train"
    assert ntu120.protocol("xset").part_of("S031C001P106R001A061") == "test"


def test_the_smaller_data_sets_counts_come_out_of_its_rules() -> None:
    # 948 takes' videos of 60 actions; 224 takes of training performers and 92 of the others is the
    # only way that X-Sub's published counts come about.
    takes = take_some(224, range(1, 18), sorted(TRAINING_PERFORMERS))
    takes += take_some(92, range(1, 18), TESTING_PERFORMERS)
    names = list(name_all(takes, range(1, 61)))
    assert len(names) == 56_880
    for protocol in get_dataset("ntu60").protocols:
        assert count_parts(protocol, names) == protocol.expected_counts


def test_the_larger_data_sets_counts_come_out_of_its_rules() -> None:
    # Setups 1 to 17 hold actions 1 to 60, the others 61 to 120: which side a video is on depends on
    # performer and setup only, so that one action stands for its 60.
    testing = sorted(set(range(1, 107)) - TRAINING_PERFORMERS_120)
    training = sorted(TRAINING_PERFORMERS_120)
    even, odd = range(2, 33, 2), range(1, 33, 2)
    takes = take_some(168, even, training) + take_some(184, odd, training)
    takes += take_some(136, even, testing) + take_some(148, odd, testing)
    names = list(name_all(takes, (1,)))
    assert 60 * len(names) == 114_480
    for protocol in get_dataset("ntu120").protocols:
        found = count_parts(protocol, names)
        assert {part: 60 * count for part, count in found.items()} == protocol.expected_counts


@pytest.mark.parametrize(
    ("dataset", "protocol", "missing_train", "missing_test"),
    [
        ("ntu60", "xsub", 229, 73),
        ("ntu60", "xview", 274, 28),
        ("ntu120", "xsub", 334, 201),
        ("ntu120", "xset", 252, 283),
    ],
)
def test_missing_skeletons_explain_the_smaller_counts(
    dataset: str, protocol: str, missing_train: int, missing_test: int
) -> None:
    found = get_dataset(dataset).protocol(protocol)
    raw, left = found.expected_counts, found.counts_without_missing
    assert (raw["train"] - left["train"], raw["test"] - left["test"]) == (missing_train, missing_test)
    assert missing_train + missing_test == {"ntu60": 302, "ntu120": 535}[dataset]
