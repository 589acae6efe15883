"""The confusion matrix as a picture: rows sum to one, names are legible, gaps are grey."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from xml.etree import ElementTree

import numpy as np
import pytest

from epam_bench.records import AccuracyRecord
from epam_reports.confusion import FIGURE_NAME, confusion_figure
from epam_reports.figures import render

Accuracy = Callable[..., AccuracyRecord]


def _diagonal(classes: int) -> list[list[int]]:
    return [[2 if row == column else 0 for column in range(classes)] for row in range(classes)]


def test_cells_are_shares_of_their_row(accuracy: Accuracy) -> None:
    drawing = confusion_figure(accuracy(confusion=((3, 1), (0, 4))))
    axes = drawing.figure.axes[0]
    (image,) = axes.images
    assert image.get_array().tolist() == [[0.75, 0.25], [0.0, 1.0]]
    assert [text.get_text() for text in axes.texts] == ["75", "25", "100"]
    assert (axes.get_ylabel(), axes.get_xlabel()) == ("label", "predicted")


def test_class_without_samples_is_blank_and_counted_in_the_caption(accuracy: Accuracy) -> None:
    drawing = confusion_figure(accuracy(confusion=((3, 0, 1), (0, 4, 0), (0, 0, 0))))
    (image,) = drawing.figure.axes[0].images
    assert np.ma.getmaskarray(image.get_array()).all(axis=1).tolist() == [False, False, True]
    assert "grey: 1 of 3 classes have no sample" in drawing.caption


def test_caption_says_what_was_evaluated_and_what_is_most_confused(accuracy: Accuracy) -> None:
    record = accuracy(confusion=((6, 4), (1, 9)), names=("sit", "stand"), streams={"rgb": [1, 1]}, views=10)
    caption = confusion_figure(record).caption
    assert caption.startswith(
        "EPAM-Net on NTU60 X-Sub: 20 of 20 samples, 10 views a video, fused, top-1 75.0 %; best.safetensors"
    )
    assert caption.endswith("Most taken for another: sit for stand (4 of 10); stand for sit (1 of 10).")
    assert confusion_figure(accuracy(confusion=_diagonal(2))).caption.endswith(
        "No class was taken for another."
    )


def test_few_classes_are_named_on_both_axes_and_many_numbered_below(accuracy: Accuracy) -> None:
    few = confusion_figure(accuracy(confusion=_diagonal(12))).figure.axes[0]
    many = confusion_figure(accuracy(confusion=_diagonal(120))).figure.axes[0]
    assert [label.get_text() for label in few.get_xticklabels()][-1] == "class 11"
    assert [label.get_text() for label in many.get_xticklabels()][-1] == "119"
    assert [label.get_text() for label in many.get_yticklabels()][-1] == "class 119  119"
    assert not many.texts


@pytest.mark.parametrize("classes", [2, 12, 20, 21, 120])
def test_names_of_neighbouring_rows_do_not_overlap(accuracy: Accuracy, classes: int) -> None:
    drawing = confusion_figure(accuracy(confusion=_diagonal(classes)))
    drawing.figure.canvas.draw()
    renderer = drawing.figure.canvas.get_renderer()
    axes = drawing.figure.axes[0]
    for labels in (axes.get_yticklabels(), axes.get_xticklabels() if classes > 20 else []):
        boxes = [label.get_window_extent(renderer) for label in labels]
        assert not [1 for one, other in pairwise(boxes) if one.overlaps(other)]


def test_kinds_are_parted_by_lines(accuracy: Accuracy) -> None:
    groups = ("movement", "movement", "order")
    axes = confusion_figure(accuracy(confusion=_diagonal(3), groups=groups)).figure.axes[0]
    assert {tuple(line.get_ydata()) for line in axes.lines} == {(1.5, 1.5), (0, 1)}
    assert not confusion_figure(accuracy(confusion=_diagonal(3))).figure.axes[0].lines


def test_hostile_foreign_and_endless_names_are_drawn(accuracy: Accuracy) -> None:
    names = ("$\\frac{$<script>", "bell\x07\n", "挥手", "word " * 100, "")
    record = accuracy(confusion=_diagonal(5), names=names, title="网 $\\x$ <b>\x00")
    drawing = confusion_figure(record)
    labels = [label.get_text() for label in drawing.figure.axes[0].get_yticklabels()]
    assert labels[:3] == ["$\\frac{$<script>", "bell\\x07\\n", "class 2"]
    assert len(labels[3]) < 40
    assert labels[4] == "class 4"
    root = ElementTree.fromstring(render(drawing, "svg"))
    assert not [node for node in root.iter() if node.tag.endswith("script")]


def test_every_evaluation_has_its_own_file_name_in_every_report(accuracy: Accuracy) -> None:
    changes: tuple[dict[str, object], ...] = (
        *({}, {"weights_sha256": "b" * 64}, {"views": 2}, {"split_sha256": "6" * 64}),
        *(
            {"backend": "openvino"},
            {"precision": "bf16"},
            {"label_map_sha256": "2" * 64},
            {"inputs": {"rgb": (3, 6, 96, 96)}},
        ),
    )
    names = [confusion_figure(accuracy(**change)).name for change in changes]
    assert len(set(names)) == len(names)
    assert confusion_figure(accuracy(device="cuda")).name == names[0]
    for name in (*names, confusion_figure(accuracy(dataset="custom", protocol="../ü /x")).name):
        assert FIGURE_NAME.fullmatch(name)
        assert name.isascii()


def test_same_record_gives_the_same_bytes(accuracy: Accuracy) -> None:
    once, again = (confusion_figure(accuracy(confusion=_diagonal(12))) for _ in range(2))
    assert render(once, "svg") == render(again, "svg")
    assert render(once, "png") == render(again, "png")
