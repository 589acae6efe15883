"""What the network is worth after an epoch: every stream's accuracies on the evaluated split."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

from epam.data.clip_dataset import SkippedSample
from epam.data.data_root import Split
from epam.data.pipelines import Pipeline
from epam.errors import InputError
from epam.evaluation import evaluate, score_split
from epam.training.distributed import Processes

PUBLISHED_METRIC = {"toyota_smarthome": "mean_class_accuracy"}
"""What a data set's papers report, where it is not top-1 (data.md 4.1)."""


@dataclass(frozen=True, kw_only=True)
class Evaluation:
    """Accuracies by stream, the one that stands for the network first.

    Attributes:
        streams: top1, top5, mean_class_accuracy and mean_class_accuracy_present, fractions of 1, by
            the stream's name.
        samples: that were scored.
        skipped: that could not be.
        interrupted: the evaluation was asked to stop; the rest is then empty.
    """

    streams: Mapping[str, Mapping[str, float]]
    samples: int
    skipped: tuple[SkippedSample, ...] = ()
    interrupted: bool = False

    @property
    def metrics(self) -> dict[str, float]:
        """All of them, as ``stream/metric``."""
        return {
            f"{stream}/{name}": value
            for stream, values in self.streams.items()
            for name, value in values.items()
        }

    def value_of(self, metric: str) -> float:
        """A metric of the first stream."""
        return next(iter(self.streams.values()))[metric]


def evaluate_split(
    module: nn.Module,
    split: Split,
    pipeline: Pipeline,
    *,
    processes: Processes,
    batch_size: int,
    workers: int,
    advance: Callable[[int], object] = lambda _: None,
) -> Evaluation:
    """Score a split in fp32 and count what is right; all processes share the work and get the result.

    Args:
        module: on the processes' device.
        split: the samples.
        pipeline: in test mode.
        processes: that share the samples out.
        batch_size: clips a forward pass in each.
        workers: that prepare clips for each.
        advance: called with the number of samples just settled; may raise ``KeyboardInterrupt`` to
            end the evaluation early.

    Raises:
        InputError: no sample can be used, or logits that are not finite.
    """
    scores = score_split(
        module,
        split,
        pipeline,
        batch_size=batch_size,
        workers=workers,
        device=processes.device,
        rank=processes.rank,
        world_size=processes.world_size,
        advance=advance,
    )
    if scores.interrupted:
        return Evaluation(streams={}, samples=0, interrupted=True)
    if not len(scores.table):
        raise InputError(
            f"{split.origin}: none of the {len(scores.skipped)} samples to evaluate can be used; the first: "
            f"{scores.skipped[0].message}"
        )
    labels = scores.table.label_of
    streams = {
        stream: _metrics(dataclasses.asdict(evaluate(scores.table.scores(stream), labels)))
        for stream in scores.table.streams
    }
    return Evaluation(streams=streams, samples=len(scores.table), skipped=scores.skipped)


def _metrics(accuracy: dict[str, float]) -> dict[str, float]:
    return {name: value for name, value in accuracy.items() if name != "samples"}
