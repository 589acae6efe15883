"""Scores keyed by sample id, written whole or not at all, as JSON or NumPy's npz."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from epam.atomic_file import atomic_path
from epam.errors import InputError
from epam_inference.results import Evaluation


def check_scores_path(path: Path) -> None:
    """Refuse a path that cannot be written to, before hours of evaluation depend on it."""
    if path.suffix not in _ENCODERS:
        raise InputError(f"{path}: scores are written as {' or '.join(_ENCODERS)}; choose such a name")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise InputError(f"{path}: its folder does not exist or cannot be written to; create it first")
    if path.is_dir():
        raise InputError(f"{path}: is a folder; give a file name")


def write_scores(path: Path, evaluation: Evaluation) -> None:
    """Write ``evaluation``'s scores and labels to ``path``, replacing what was there in one step.

    ``.json``: ``{"model", "dataset", "protocol", "labels": {sample: class}, "scores": {sample:
    {stream: [logit, …]}}}``. ``.npz`` (load with ``allow_pickle=False``): ``samples`` (N,) str,
    ``labels`` (N,) int64, and one (N, classes) float32 array a stream. ``protocol`` is null where
    the annotation file does not say that the samples are of it.

    Raises:
        InputError: a file name that is neither, or a folder that cannot be written to.
    """
    check_scores_path(path)
    content = _ENCODERS[path.suffix](evaluation)
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def _as_json(evaluation: Evaluation) -> bytes:
    document = {
        "model": evaluation.model,
        "dataset": evaluation.classes.dataset,
        "protocol": evaluation.protocol,
        "labels": dict(evaluation.labels),
        "scores": {
            sample: {stream: logits.tolist() for stream, logits in streams.items()}
            for sample, streams in evaluation.scores.items()
        },
    }
    return json.dumps(document, allow_nan=False).encode()


def _as_npz(evaluation: Evaluation) -> bytes:
    samples = list(evaluation.scores)
    streams = evaluation.scores[samples[0]] if samples else ()
    arrays: dict[str, Any] = {
        stream: np.stack([evaluation.scores[sample][stream] for sample in samples]) for stream in streams
    }
    labels = np.array([evaluation.labels[sample] for sample in samples], dtype=np.int64)
    buffer = io.BytesIO()
    np.savez(buffer, samples=np.array(samples, dtype=np.str_), labels=labels, **arrays)
    return buffer.getvalue()


_ENCODERS: dict[str, Callable[[Evaluation], bytes]] = {".json": _as_json, ".npz": _as_npz}
