"""Results as one JSON object, for machines."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING

from epam_inference.results import Evaluation, Prediction, ScoredClass

if TYPE_CHECKING:
    from epam import CheckpointInfo
    from epam.data.clip_dataset import SkippedSample


def prediction_json(prediction: Prediction, *, topk: int) -> str:
    """``{sample, fused, rgb, pose, …}``; each stream a list of ``{class, name, logit}``, best first."""
    label = prediction.label
    named_label = None if label is None else {"class": label, "name": prediction.classes.names[label]}
    document: dict[str, object] = {
        "sample": prediction.sample,
        **{stream: _classes(prediction.top(stream, topk)) for stream in prediction.logits},
        "label": named_label,
        "seconds": dict(prediction.seconds),
        "video": prediction.video,
        "model": prediction.model,
        "dataset": prediction.classes.dataset,
        "protocol": prediction.classes.protocol,
        "checkpoint": _checkpoint(prediction.checkpoint),
        "caveats": list(prediction.caveats),
    }
    return json.dumps(document, allow_nan=False)


def evaluation_json(evaluation: Evaluation) -> str:
    """``{accuracy: {stream: {top1, top5, …}}, skipped: […], …}``; accuracies are fractions of 1.

    ``protocol`` is null where nothing says that the samples are of it.
    """
    document = {
        "dataset": evaluation.classes.dataset,
        "protocol": evaluation.protocol,
        "num_classes": len(evaluation.classes.names),
        "split": evaluation.split,
        "split_samples": evaluation.split_samples,
        "evaluated_samples": evaluation.evaluated_samples,
        "accuracy": {stream: dataclasses.asdict(value) for stream, value in evaluation.accuracy.items()},
        "skipped": [_skipped(sample) for sample in evaluation.skipped],
        "interrupted": evaluation.interrupted,
        "views": evaluation.views,
        "seconds": dict(evaluation.seconds),
        "annotations": evaluation.annotations,
        "videos": evaluation.videos,
        "model": evaluation.model,
        "checkpoint": _checkpoint(evaluation.checkpoint),
        "caveats": list(evaluation.caveats),
    }
    return json.dumps(document, allow_nan=False)


def _classes(ranking: tuple[ScoredClass, ...]) -> list[dict[str, object]]:
    return [{"class": entry.index, "name": entry.name, "logit": entry.logit} for entry in ranking]


def _checkpoint(info: CheckpointInfo | None) -> dict[str, str] | None:
    return {**dataclasses.asdict(info), "path": str(info.path)} if info else None


def _skipped(sample: SkippedSample) -> dict[str, str]:
    return dataclasses.asdict(sample)
