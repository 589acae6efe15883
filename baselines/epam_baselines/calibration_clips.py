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
from epam.errors import InputError, printable

SEED = 0
"""Of the order in which the training part's samples are asked for: the same clips every time."""


@dataclass(frozen=True, kw_only=True)
class CalibrationClips:
    """Some clips of a training part, or of a list that names none.

    Attributes:
        clips: inputs of one clip each, with a batch dimension.
        samples: which they are.
        source: what they were drawn from, in words: ``the training part of embedded xsub``.
        caveats: sentences that a result of such an int8 network must not be read without.
    """

    clips: tuple[Inputs, ...]
    samples: tuple[str, ...]
    source: str
    caveats: tuple[str, ...] = ()

    @property
    def origin(self) -> str:
        """In words: ``32 clips of the training part of embedded xsub``."""
        return f"{len(self.clips)} clips of {self.source}"


def open_training_part(location: DataLocation, pipeline: Pipeline) -> Split:
    """The samples that may calibrate, whichever split the location names; all of a list that has no parts.

    Raises:
        EpamError: there is no training part, or none of its samples can be used.
    """
    return open_split(replace(location, split=None), "train", needs_videos=pipeline.needs_video)


def load_calibration_clips(
    location: DataLocation, pipeline: Pipeline, count: int, *, apart_from: Collection[str] = ()
) -> CalibrationClips:
    """Prepare clips of the training part, drawn at random, the same for the same data.

    What the protocol evaluates is left out, also where the file has it in the training part too. A
    plain list without a published rule to part it is drawn from as a whole, which ``source`` and a
    caveat say.

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
    source, caveats = _describe_source(split, location)
    left_out = {*apart_from, *_held_out(split)}
    dataset = ClipDataset(split, pipeline, refuse_empty_pose=True)
    clips: list[LoadedClip] = []
    for index in np.random.default_rng(SEED).permutation(len(split)).tolist():
        if len(clips) == count:
            break
        if split.sample_name(index) in left_out:
            continue
        clip = dataset[ClipRequest(0, index)]
        if isinstance(clip, LoadedClip):
            clips.append(clip)
    if not clips:
        raise InputError(
            f"{split.origin}: no sample of {source} can be used to calibrate int8 that is not among those to "
            "be evaluated; give data that have a training part"
        )
    return CalibrationClips(
        clips=tuple(tuple(tensor[None] for tensor in clip.inputs) for clip in clips),
        samples=tuple(clip.sample for clip in clips),
        source=source,
        caveats=caveats,
    )


def _describe_source(split: Split, location: DataLocation) -> tuple[str, tuple[str, ...]]:
    """What clips are drawn from, in words, and what must be said of that."""
    if split.name is not None or split.protocol.part_rule is not None:
        return f"the training part of {location.dataset} {location.protocol}", ()
    places = location.annotations or ((location.root,) if location.root else ())
    # A card travels: names of files, not where they are here.
    source = f"{', '.join(printable(place.name) for place in places)}, a list that names no training part"
    return source, (
        f"int8 was calibrated on clips of {source}: samples that it is evaluated on may be among them",
    )


def _held_out(split: Split) -> set[str]:
    """Samples of the parts that are not trained on."""
    parts = split.protocol.split_names.items()
    names = {name for part, names in parts if part != "train" for name in names}
    splits = split.store.splits
    return {sample for name in names & splits.keys() for sample in splits[name]}


def batched(clips: Sequence[Inputs], size: int) -> tuple[Inputs, ...]:
    """Whole batches of clips, in their order; what does not fill one is left out."""
    whole = range(0, len(clips) - size + 1, size)
    return tuple(
        tuple(torch.cat(streams) for streams in zip(*clips[start : start + size], strict=True))
        for start in whole
    )
