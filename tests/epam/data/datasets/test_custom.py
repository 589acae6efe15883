from __future__ import annotations

from pathlib import Path

import pytest

from epam.data.datasets import custom_protocol, get_dataset
from epam.data.datasets.custom import read_class_names
from epam.errors import AnnotationError, InputError


def test_splits_are_named_by_the_protocols_prefix() -> None:
    protocol = custom_protocol("lab", num_classes=2, class_names=["sit", "stand"])
    assert protocol.class_names == ("sit", "stand")
    assert protocol.find_split("train", ["lab_train", "lab_val"]) == "lab_train"
    assert protocol.find_split("test", ["lab_train", "lab_val"]) == "lab_val"
    assert protocol.find_split("test", ["lab_train", "lab_val", "lab_test"]) == "lab_test"
    assert protocol.find_split("val", ["lab_train", "lab_val", "lab_test"]) == "lab_val"


def test_classes_without_names_are_numbered() -> None:
    assert custom_protocol("lab", num_classes=2).class_names == ("class 0", "class 1")


def test_the_data_set_itself_has_no_classes() -> None:
    with pytest.raises(InputError, match="data set 'custom' has no classes of its own; give their number"):
        get_dataset("custom").protocol("lab")


@pytest.mark.parametrize(
    ("name", "num_classes", "class_names", "complaint"),
    [
        ("", 2, [], "protocol '': give the prefix"),
        ("a\nb", 2, [], "give the prefix"),
        ("lab", 0, [], "0 classes; give at least 1"),
        ("lab", 3, ["sit", "stand"], "2 names for 3 classes; give one for each"),
        ("lab", 2, ["sit", "sit"], "two classes are named 'sit'"),
    ],
)
def test_what_names_no_classes_is_refused(
    name: str, num_classes: int, class_names: list[str], complaint: str
) -> None:
    with pytest.raises(InputError, match=complaint):
        custom_protocol(name, num_classes=num_classes, class_names=class_names)


def test_class_names_are_read_a_line_each(tmp_path: Path) -> None:
    path = tmp_path / "classes.txt"
    path.write_text("sit down\r\nstand up\n\n", encoding="utf-8")
    assert read_class_names(path) == ("sit down", "stand up")


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        ("sit\n\nstand\n", "line 2: '' is no class name"),
        ("sit\nst\x1band\n", "line 2: .* is no class name"),
        ("sit\nstand\nsit\n", "line 3: 'sit' is also line 1"),
        ("\n\n", "names no class"),
    ],
)
def test_files_that_do_not_name_classes_are_refused(tmp_path: Path, content: str, complaint: str) -> None:
    path = tmp_path / "classes.txt"
    path.write_text(content)
    with pytest.raises(AnnotationError, match=complaint):
        read_class_names(path)
