"""Each class has its row, its samples, each stream's accuracy and what it is taken for."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import AccuracyRecord, CountRecord
from epam_reports.table import text_frame
from epam_reports.tables import classes_table

Accuracy = Callable[..., AccuracyRecord]

CONFUSION = ((3, 0, 1), (1, 1, 2), (0, 0, 0))


def test_row_has_class_samples_streams_and_the_commonest_mistake(accuracy: Accuracy) -> None:
    record = accuracy(confusion=CONFUSION, streams={"pose": [4, 0, 0]}, names=("sit", "stand", "jump"))
    frame = text_frame(classes_table([record]))
    assert list(frame.columns) == [
        *("Class", "Samples", "fused (%)", "pose (%)", "Most often taken for", "so often")
    ]
    assert frame.to_numpy().tolist() == [
        ["sit", "4", "75.0", "100.0", "jump", "1"],
        ["stand", "4", "25.0", "0.0", "jump", "2"],
        ["jump", "0", "–", "–", "–", "–"],
    ]


def test_first_of_equally_common_mistakes_is_named(accuracy: Accuracy) -> None:
    frame = classes_table([accuracy(confusion=((2, 1, 1), (0, 1, 0), (0, 0, 1)))]).frame
    assert frame["taken_for"].tolist()[0] == "class 1"


def test_kinds_are_a_column_and_summed_up_below(accuracy: Accuracy) -> None:
    record = accuracy(confusion=CONFUSION, streams={"pose": [4, 0, 0]}, groups=("order", "order", "movement"))
    table = classes_table([record])
    assert list(text_frame(table)["Kind"]) == ["order", "order", "movement"]
    # Of the kind without samples there is nothing to say.
    assert table.remarks == ("EPAM-Net on NTU60 X-Sub, order: fused 50.0 %, pose 50.0 % of 8 samples.",)


def test_one_network_is_in_the_caption_and_several_are_columns(accuracy: Accuracy) -> None:
    one = classes_table([accuracy()])
    assert one.caption.startswith("EPAM-Net on NTU60 X-Sub; best.safetensors, weights aaaaaaaa.")
    assert "Model" not in text_frame(one).columns
    two = text_frame(classes_table([accuracy(), accuracy("c3d", protocol="xview", streams={"pose": [1, 1]})]))
    assert list(zip(two["Model"], two["Split"], two["pose (%)"], strict=True)) == [
        ("EPAM-Net", "X-Sub", "–"),
        ("EPAM-Net", "X-Sub", "–"),
        ("C3D", "X-View", "25.0"),
        ("C3D", "X-View", "25.0"),
    ]


def test_without_accuracy_records_the_table_is_empty_and_typed(count: Callable[..., CountRecord]) -> None:
    frame = classes_table([count()]).frame
    assert frame.empty
    assert str(frame["samples"].dtype) == "Int64"
