"""What a prediction and an evaluation leave behind: plain values, rendered elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from epam_inference.network_kind import Stream

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from epam import CheckpointInfo
    from epam.evaluation import Accuracy

SkipReason = Literal["missing video", "damaged video", "malformed sample", "no person in the clip"]

StreamScores = Mapping[Stream, "NDArray[np.float32]"]
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

    def top(self, stream: Stream, count: int) -> tuple[ScoredClass, ...]:
        """Return the ``count`` classes that a stream scores highest, best first, ties by class index."""
        logits = self.logits[stream].tolist()
        order = sorted(range(len(logits)), key=lambda index: -logits[index])[:count]
        return tuple(ScoredClass(index, self.classes.names[index], logits[index]) for index in order)


@dataclass(frozen=True)
class SkippedSample:
    """A sample that was not evaluated: its id, the kind of reason, and the whole message."""

    sample: str
    reason: SkipReason
    message: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Evaluation:
    """The scores of a split's samples, each once, and what was left out.

    Attributes:
        split: name in the annotation file; none when it is a plain list.
        split_samples: samples that the split holds; evaluated + skipped + not reached.
        videos: the folder of the videos; none when no video was needed.
        scores: logits by stream, keyed by sample id.
        labels: annotated class by sample id, of the evaluated samples.
        accuracy: by stream; empty when no sample could be evaluated.
        interrupted: stopped by the user before the last sample.
    """

    annotations: str
    videos: str | None
    model: str
    classes: ClassSet
    split: str | None
    split_samples: int
    scores: Mapping[str, StreamScores]
    labels: Mapping[str, int]
    accuracy: Mapping[Stream, Accuracy]
    skipped: tuple[SkippedSample, ...]
    interrupted: bool
    checkpoint: CheckpointInfo | None
    seconds: Mapping[str, float]
    caveats: tuple[str, ...]

    @property
    def protocol(self) -> str | None:
        """The protocol that the split's name says it is of; a plain list has no split to say so."""
        is_of_it = self.split is not None and self.split.startswith(f"{self.classes.protocol}_")
        return self.classes.protocol if is_of_it else None

    @property
    def evaluated_samples(self) -> int:
        """Samples with scores."""
        return len(self.scores)
