"""Results as text that a person reads in a terminal."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

from epam_inference.results import Evaluation, Prediction, ScoredClass

if TYPE_CHECKING:
    from epam import CheckpointInfo


WITH_ACTION_NUMBERS = ("ntu60", "ntu120", "embedded")


class Output(Console):
    """Standard output; whether its reader has left is for the command to judge, not for rich."""

    def on_broken_pipe(self) -> None:
        """Pass the error on; rich would exit with 1."""
        raise BrokenPipeError


def readable(text: str) -> str:
    """Put text from outside on one line, without the characters that steer a terminal."""
    one_line = " ".join(text.splitlines())
    return "".join(letter if letter.isprintable() else "�" for letter in one_line)


def print_prediction(prediction: Prediction, console: Console, *, topk: int) -> None:
    """Print the ranked classes, each stream's own answer and the time of each step."""
    facts = {
        "sample": prediction.sample,
        "video": prediction.video or "not needed",
        "checkpoint": _checkpoint_title(prediction.checkpoint),
    }
    _print_facts(console, facts)
    console.print(_ranking_table(prediction, topk))
    for line in _top1_lines(prediction):
        _print_line(console, line)
    _print_seconds(console, prediction.seconds)


def print_evaluation(evaluation: Evaluation, console: Console) -> None:
    """Print each stream's accuracies, then what was left out and why, then the times."""
    classes = evaluation.classes
    facts = {
        "data set": f"{_data_set_title(evaluation)}, {len(classes.names)} classes",
        "split": evaluation.split or _unnamed_split(evaluation),
        "annotations": evaluation.annotations,
        "videos": evaluation.videos or "not needed",
        "checkpoint": _checkpoint_title(evaluation.checkpoint),
        "samples": _coverage(evaluation),
        "views": f"{evaluation.views} a video",
    }
    _print_facts(console, facts)
    if evaluation.accuracy:
        console.print(_accuracy_table(evaluation))
    for sample in evaluation.skipped:
        _print_line(console, f"skipped {sample.sample} ({sample.reason}): {sample.message}")
    _print_seconds(console, evaluation.seconds)


def print_caveats(caveats: Sequence[str], console: Console) -> None:
    """Print, loudly, what the scores must not be read without."""
    for caveat in caveats:
        _print_line(console, f"caveat: {caveat}", style="bold yellow")


def _print_line(console: Console, line: str, *, style: str = "") -> None:
    """Print unwrapped, so that a line stays one line in a pipe, and without reading markup in it."""
    console.print(Text(readable(line), style=style), soft_wrap=True)


def _print_facts(console: Console, facts: Mapping[str, str]) -> None:
    width = max(map(len, facts))
    for name, value in facts.items():
        _print_line(console, f"{name:<{width}}  {value}")


def _print_seconds(console: Console, seconds: Mapping[str, float]) -> None:
    steps = [f"{step.replace('_', ' ')} {value:.3f}" for step, value in seconds.items()]
    _print_line(console, f"seconds: {' · '.join(steps)} · total {sum(seconds.values()):.3f}", style="dim")


def _ranking_table(prediction: Prediction, topk: int) -> Table:
    first = next(iter(prediction.logits))
    table = Table(
        "", "class", title=f"best {topk} by {first} score" if topk > 1 else None, title_justify="left"
    )
    for stream in prediction.logits:
        table.add_column(f"{stream} logit", justify="right")
    for rank, entry in enumerate(prediction.top(first, topk), start=1):
        logits = [_figure(values[entry.index]) for values in prediction.logits.values()]
        table.add_row(str(rank), Text(_class_title(prediction, entry.index)), *logits)
    return table


def _top1_lines(prediction: Prediction) -> list[str]:
    first, *others = (_top1(prediction, stream) for stream in prediction.logits)
    lines = [f"top-1: {_class_title(prediction, first.index)}  logit {_figure(first.logit)}"]
    for stream, entry in zip(list(prediction.logits)[1:], others, strict=True):
        lines.append(
            f"{stream} stream: {_class_title(prediction, entry.index)}  logit {_figure(entry.logit)}"
        )
    if prediction.label is not None:
        verdict = "right" if first.index == prediction.label else "wrong"
        lines.append(f"annotated: {_class_title(prediction, prediction.label)}, so top-1 is {verdict}")
    return lines


def _top1(prediction: Prediction, stream: str) -> ScoredClass:
    return prediction.top(stream, 1)[0]


def _class_title(prediction: Prediction, index: int) -> str:
    """``hand waving (A023, class 22)``, where the data set's file names number the classes from A001."""
    code = f"A{index + 1:03d}, " if prediction.classes.dataset in WITH_ACTION_NUMBERS else ""
    return f"{prediction.classes.names[index]} ({code}class {index})"


def _checkpoint_title(info: CheckpointInfo | None) -> str:
    if info is None:
        return "none: random weights"
    return f"{info.path} ({info.format}, sha256 of the weights {info.weights_sha256[:12]}…)"


def _figure(logit: float) -> str:
    return f"{logit:.4g}"


def _data_set_title(evaluation: Evaluation) -> str:
    """The protocol is only named where something says so: a plain list does not."""
    return " ".join(filter(None, (evaluation.classes.dataset, evaluation.protocol)))


def _unnamed_split(evaluation: Evaluation) -> str:
    if evaluation.protocol is None:
        return "none named: all samples of a plain list"
    return f"none named: parted by {evaluation.protocol}'s rule"


def _coverage(evaluation: Evaluation) -> str:
    reasons = Counter(sample.reason for sample in evaluation.skipped)
    parts = [f"{evaluation.evaluated_samples} of {evaluation.split_samples} evaluated"]
    parts += [f"{count} skipped: {reason}" for reason, count in reasons.items()]
    if evaluation.interrupted:
        not_reached = evaluation.split_samples - evaluation.evaluated_samples - len(evaluation.skipped)
        parts.append(f"interrupted, {not_reached} not reached")
    return ", ".join(parts)


def _accuracy_table(evaluation: Evaluation) -> Table:
    table = Table(
        "scores", title=f"accuracy over {evaluation.evaluated_samples} samples", title_justify="left"
    )
    for heading in ("top-1", "top-5", "mean class", "mean class (classes present)"):
        table.add_column(heading, justify="right")
    for stream, accuracy in evaluation.accuracy.items():
        figures = (
            accuracy.top1,
            accuracy.top5,
            accuracy.mean_class_accuracy,
            accuracy.mean_class_accuracy_present,
        )
        table.add_row(stream, *(f"{100 * figure:.2f} %" for figure in figures))
    return table
