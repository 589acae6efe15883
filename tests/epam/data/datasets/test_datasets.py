from __future__ import annotations

import subprocess
import sys

import pytest

from epam.data.datasets import get_dataset, list_datasets
from epam.errors import UnknownNameError


@pytest.mark.parametrize(
    ("dataset", "protocol", "classes", "first", "last"),
    [
        ("ntu60", "xsub", 60, "drink water", "walking apart from each other"),
        ("ntu60", "xview", 60, "drink water", "walking apart from each other"),
        ("ntu120", "xsub", 120, "drink water", "finger-guessing game (playing rock-paper-scissors)"),
        ("ntu120", "xset", 120, "drink water", "finger-guessing game (playing rock-paper-scissors)"),
        ("pku_mmd", "xsub", 51, "bow", "writing"),
        ("pku_mmd", "xview", 51, "bow", "writing"),
        ("toyota_smarthome", "cs", 31, "Cook.Cleandishes", "WatchTV"),
        ("toyota_smarthome", "cv1", 19, "Cutbread", "Walk"),
        ("toyota_smarthome", "cv2", 19, "Cutbread", "Walk"),
        ("embedded", "xsub", 12, "wave a hand", "straighten up"),
        ("embedded", "xview", 12, "wave a hand", "straighten up"),
    ],
)
def test_each_protocol_names_its_classes(
    dataset: str, protocol: str, classes: int, first: str, last: str
) -> None:
    found = get_dataset(dataset).protocol(protocol)
    assert found.num_classes == len(found.class_names) == classes
    assert (found.class_names[0], found.class_names[-1]) == (first, last)


def test_every_listed_protocol_has_as_many_distinct_names_as_classes() -> None:
    for name in list_datasets():
        for protocol in get_dataset(name).protocols:
            assert len(set(protocol.class_names)) == protocol.num_classes
            assert all(class_name == class_name.strip() != "" for class_name in protocol.class_names)


def test_data_sets_are_listed_and_know_their_source() -> None:
    assert list_datasets() == ["custom", "embedded", "ntu120", "ntu60", "pku_mmd", "toyota_smarthome"]
    assert all(get_dataset(name).title and get_dataset(name).source for name in list_datasets())


def test_ntu_actions_are_one_more_than_their_index() -> None:
    # A023 is hand waving, A010 clapping and A027 jump up in the data set's own list.
    names = get_dataset("ntu60").protocol("xsub").class_names
    assert (names[22], names[9], names[26]) == ("hand waving", "clapping", "jump up")


def test_pku_mmd_keeps_its_own_order() -> None:
    names = get_dataset("pku_mmd").protocol("xview").class_names
    assert (names[12], names[28], names[37]) == (
        "hand waving",
        "put something inside pocket",
        "take out something from pocket",
    )


def test_toyota_indices_are_alphabetical_ranks() -> None:
    dataset = get_dataset("toyota_smarthome")
    for protocol in dataset.protocols:
        assert list(protocol.class_names) == sorted(protocol.class_names)
    assert set(dataset.protocol("cv2").class_names) < set(dataset.protocol("cs").class_names)


def test_an_unknown_data_set_lists_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="unknown data set 'ntu-60'; did you mean 'ntu60'"):
        get_dataset("ntu-60")


def test_a_protocol_of_another_data_set_is_unknown() -> None:
    with pytest.raises(UnknownNameError, match="unknown ntu60 protocol 'xset'"):
        get_dataset("ntu60").protocol("xset")


def test_data_sets_are_known_without_pytorch() -> None:
    program = "import sys, epam.data.datasets; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], timeout=60, check=False).returncode == 0
