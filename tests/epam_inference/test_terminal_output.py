from __future__ import annotations

import dataclasses
import io
from pathlib import Path

import numpy as np
from rich.console import Console

from epam import CheckpointInfo
from epam.data.clip_dataset import SkippedSample
from epam.evaluation import Accuracy, ScoreTable
from epam_inference.results import ClassSet, Evaluation, Prediction
from epam_inference.terminal_output import print_caveats, print_evaluation, print_prediction, readable

PREDICTION = Prediction(
    sample="S001",
    video=None,
    model="epam_net",
    classes=ClassSet("ntu60", "xsub", ("drink water", "eat [meal]", "brushing teeth")),
    logits={
        "fused": np.array([3, 0, 5], dtype=np.float32),
        "rgb": np.array([1, 0, 3.25], dtype=np.float32),
        "pose": np.array([2, 0, 1.75], dtype=np.float32),
    },
    label=1,
    checkpoint=None,
    seconds={"load_model": 0.25, "network": 0.5},
    caveats=(),
)

EVALUATION = Evaluation(
    annotations="a.pkl",
    videos="clips",
    model="x_shiftnet_pose",
    classes=ClassSet("ntu60", "xsub", ("a", "b")),
    protocol="xsub",
    split="xsub_val",
    split_samples=6,
    table=ScoreTable(
        ("s0", "s1", "s2", "s3"), np.zeros(4, dtype=np.int64), {"pose": np.zeros((4, 2), dtype=np.float32)}
    ),
    accuracy={
        "pose": Accuracy(
            samples=4, top1=0.75, top5=1.0, mean_class_accuracy=0.5, mean_class_accuracy_present=0.625
        )
    },
    skipped=(SkippedSample("s4", "missing video", "clips: no video of sample s4"),),
    interrupted=True,
    views=1,
    checkpoint=None,
    seconds={},
    caveats=(),
)


def text_console(width: int = 80) -> Console:
    return Console(file=io.StringIO(), width=width)


def printed(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_the_top1_line_names_class_number_and_logit() -> None:
    console = text_console(width=20)
    print_prediction(PREDICTION, console, topk=2)
    lines = printed(console).splitlines()
    assert "top-1: brushing teeth (A003, class 2)  logit 5" in lines
    assert "pose stream: drink water (A001, class 0)  logit 2" in lines
    assert "annotated: eat [meal] (A002, class 1), so top-1 is wrong" in lines
    assert "seconds: load model 0.250 · network 0.500 · total 0.750" in lines


def test_the_table_has_all_streams_scores_of_the_best_fused_classes() -> None:
    console = text_console()
    print_prediction(PREDICTION, console, topk=1)
    [row] = [line for line in printed(console).splitlines() if line.startswith("│")]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "1",
        "brushing teeth (A003, class 2)",
        "5",
        "3.25",
        "1.75",
    ]


def test_other_data_sets_have_no_action_numbers() -> None:
    console = text_console()
    classes = dataclasses.replace(PREDICTION.classes, dataset="pku_mmd")
    print_prediction(dataclasses.replace(PREDICTION, classes=classes, label=None), console, topk=1)
    assert "top-1: brushing teeth (class 2)  logit 5\n" in printed(console)
    assert "annotated" not in printed(console)


def test_an_evaluation_tells_accuracies_and_what_is_missing() -> None:
    console = text_console()
    print_evaluation(EVALUATION, console)
    text = printed(console)
    assert "samples      4 of 6 evaluated, 1 skipped: missing video, interrupted, 1 not reached\n" in text
    assert "skipped s4 (missing video): clips: no video of sample s4\n" in text
    [row] = [line for line in text.splitlines() if line.startswith("│ pose")]
    assert [cell.strip() for cell in row.strip("│").split("│")] == [
        "pose",
        "75.00 %",
        "100.00 %",
        "50.00 %",
        "62.50 %",
    ]
    [heading] = [line for line in text.splitlines() if "top-1" in line]
    assert [cell.strip() for cell in heading.strip("┃").split("┃")] == [
        "scores",
        "top-1",
        "top-5",
        "mean class",
        "mean class (classes present)",
    ]


def test_an_evaluations_protocol_and_split_are_those_of_its_file() -> None:
    console = text_console()
    print_evaluation(EVALUATION, console)
    assert "data set     ntu60 xsub, 2 classes\nsplit        xsub_val\n" in printed(console)
    console = text_console()
    print_evaluation(dataclasses.replace(EVALUATION, protocol=None, split=None), console)
    assert "data set     ntu60, 2 classes\nsplit        none named: all samples of a plain list" in printed(
        console
    )


def test_a_list_that_was_parted_by_a_rule_says_so() -> None:
    console = text_console()
    print_evaluation(dataclasses.replace(EVALUATION, split=None), console)
    assert "split        none named: parted by xsub's rule\n" in printed(console)


def test_the_weights_are_named() -> None:
    console = text_console()
    print_prediction(PREDICTION, console, topk=1)
    assert "checkpoint  none: random weights\n" in printed(console)
    info = CheckpointInfo(Path("e.pth"), "published", "0123456789abcdef" * 4)
    console = text_console()
    print_evaluation(dataclasses.replace(EVALUATION, checkpoint=info), console)
    assert "checkpoint   e.pth (published, sha256 of the weights 0123456789ab…)\n" in printed(console)


def test_an_evaluation_without_scores_has_no_table() -> None:
    console = text_console()
    empty = ScoreTable((), np.zeros(0, dtype=np.int64), {})
    print_evaluation(dataclasses.replace(EVALUATION, table=empty, accuracy={}), console)
    assert "│" not in printed(console)
    assert "0 of 6 evaluated" in printed(console)


def test_a_caveat_is_one_line_and_its_brackets_are_not_markup() -> None:
    console = text_console(width=20)
    print_caveats(["a [bold]long[/bold] caveat that\nis wider than the console"], console)
    assert printed(console) == "caveat: a [bold]long[/bold] caveat that is wider than the console\n"


def test_lines_become_one_and_spaces_stay() -> None:
    assert readable("a\nb\r\nc  d") == "a b c  d"


def test_characters_that_steer_a_terminal_are_shown_as_such() -> None:
    assert readable("a\x1b[2Jb") == "a�[2Jb"
    assert readable("hush (quite) – ’") == "hush (quite) – ’"
