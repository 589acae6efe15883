"""Which samples an evaluation takes, and where their videos are: settled before the network is built."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epam.data.annotations import Annotation, AnnotationFile, Problem
from epam.errors import AnnotationError, UnknownNameError
from epam_inference.clip_inputs import check_label, count_nan_joints
from epam_inference.modality import MODALITIES, Modality
from epam_inference.results import ClassSet
from epam_inference.video_lookup import choose_folder

TEST_SPLIT_ENDINGS = ("val", "test")
"""NTU's pickles call the test samples ``xsub_val``; those of the other data sets ``…_test``."""


@dataclass(frozen=True, eq=False)
class EvaluationPlan:
    """What is about to be evaluated.

    Attributes:
        annotations: the annotation file.
        split: its name there; none for a plain list, which is evaluated whole.
        samples: the split's usable samples, each once.
        problems: its unusable ones, each once.
        videos: the folder of the videos; none where the modality needs none.
        caveats: sentences that the accuracies must not be read without.
    """

    annotations: Path
    split: str | None
    samples: tuple[Annotation, ...]
    problems: tuple[Problem, ...]
    videos: Path | None
    caveats: tuple[str, ...]


def plan_evaluation(
    modality: Modality,
    classes: ClassSet,
    annotations: AnnotationFile,
    *,
    split: str | None = None,
    video: Path | None = None,
) -> EvaluationPlan:
    """Settle what is evaluated, and refuse early what cannot be.

    Args:
        modality: decides whether videos are needed.
        classes: the data set and protocol; every label must be one of its classes.
        annotations: the annotation file.
        split: a split of the file; none: the protocol's test split, or all of a plain list.
        video: the folder of the videos; none: looked for beside the annotation file.

    Raises:
        UnknownNameError: the file has no such split.
        AnnotationError: the split has no usable sample.
        InputError: a label that is no class of the protocol.
        VideoError: no video of any sample is found.
    """
    path = annotations.path
    split = split or _test_split(annotations, classes.protocol)
    samples = tuple(annotations.split(split)) if split else tuple(annotations)
    if not samples:
        raise AnnotationError(f"{path}: split {split!r} has no usable sample; choose another with --split")
    for sample in samples:
        check_label(sample, len(classes.names), origin=path)
    names = [sample.frame_dir for sample in samples]
    videos = choose_folder(video, path, names) if MODALITIES[modality].video else None
    return EvaluationPlan(
        path, split, samples, _problems_of(annotations, split), videos, _nan_caveat(path, samples)
    )


def _test_split(annotations: AnnotationFile, protocol: str) -> str | None:
    """Return the protocol's test split, or None for a plain list."""
    if not annotations.splits:
        return None
    candidates = [f"{protocol}_{ending}" for ending in TEST_SPLIT_ENDINGS]
    for name in candidates:
        if name in annotations.splits:
            return name
    raise UnknownNameError(f"split of {annotations.path}", candidates[0], annotations.splits)


def _problems_of(annotations: AnnotationFile, split: str | None) -> tuple[Problem, ...]:
    wanted = None if split is None else set(annotations.splits[split])
    first = {
        problem.sample: problem
        for problem in reversed(annotations.problems)
        if wanted is None or problem.sample in wanted
    }
    return tuple(reversed(first.values()))


def _nan_caveat(path: Path, samples: tuple[Annotation, ...]) -> tuple[str, ...]:
    damaged = [sample.frame_dir for sample in samples if count_nan_joints(sample)]
    if not damaged:
        return ()
    return (
        f"{path}: {len(damaged)} samples have NaN joints (the first: {damaged[0]}), drawn at (0, 0) unless "
        "scored 0, as the published code does",
    )
