"""What a prediction and an evaluation leave behind: plain values, rendered elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from epam import CheckpointInfo
    from epam.data.clip_dataset import SkippedSample
    from epam.evaluation import Accuracy, ScoreTable

StreamScores = Mapping[str, "NDArray[np.float32]"]
"""One sample's logits, shape (classes,), by stream; the stream to rank by comes first."""


@dataclass(frozen=True)
class ClassSet:
    """The classes of a data set under a protocol; a class's number is its place in ``names``."""

    dataset: str
    protocol: str
    names: tuple[str, ...]


@dataclass(frozen=True)
class ScoredClass:
    """One class with one stream's logit for it; ``index`` counts from 0."""

    index: int
    name: str
    logit: float


def rank(scores: StreamScores, classes: ClassSet, stream: str, count: int) -> tuple[ScoredClass, ...]:
    """The ``count`` classes that a stream scores highest, best first, ties by class index."""
    logits = scores[stream].tolist()
    order = sorted(range(len(logits)), key=lambda index: -logits[index])[:count]
    return tuple(ScoredClass(index, classes.names[index], logits[index]) for index in order)


@dataclass(frozen=True, kw_only=True, eq=False)
class Prediction:
    """The scores of one clip.

    Attributes:
        logits: (classes,) float32 by stream, the stream to rank by first.
        label: the annotated class, counted from 0; none without annotations.
        checkpoint: none when the weights are random.
        seconds: wall-clock seconds by step.
        caveats: sentences that the scores must not be read without.
    """

    sample: str
    video: str | None
    model: str
    classes: ClassSet
    logits: StreamScores
    label: int | None
    checkpoint: CheckpointInfo | None
    seconds: Mapping[str, float]
    caveats: tuple[str, ...]

    def top(self, stream: str, count: int) -> tuple[ScoredClass, ...]:
        """Return the ``count`` classes that a stream scores highest, best first, ties by class index."""
        return rank(self.logits, self.classes, stream, count)


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """The scores of a split's samples, each once, and what was left out.

    Attributes:
        annotations: the file or files, or the prepared folder.
        videos: the folder of the videos; none when no video was needed.
        protocol: none where nothing says that the samples are of the classes' protocol.
        split: name in the annotation file; none when it is a plain list.
        split_samples: samples that the split holds; evaluated + skipped + not reached.
        table: logits by stream and labels, by sample id.
        accuracy: by stream; empty when no sample could be evaluated.
        interrupted: stopped by the user before the last sample.
        views: clips of each video that the logits are the mean of.
    """

    annotations: str
    videos: str | None
    model: str
    classes: ClassSet
    protocol: str | None
    split: str | None
    split_samples: int
    table: ScoreTable
    accuracy: Mapping[str, Accuracy]
    skipped: tuple[SkippedSample, ...]
    interrupted: bool
    views: int
    checkpoint: CheckpointInfo | None
    seconds: Mapping[str, float]
    caveats: tuple[str, ...]

    @property
    def evaluated_samples(self) -> int:
        """Samples with scores."""
        return len(self.table)
