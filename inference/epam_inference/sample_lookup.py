"""Which sample, annotation and video the user means, and in which folder the videos are."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epam.data.annotations import Annotation, AnnotationFile
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError
from epam_inference.network_kind import RECIPES, NetworkKind

VIDEO_ENDINGS = ("_rgb.mp4", "_rgb.avi", ".mp4", ".avi")
"""What follows the sample's id in a video's name: NTU's crops and originals, then the other data sets'."""

FOLDERS_BESIDE_ANNOTATIONS = (".", "videos224", "videos")
"""Where videos are looked for when only annotations are given; of equal ones the first is taken."""

BROKEN_JOINTS_TREATED = (
    "treated as absent (a NaN coordinate counts as 0, as published; an infinite one, or such a score, "
    "is not drawn)"
)


@dataclass(frozen=True, eq=False)
class ChosenClip:
    """One clip to predict.

    Attributes:
        annotation: none for RGB alone without annotations.
        origin: the annotation file, for messages; none without annotations.
        video: none where the network needs none.
        caveats: what was assumed.
    """

    sample: str
    annotation: Annotation | None
    origin: Path | None
    video: Path | None
    caveats: tuple[str, ...]


def choose_clip(
    kind: NetworkKind, *, video: Path | None, annotations: AnnotationFile | None, sample: str | None
) -> ChosenClip:
    """Find the one clip that the user means.

    Args:
        kind: decides what is needed.
        video: a video file, a folder of videos, or none: looked for beside the annotations.
        annotations: the annotation file; needed unless the network sees RGB alone.
        sample: its id; none: the one that the video is named after, or the file's only one.

    Raises:
        InputError: annotations or a video are needed and not given.
        AnnotationError: no sample of the file is meant by the video's name.
        UnknownNameError: the file has no such sample.
        VideoError: no video belongs to the sample.
    """
    if annotations is None:
        return _choose_without_annotations(kind, video, sample)
    caveats: list[str] = []
    annotation = _find_sample(annotations, video, caveats) if sample is None else annotations.find(sample)
    name = annotation.frame_dir
    if broken := count_broken_joints(annotation):
        caveats.append(
            f"{annotations.path}: sample {name} has {broken} joints with a coordinate or score that is NaN "
            f"or infinite, {BROKEN_JOINTS_TREATED}; detect its keypoints again if that is not meant"
        )
    found = _find_video(name, annotations, video) if RECIPES[kind].needs_video else None
    if sample is not None and found and (other := _named_after_another(found, sample, annotations)):
        caveats.append(
            f"{found}: is named after sample {other}, and taken for --sample {sample}: is it the right video?"
        )
    return ChosenClip(name, annotation, annotations.path, found, tuple(caveats))


def describe_wrong_label(annotation: Annotation, num_classes: int, *, origin: Path) -> str | None:
    """Return a line that says so if the sample's class is not one of the protocol's."""
    if annotation.label < num_classes:
        return None
    return (
        f"{origin}: sample {annotation.frame_dir} has label {annotation.label}, and the protocol only "
        f"{num_classes} classes, from 0; correct it, or choose its data set with --dataset and --protocol"
    )


def count_broken_joints(annotation: Annotation) -> int:
    """Return how many joints, over persons and frames, have a coordinate or score that is not finite."""
    broken = ~np.isfinite(annotation.keypoint).all(axis=-1) | ~np.isfinite(annotation.keypoint_score)
    return int(broken.sum())


def sample_names(video: Path) -> tuple[str, ...]:
    """Return the sample ids that a video's file name can stand for, the likeliest first.

    >>> sample_names(Path("videos/S001C001P003R001A023_rgb.avi"))
    ('S001C001P003R001A023', 'S001C001P003R001A023_rgb')
    """
    return tuple(dict.fromkeys((video.stem.removesuffix("_rgb"), video.stem)))


def check_exists(video: Path) -> None:
    """Raise VideoError unless a file or folder is there, before anything slow is begun."""
    if not video.exists():
        raise VideoError(f"{video}: no such video file or folder; check --video")


def get_video(folder: Path, sample: str) -> Path:
    """Return the sample's video in ``folder``, the first of ``VIDEO_ENDINGS`` that exists.

    Raises:
        VideoError: there is none; names what was tried.
    """
    for ending in VIDEO_ENDINGS:
        if (video := folder / f"{sample}{ending}").is_file():
            return video
    tried = ", ".join(f"{sample}{ending}" for ending in VIDEO_ENDINGS)
    raise VideoError(f"{folder}: no video of sample {sample}; put there one of {tried}")


def choose_folder(video: Path | None, annotations: Path, samples: Sequence[str]) -> Path:
    """Return the folder that holds the samples' videos.

    Args:
        video: the folder that the user named; none: that of ``FOLDERS_BESIDE_ANNOTATIONS`` which
            holds the videos of the most samples.
        annotations: the annotation file.
        samples: ids of the samples that are wanted.

    Raises:
        VideoError: not one of the samples has a video there, so the folder must be another.
    """
    folders = [video] if video else [annotations.parent / name for name in FOLDERS_BESIDE_ANNOTATIONS]
    counts = [_count_videos(folder, samples) for folder in folders]
    if any(counts):
        return folders[counts.index(max(counts))]
    raise VideoError(
        f"{annotations}: no video of its samples (such as {samples[0]}{VIDEO_ENDINGS[0]}) in "
        f"{', '.join(map(str, folders))}; give their folder with --video"
    )


def _count_videos(folder: Path, samples: Sequence[str]) -> int:
    """Count the samples that have a video, by one listing: file systems may be slow and splits long."""
    if not folder.is_dir():
        return 0
    with os.scandir(folder) as entries:
        files = {entry.name for entry in entries if entry.is_file()}
    return sum(any(f"{sample}{ending}" in files for ending in VIDEO_ENDINGS) for sample in samples)


def _choose_without_annotations(kind: NetworkKind, video: Path | None, sample: str | None) -> ChosenClip:
    if kind != "rgb":
        raise InputError(f"{kind}: keypoints are needed; give their file with --annotations")
    if video is None or video.is_dir():
        raise InputError("rgb without --annotations: give one 224 × 224 video file with --video")
    return ChosenClip(sample_names(video)[0] if sample is None else sample, None, None, video, ())


def _find_sample(annotations: AnnotationFile, video: Path | None, caveats: list[str]) -> Annotation:
    """Return the sample that the video is named after, or else the only one there is."""
    known = _known_samples(annotations)
    names = sample_names(video) if video and not video.is_dir() else ()
    for name in names:
        if name in known:
            return annotations.find(name)
    if len(known) == 1:
        caveats.append(f"no sample named: taken for {known[0]}, the only one of {annotations.path}")
        return annotations[0]
    nearest = UnknownNameError("sample", names[0], known).nearest if names else []
    hint = f" (nearest: {', '.join(nearest)})" if nearest else ""
    raise AnnotationError(
        f"{annotations.path}: which of its {len(known)} samples is the video {video} meant to be{hint}? "
        "Name it with --sample"
    )


def _named_after_another(video: Path, sample: str, annotations: AnnotationFile) -> str | None:
    """Return the sample that the video's name says it shows, if that is another one of the file."""
    names = sample_names(video)
    if sample in names:
        return None
    known = _known_samples(annotations)
    return next((name for name in names if name in known), None)


def _known_samples(annotations: AnnotationFile) -> list[str]:
    """All ids of the file, those that cannot be used included."""
    usable = [sample.frame_dir for sample in annotations]
    return list(dict.fromkeys(usable + [problem.sample for problem in annotations.problems]))


def _find_video(sample: str, annotations: AnnotationFile, video: Path | None) -> Path:
    if video is not None and not video.is_dir():
        return video
    return get_video(video or choose_folder(None, annotations.path, [sample]), sample)
