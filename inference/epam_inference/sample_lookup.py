"""Which sample, annotation and video the user means, and in which folder the videos are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from epam.data.annotations import Annotation, AnnotationFile
from epam.data.data_root import (
    CROPS_FOLDER,
    FOLDERS_BESIDE_ANNOTATIONS,
    VIDEO_ENDINGS,
    get_video,
    list_endings,
    open_prepared_store,
)
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError
from epam_inference.network_kind import NetworkKind, needs_video

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
    caveats += _broken_joints_caveat(annotation, annotations.path)
    found = _find_video(name, annotations, video) if needs_video(kind) else None
    if sample is not None and found and (other := _named_after_another(found, sample, annotations)):
        caveats.append(
            f"{found}: is named after sample {other}, and taken for --sample {sample}: is it the right video?"
        )
    return ChosenClip(name, annotation, annotations.path, found, tuple(caveats))


def choose_prepared_clip(
    kind: NetworkKind, *, root: Path, dataset: str, video: Path | None, sample: str | None
) -> ChosenClip:
    """Find the one clip that the user means in a prepared folder.

    Args:
        kind: decides what is needed.
        root: the prepared folder.
        dataset: the data set that names the classes; it must be the folder's.
        video: another video file or folder than the root's own.
        sample: its id; none: the one that the video is named after.

    Raises:
        InputError: the root is no prepared folder, or another data set's, or nothing names a sample.
        UnknownNameError: the root has no such sample.
        VideoError: no video belongs to the sample.
    """
    store = open_prepared_store(root, dataset)
    names = sample_names(video) if sample is None and video else ()
    name = sample if sample is not None else next((name for name in names if name in store.names), None)
    if name is None:
        raise InputError(
            f"{root}: which of its {len(store)} samples is {video} meant to be? Name it with --sample"
        )
    annotation = store.annotation(store.find(name))
    found = None
    if needs_video(kind):
        is_file = video is not None and not video.is_dir()
        found = video if is_file else get_video(video or root / CROPS_FOLDER, name)
    return ChosenClip(name, annotation, root, found, _broken_joints_caveat(annotation, root))


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
    counts = [int((list_endings(folder, samples, VIDEO_ENDINGS) >= 0).sum()) for folder in folders]
    if any(counts):
        return folders[counts.index(max(counts))]
    raise VideoError(
        f"{annotations}: no video of its samples (such as {samples[0]}{VIDEO_ENDINGS[0]}) in "
        f"{', '.join(map(str, folders))}; give their folder with --video"
    )


def _broken_joints_caveat(annotation: Annotation, origin: Path) -> tuple[str, ...]:
    broken = count_broken_joints(annotation)
    if not broken:
        return ()
    return (
        f"{origin}: sample {annotation.frame_dir} has {broken} joints with a coordinate or score that is NaN "
        f"or infinite, {BROKEN_JOINTS_TREATED}; detect its keypoints again if that is not meant",
    )


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
