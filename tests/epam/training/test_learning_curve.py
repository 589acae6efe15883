from __future__ import annotations

from pathlib import Path

import pytest

from epam.training.learning_curve import draw_learning_curve, write_learning_curve
from epam.training.run_log import LogLine

LINES: list[LogLine] = [
    {"kind": "start", "step": 0},
    {"kind": "epoch", "step": 10, "epoch": 1, "loss": 2.0, "accuracy": 0.25},
    {
        "kind": "evaluation",
        "step": 10,
        "epoch": 1,
        "streams": {"fused": {"top1": 0.75, "mean_class_accuracy": 0.5}, "pose": {"top1": 0.5}},
    },
    {"kind": "epoch", "step": 20, "epoch": 2, "loss": 1.0, "accuracy": 0.5},
    {"kind": "evaluation", "step": 20, "epoch": 2, "streams": {"fused": {"top1": 0.75}}},
    {"kind": "end", "step": 20},
]


def curves(lines: list[LogLine], panel: int, **options: str) -> dict[str, list[tuple[float, float]]]:
    figure = draw_learning_curve(lines, **options)
    assert figure is not None
    axes = figure.axes[panel]
    return {
        str(curve.get_label()): [(float(x), float(y)) for x, y in curve.get_xydata()]
        for curve in axes.get_lines()
        if not str(curve.get_label()).startswith("_")
    }


def test_loss_is_on_the_left_over_epochs() -> None:
    assert curves(LINES, 0) == {"training": [(1, 2.0), (2, 1.0)]}


def test_accuracies_are_on_the_right_in_per_cent_with_the_first_best_named() -> None:
    assert curves(LINES, 1) == {
        "training clips": [(1, 25), (2, 50)],
        "fused, evaluated: best 75.0 % (epoch 1)": [(1, 75), (2, 75)],
        "pose, evaluated: best 50.0 % (epoch 1)": [(1, 50)],
    }


def test_another_metric_can_be_drawn() -> None:
    drawn = curves(LINES, 1, metric="mean_class_accuracy")

    assert drawn["fused, evaluated: best 50.0 % (epoch 1)"] == [(1, 50)]


def test_a_repeated_evaluation_replaces_the_first() -> None:
    again: LogLine = {**LINES[2], "streams": {"pose": {"top1": 1.0}}}

    assert curves([*LINES, again], 1)["pose, evaluated: best 100.0 % (epoch 1)"] == [(1, 100)]


def test_figures_that_are_not_finite_are_passed_over() -> None:
    diverged: LogLine = {"kind": "epoch", "step": 30, "epoch": 3, "loss": "nan", "accuracy": 0.5}

    assert curves([*LINES, diverged], 0) == curves(LINES, 0)


def test_without_a_finished_epoch_there_is_no_figure(tmp_path: Path) -> None:
    assert write_learning_curve(LINES[:1], tmp_path) is None
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("index", [0, 1])
def test_both_files_are_written_and_the_same_each_time(tmp_path: Path, index: int) -> None:
    (tmp_path / "again").mkdir()
    first = write_learning_curve(LINES, tmp_path, title="tiny_pose on embedded xsub")
    second = write_learning_curve(LINES, tmp_path / "again", title="tiny_pose on embedded xsub")

    assert first is not None
    assert second is not None
    assert [path.name for path in first] == ["learning_curve.png", "learning_curve.svg"]
    assert first[index].read_bytes() == second[index].read_bytes()
