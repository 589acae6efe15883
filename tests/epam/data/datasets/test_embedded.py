from __future__ import annotations

import pytest

from epam.data.datasets import get_dataset
from epam.errors import AnnotationError

DATASET = get_dataset("embedded")


def test_twelve_classes_are_of_three_kinds_of_four() -> None:
    for protocol in DATASET.protocols:
        assert protocol.num_classes == len(protocol.class_names) == 12
        groups = {
            kind: [protocol.class_names[label] for label in labels]
            for kind, labels in protocol.class_groups.items()
        }
        assert groups == {
            "movement": ["wave a hand", "clap", "kick", "jump"],
            "object": ["drink from a cup", "make a phone call", "brush teeth", "eat a sandwich"],
            "order": ["sit down", "stand up", "bend down", "straighten up"],
        }


def test_names_and_rules_are_ntus() -> None:
    assert DATASET.parse_name is not None
    assert DATASET.parse_name("S001C002P003R001A012").label == 11
    xsub, xview = DATASET.protocol("xsub"), DATASET.protocol("xview")
    assert [xsub.part_of(f"S001C001P{number:03}R001A001") for number in (1, 2, 3)] == [
        "train",
        "train",
        "test",
    ]
    assert [xview.part_of(f"S001C{number:03}P001R001A001") for number in (1, 2, 3)] == [
        "test",
        "train",
        "train",
    ]


def test_an_action_of_ntus_alone_is_refused() -> None:
    for protocol in DATASET.protocols:
        with pytest.raises(AnnotationError, match="A013 is not in the embedded data set, 1 to 12 are"):
            protocol.part_of("S001C001P001R001A013")
