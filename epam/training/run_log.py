"""What happened in a training run, as JSON lines, and as TensorBoard scalars where that is installed."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, Protocol, get_args

from epam.atomic_file import write_atomically
from epam.errors import InputError
from epam.training.checkpoint_folder import JSON

LOG_NAME = "log.jsonl"
TENSORBOARD_FOLDER = "tensorboard"

Kind = Literal["start", "step", "epoch", "evaluation", "skipped", "end"]
KINDS: frozenset[str] = frozenset(get_args(Kind))
LogLine = dict[str, Any]


class ScalarWriter(Protocol):
    """The part of TensorBoard's ``SummaryWriter`` that is used."""

    def add_scalar(self, tag: str, scalar_value: float, global_step: int) -> None:
        """Keep one value."""

    def close(self) -> None:
        """Write what is left."""


class RunLog:
    """Appends to ``RUN/log.jsonl``: one JSON object a line, with ``kind`` and ``step`` first.

    ::

        start        step it begins at, and what the run is told
        step         epoch, loss, accuracy, learning_rate, …
        epoch        epoch, loss, accuracy: means over the training clips of the epoch
        evaluation   epoch, streams: {stream: {top1: …, mean_class_accuracy: …}}
        skipped      sample, reason, message
        end          outcome, and why

    A line holds only what its caller gives: no time of day, so that a resumed run's log can equal
    an uninterrupted one's. Numbers that are not finite are written as text (``"nan"``), because
    JSON has none.

    Args:
        run: the run's folder.
        resume_step: none begins a new log; otherwise lines of later steps are dropped, because the
            run makes these steps again.
        resume_position: ``position`` as it was when the state was saved: lines behind it are dropped too
            (an evaluation of the same step that will be repeated, the note that the run ended).

    Attributes:
        complaints: lines that could not be read on resume and were left out, in words.

    Raises:
        InputError: the log cannot be read or written.
    """

    def __init__(
        self, run: Path, resume_step: int | None = None, *, resume_position: int | None = None
    ) -> None:
        self.path = run / LOG_NAME
        self.complaints: tuple[str, ...] = ()
        kept: list[LogLine] = []
        if resume_step is not None and self.path.exists():
            lines, self.complaints = _parse(self.path)
            kept = [line for line in lines[:resume_position] if line["step"] <= resume_step]
        self.position = len(kept)
        write_atomically(self.path, "".join(map(_as_text, kept)))
        self._file = self.path.open("a", encoding="utf-8")
        self._scalars = _open_tensorboard(run / TENSORBOARD_FOLDER, purge_step=(resume_step or 0) + 1)

    def write(self, kind: Kind, *, step: int, **values: JSON | Mapping[str, Any] | Sequence[Any]) -> None:
        """Append a line, and give its numbers to TensorBoard; it is in the file when this returns.

        Raises:
            InputError: the disk is full or gone.
        """
        line: LogLine = {"kind": kind, "step": step, **values}
        try:
            self._file.write(_as_text(line))
            self._file.flush()
        except OSError as error:
            raise InputError(
                f"{self.path}: cannot be written ({error.strerror}); free some disk, then resume"
            ) from None
        self.position += 1
        if self._scalars is not None and kind in ("step", "epoch", "evaluation"):
            for tag, value in _scalars(kind, values):
                self._scalars.add_scalar(tag, value, step)

    def close(self) -> None:
        """Close the file; safe to call twice."""
        self._file.close()
        if self._scalars is not None:
            self._scalars.close()
            self._scalars = None

    def __enter__(self) -> RunLog:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_run_log(path: Path) -> tuple[LogLine, ...]:
    """Lines of a run's log, ``path`` being the file or the run's folder.

    A last line that a killed run left unfinished is not there.

    Raises:
        InputError: no such log, or a line in it that is not one of ours.
    """
    path = path / LOG_NAME if path.is_dir() else path
    lines, complaints = _parse(path)
    if complaints:
        raise InputError(f"{complaints[0]}; is this the log of a run?")
    return tuple(lines)


def _parse(path: Path) -> tuple[list[LogLine], tuple[str, ...]]:
    try:
        texts = path.read_bytes().split(b"\n")
    except OSError as error:
        raise InputError(f"{path}: cannot be read ({error.strerror}); check the path") from None
    # What follows the last line break is a line that was never finished, or nothing.
    lines, complaints = [], []
    for number, text in enumerate(texts[:-1], start=1):
        line = _parse_line(text)
        if line is None:
            complaints.append(f"{path}, line {number}: not a line of a training run's log")
        else:
            lines.append(line)
    return lines, tuple(complaints)


def _parse_line(text: bytes) -> LogLine | None:
    try:
        line = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(line, dict) or line.get("kind") not in KINDS or type(line.get("step")) is not int:
        return None
    return line


def _as_text(line: Mapping[str, Any]) -> str:
    return json.dumps(_finite(line), ensure_ascii=False, allow_nan=False) + "\n"


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(held) for held in value]
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


def _scalars(prefix: str, values: Mapping[str, Any]) -> list[tuple[str, float]]:
    """``{"fused": {"top1": 0.5}}`` → ``[("evaluation/fused/top1", 0.5)]``."""
    found: list[tuple[str, float]] = []
    for name, value in values.items():
        tag = f"{prefix}/{name}"
        if isinstance(value, Mapping):
            found += _scalars(tag, value)
        elif isinstance(value, int | float) and not isinstance(value, bool):
            found.append((tag, float(value)))
    return found


def _open_tensorboard(folder: Path, *, purge_step: int) -> ScalarWriter | None:
    """TensorBoard's writer, which hides what an earlier run wrote from ``purge_step`` on; none without it."""
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder), purge_step=purge_step)
