"""A split's samples as networks' inputs, and what becomes of the ones that cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

import torch
from torch import Tensor
from torch.utils.data import Dataset, default_collate

from epam.data.annotations import Annotation
from epam.data.pipelines import Pipeline
from epam.data.sample_randomness import SampleRandomness
from epam.data.video import collect_video_warnings
from epam.errors import InputError, VideoError

SkipReason = Literal["missing video", "damaged video", "malformed sample", "no person in the clip"]


class SampleSource(Protocol):
    """What is asked of a split: its samples by number, from 0."""

    def __len__(self) -> int:
        """How many samples."""

    def sample_name(self, index: int, /) -> str:
        """The sample's id."""

    def label(self, index: int, /) -> int:
        """Its class."""

    def annotation(self, index: int, /) -> Annotation:
        """Its skeletons; an ``InputError`` if they are unusable."""

    def find_video(self, index: int, /) -> Path:
        """Its video's file; a ``VideoError`` that names what was tried if there is none."""


@dataclass(frozen=True, slots=True)
class ClipRequest:
    """Which clip is wanted.

    Attributes:
        epoch: from 0; with the index it decides what is random.
        index: of the sample in its split.
    """

    epoch: int
    index: int


@dataclass(frozen=True)
class SkippedSample:
    """A sample that could not be used, and why.

    Attributes:
        sample: its id.
        reason: in a few words, to count by.
        message: in one line, with the file and the fix.
    """

    sample: str
    reason: SkipReason
    message: str


@dataclass(frozen=True, eq=False)
class LoadedClip:
    """One sample, ready for a batch.

    Attributes:
        index: of the sample in its split.
        sample: its id.
        label: its class.
        inputs: as ``Pipeline`` gives them.
        caveats: where the video does not agree with its annotation, and can be used all the same.
    """

    index: int
    sample: str
    label: int
    inputs: tuple[Tensor, ...]
    caveats: tuple[str, ...] = ()


class ClipDataset(Dataset[LoadedClip | SkippedSample]):
    """Prepares the clips that are asked for; an unusable sample costs itself and nothing else.

    No other sample is put in the place of one that is skipped.

    Args:
        split: the samples.
        pipeline: makes their inputs.
        seed: with epoch and index it decides what is random in training.
        views: clips of each video, for tests.
        refuse_empty_pose: skip samples of which the pose stream would see nothing at all.
    """

    def __init__(
        self,
        split: SampleSource,
        pipeline: Pipeline,
        *,
        seed: int = 0,
        views: int = 1,
        refuse_empty_pose: bool,
    ) -> None:
        self._split = split
        self._pipeline = pipeline
        self._seed = seed
        self._views = views
        self._refuse_empty_pose = refuse_empty_pose and pipeline.needs_keypoints

    def __len__(self) -> int:
        return len(self._split)

    def __getitem__(self, request: ClipRequest) -> LoadedClip | SkippedSample:
        """The clip, or why there is none.

        Raises:
            InputError: what is wrong is not the sample, but how the data set was made.
        """
        sample = self._split.sample_name(request.index)
        try:
            annotation = self._split.annotation(request.index)
        except InputError as error:
            return SkippedSample(sample, "malformed sample", str(error))
        video = None
        if self._pipeline.needs_video:
            try:
                video = self._split.find_video(request.index)
            except VideoError as error:
                return SkippedSample(sample, "missing video", str(error))
        return self._prepare(request, sample, annotation, video)

    def _prepare(
        self, request: ClipRequest, sample: str, annotation: Annotation, video: Path | None
    ) -> LoadedClip | SkippedSample:
        randomness = None
        if self._pipeline.augmentation is not None:
            randomness = SampleRandomness.of(self._seed, request.epoch, request.index)
        try:
            with collect_video_warnings() as caveats:
                inputs = self._pipeline(annotation, video, randomness=randomness, views=self._views)
        except VideoError as error:
            there = video is not None and video.is_file()
            return SkippedSample(sample, "damaged video" if there else "missing video", str(error))
        if self._refuse_empty_pose and not inputs[-1].any():
            return SkippedSample(sample, "no person in the clip", _nobody(sample))
        label = self._split.label(request.index)
        return LoadedClip(request.index, sample, label, inputs, tuple(caveats))


def _nobody(sample: str) -> str:
    return (
        f"sample {sample}: no person in the clip (every joint is absent or scored 0); "
        "detect its keypoints again, or leave the sample out"
    )


@dataclass(eq=False)
class ClipBatch:
    """Clips of a batch, stacked, and what is to be said of it.

    Attributes:
        inputs: each ``(N, …)``; none at all where every sample was skipped.
        labels: ``(N,)``, int64.
        indices: of the samples in their split.
        samples: their ids.
        skipped: samples that should have been in the batch.
        caveats: of the samples in it.
    """

    inputs: tuple[Tensor, ...]
    labels: Tensor
    indices: list[int]
    samples: list[str]
    skipped: list[SkippedSample] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.samples)

    def pin_memory(self) -> ClipBatch:
        """The same batch in memory that a GPU copies from while the CPU goes on."""
        inputs = tuple(tensor.pin_memory() for tensor in self.inputs)
        return ClipBatch(
            inputs, self.labels.pin_memory(), self.indices, self.samples, self.skipped, self.caveats
        )


def collate(items: Sequence[LoadedClip | SkippedSample]) -> ClipBatch:
    """Stack the clips; in a loader's worker straight into memory that is shared with its parent."""
    clips = [item for item in items if isinstance(item, LoadedClip)]
    streams: list[tuple[Any, ...]] = list(zip(*(clip.inputs for clip in clips), strict=True))
    return ClipBatch(
        inputs=tuple(default_collate(list(stream)) for stream in streams),
        labels=torch.tensor([clip.label for clip in clips], dtype=torch.int64),
        indices=[clip.index for clip in clips],
        samples=[clip.sample for clip in clips],
        skipped=[item for item in items if isinstance(item, SkippedSample)],
        caveats=[caveat for clip in clips for caveat in clip.caveats],
    )
