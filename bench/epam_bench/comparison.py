"""Two runs on the same samples, compared: who is right where, and whether that is more than luck."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epam.errors import InputError, UnknownNameError, printable
from epam.evaluation import Accuracy, McNemar, ScoreTable, compare_runs, evaluate


@dataclass(frozen=True, kw_only=True, eq=False)
class ComparedRun:
    """One side of a comparison.

    Attributes:
        path: its file of scores.
        stream: which of them is compared.
        accuracy: of that stream.
    """

    path: Path
    table: ScoreTable
    stream: str
    accuracy: Accuracy

    @property
    def title(self) -> str:
        """The run as a table's row says it."""
        return f"{self.path}, {printable(self.stream)}"


@dataclass(frozen=True, kw_only=True, eq=False)
class Comparison:
    """Two runs, and McNemar's test between them."""

    run_a: ComparedRun
    run_b: ComparedRun
    test: McNemar


def compare_files(text_a: str, text_b: str) -> Comparison:
    """Compare two files of scores on the same samples.

    Args:
        text_a: path of the first, as ``epam-bench accuracy --save`` writes it; ``:stream`` behind it
            chooses one of its streams, otherwise the first is taken, the fused one of two.
        text_b: path of the second, likewise; it may be the same file with another stream.

    Raises:
        InputError: a file that holds no scores, or samples or labels that are not the same.
        UnknownNameError: a stream that the file does not have.
    """
    run_a, run_b = _load(text_a), _load(text_b)
    labels_a, labels_b = run_a.table.label_of, run_b.table.label_of
    for sample, label in labels_a.items():
        if sample in labels_b and labels_b[sample] != label:
            raise InputError(
                f"sample {printable(sample)!r} has the label {label} in {run_a.path} and "
                f"{labels_b[sample]} in {run_b.path}; compare runs on the same split of the same data set"
            )
    scores_a, scores_b = run_a.table.scores(run_a.stream), run_b.table.scores(run_b.stream)
    return Comparison(run_a=run_a, run_b=run_b, test=compare_runs(scores_a, scores_b, labels_a))


def _load(text: str) -> ComparedRun:
    path, stream = _split_stream(text)
    table = ScoreTable.load(path)
    if stream is None:
        stream = next(iter(table.streams))
    elif stream not in table.streams:
        raise UnknownNameError(f"stream of {path}", stream, map(printable, table.streams))
    accuracy = evaluate(table.scores(stream), table.label_of)
    return ComparedRun(path=path, table=table, stream=stream, accuracy=accuracy)


def _split_stream(text: str) -> tuple[Path, str | None]:
    """``scores.npz:pose`` → path and stream; what follows ``.npz`` alone is a stream."""
    before, found, stream = text.rpartition(".npz:")
    return (Path(f"{before}.npz"), stream) if found else (Path(text), None)
