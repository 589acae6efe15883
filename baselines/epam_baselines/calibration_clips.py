"""Real clips that int8 is calibrated with: of the training part, never of the evaluated one."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from epam.backends.backend import Inputs
from epam.data.clip_dataset import ClipDataset, ClipRequest, LoadedClip
from epam.data.data_root import DataLocation, Split, open_split
from epam.data.pipelines import Pipeline
from epam.errors import InputError

SEED = 0
"""Of the order in which the training part's samples are asked for: the same clips every time."""


@dataclass(frozen=True, kw_only=True)
class CalibrationClips:
    """Some clips of a training part.

    Attributes:
        clips: inputs of one clip each, with a batch dimension.
        samples: which they are.
        origin: in words: ``32 clips of the training part of embedded xsub``.
    """

    clips: tuple[Inputs, ...]
    samples: tuple[str, ...]
    origin: str


def open_training_part(location: DataLocation, pipeline: Pipeline) -> Split:
    """The samples that may calibrate, whichever split the location names.

    Raises:
        EpamError: there is no training part, or none of its samples can be used.
    """
    return open_split(replace(location, split=None), "train", needs_videos=pipeline.needs_video)


def load_calibration_clips(
    location: DataLocation, pipeline: Pipeline, count: int, *, apart_from: Collection[str] = ()
) -> CalibrationClips:
    """Prepare clips of the training part, drawn at random, the same for the same data.

    Args:
        location: where the data are; a split that it names is left aside.
        pipeline: makes the network's inputs, in test mode.
        count: how many; fewer where the part has fewer that can be used.
        apart_from: samples that must not be among them: those that are going to be evaluated.

    Raises:
        InputError: there is no training part, or none of its samples can be used.
    """
    if count < 1:
        raise InputError(f"{count} clips to calibrate with: at least 1 is needed")
    split = open_training_part(location, pipeline)
    dataset = ClipDataset(split, pipeline, refuse_empty_pose=True)
    clips: list[LoadedClip] = []
    for index in np.random.default_rng(SEED).permutation(len(split)).tolist():
        if len(clips) == count:
            break
        if split.sample_name(index) in apart_from:
            continue
        clip = dataset[ClipRequest(0, index)]
        if isinstance(clip, LoadedClip):
            clips.append(clip)
    if not clips:
        raise InputError(
            f"{split.origin}: no sample of the training part can be used to calibrate int8 that is not "
            "among those to be evaluated"
        )
    return CalibrationClips(
        clips=tuple(tuple(tensor[None] for tensor in clip.inputs) for clip in clips),
        samples=tuple(clip.sample for clip in clips),
        origin=f"{len(clips)} clips of the training part of {location.dataset} {location.protocol}",
    )


def batched(clips: Sequence[Inputs], size: int) -> tuple[Inputs, ...]:
    """Whole batches of clips, in their order; what does not fill one is left out."""
    whole = range(0, len(clips) - size + 1, size)
    return tuple(
        tuple(torch.cat(streams) for streams in zip(*clips[start : start + size], strict=True))
        for start in whole
    )
