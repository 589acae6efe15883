from __future__ import annotations

import pickle

import pytest

from epam.data.datasets import Part, Protocol, get_dataset, list_datasets
from epam.errors import InputError, UnknownNameError

THREE = Protocol(
    name="p",
    title="P",
    num_classes=3,
    names=("a", "b", "c"),
    split_names={"train": ("p_train",), "val": ("p_val",), "test": ("p_test", "p_val")},
)


def test_class_names_are_the_given_ones_or_numbers() -> None:
    assert THREE.class_names == ("a", "b", "c")
    assert Protocol(name="p", title="P", num_classes=2).class_names == ("class 0", "class 1")


def test_a_part_is_found_by_its_surest_name() -> None:
    assert THREE.find_split("train", ["p_test", "p_train"]) == "p_train"
    assert THREE.find_split("test", ["p_train", "p_val", "p_test"]) == "p_test"
    assert THREE.find_split("test", ["p_train", "p_val"]) == "p_val"


def test_the_released_files_validation_split_is_the_test_part() -> None:
    splits = ["xsub_train", "xsub_val", "xview_train", "xview_val"]
    assert get_dataset("ntu60").protocol("xsub").find_split("test", splits) == "xsub_val"
    assert get_dataset("ntu60").protocol("xview").find_split("train", splits) == "xview_train"


def test_a_missing_split_names_the_near_ones() -> None:
    with pytest.raises(
        UnknownNameError, match=r"unknown split for the test part of P 'p_test'; did you mean 'p_tset'\?"
    ):
        THREE.find_split("test", ["p_train", "p_tset"])


def test_the_training_split_is_never_proposed_for_the_test() -> None:
    with pytest.raises(UnknownNameError, match=r"'p_test'; known: none among p_train$"):
        THREE.find_split("test", ["p_train"])


def test_a_plain_list_has_no_split() -> None:
    with pytest.raises(UnknownNameError, match="known: none, it is a plain list"):
        THREE.find_split("train", [])


def test_a_part_that_the_protocol_lacks_is_unknown() -> None:
    with pytest.raises(UnknownNameError, match="unknown split for the val part of X-Sub 'val'"):
        get_dataset("ntu60").protocol("xsub").find_split("val", ["xsub_train", "xsub_val"])


def test_a_split_name_that_does_not_print_is_shown_safely() -> None:
    with pytest.raises(UnknownNameError) as caught:
        THREE.find_split("train", ["bad\x1b[2J\nname"])
    assert str(caught.value).isprintable()


def test_without_a_rule_files_must_say_the_part() -> None:
    with pytest.raises(InputError, match="protocol 'p' has no rule for its parts; use files with splits"):
        THREE.part_of("S001C001P001R001A001")


def test_protocols_can_be_pickled_and_used_as_keys() -> None:
    for name in list_datasets():
        for protocol in get_dataset(name).protocols:
            assert pickle.loads(pickle.dumps(protocol)) == protocol
            assert {protocol: 1}[protocol] == 1


def test_every_named_data_set_has_a_rule_split_names_and_a_source() -> None:
    parts: tuple[Part, ...] = ("train", "test")
    for name in list_datasets():
        for protocol in get_dataset(name).protocols:
            assert protocol.part_rule is not None
            assert protocol.source
            assert all(protocol.split_names[part] for part in parts)
