"""Scores keyed by sample id, written whole or not at all, as JSON or NumPy's npz."""

from __future__ import annotations

import json
import os
from pathlib import Path

from epam.atomic_file import write_atomically
from epam.errors import InputError
from epam_inference.results import Evaluation

ENDINGS = (".json", ".npz")


def check_scores_path(path: Path) -> None:
    """Refuse a path that cannot be written to, before hours of evaluation depend on it."""
    if path.suffix not in ENDINGS:
        raise InputError(f"{path}: scores are written as {' or '.join(ENDINGS)}; choose such a name")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: its folder does not exist or cannot be written to; create it first")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file name")


def write_scores(path: Path, evaluation: Evaluation) -> None:
    """Write ``evaluation``'s scores and labels to ``path``, replacing what was there in one step.

    ``.json``: ``{"model", "dataset", "protocol", "labels": {sample: class}, "scores": {sample:
    {stream: [logit, …]}}}``. ``.npz`` (load with ``allow_pickle=False``): ``samples`` (N,) str,
    ``labels`` (N,) int64, and one (N, classes) float32 array a stream. ``protocol`` is null where
    nothing says that the samples are of it.

    Raises:
        InputError: a file name that is neither, or a folder that cannot be written to.
    """
    check_scores_path(path)
    if path.suffix == ".npz":
        evaluation.table.save(path)
    else:
        write_atomically(path, _as_json(evaluation))


def _as_json(evaluation: Evaluation) -> str:
    table = evaluation.table
    document = {
        "model": evaluation.model,
        "dataset": evaluation.classes.dataset,
        "protocol": evaluation.protocol,
        "labels": table.label_of,
        "scores": {
            sample: {stream: logits[row].tolist() for stream, logits in table.streams.items()}
            for row, sample in enumerate(table.samples)
        },
    }
    return json.dumps(document, allow_nan=False)
