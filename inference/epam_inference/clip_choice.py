"""Which clip is meant: the sample, its annotation and its video, from what the user named."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from epam.data.annotations import Annotation, AnnotationFile
from epam.errors import AnnotationError, InputError, UnknownNameError
from epam_inference.clip_inputs import count_nan_joints
from epam_inference.modality import MODALITIES, Modality
from epam_inference.video_lookup import choose_folder, get_video, sample_names


@dataclass(frozen=True, eq=False)
class ChosenClip:
    """One clip to predict.

    Attributes:
        annotation: none for RGB alone without annotations.
        video: none where the modality needs none.
        caveats: what was assumed.
    """

    sample: str
    annotation: Annotation | None
    video: Path | None
    caveats: tuple[str, ...]


def choose_clip(
    modality: Modality, *, video: Path | None, annotations: AnnotationFile | None, sample: str | None
) -> ChosenClip:
    """Find the one clip that the user means.

    Args:
        modality: decides what is needed.
        video: a video file, a folder of videos, or none: looked for beside the annotations.
        annotations: the annotation file; needed unless the modality is RGB alone.
        sample: its id; none: the one that the video is named after, or the file's only one.

    Raises:
        InputError: annotations or a video are needed and not given.
        AnnotationError: no sample of the file is meant by the video's name.
        UnknownNameError: the file has no such sample.
        VideoError: no video belongs to the sample.
    """
    if annotations is None:
        return _choose_without_annotations(modality, video, sample)
    caveats: list[str] = []
    annotation = annotations.find(sample) if sample else _find_sample(annotations, video, caveats)
    if nan_joints := count_nan_joints(annotation):
        caveats.append(
            f"{annotations.path}: sample {annotation.frame_dir} has {nan_joints} NaN joints, drawn at (0, 0) "
            "unless scored 0, as the published code does; detect its keypoints again if that is not meant"
        )
    found = _find_video(annotation.frame_dir, annotations, video) if MODALITIES[modality].video else None
    return ChosenClip(annotation.frame_dir, annotation, found, tuple(caveats))


def _choose_without_annotations(modality: Modality, video: Path | None, sample: str | None) -> ChosenClip:
    if modality != "rgb":
        raise InputError(f"{modality}: keypoints are needed; give their file with --annotations")
    if video is None or video.is_dir():
        raise InputError("rgb without --annotations: give one 224 × 224 video file with --video")
    return ChosenClip(sample or sample_names(video)[0], None, video, ())


def _find_sample(annotations: AnnotationFile, video: Path | None, caveats: list[str]) -> Annotation:
    """Return the sample that the video is named after, or else the only one there is."""
    known = [sample.frame_dir for sample in annotations] + [
        problem.sample for problem in annotations.problems
    ]
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


def _find_video(sample: str, annotations: AnnotationFile, video: Path | None) -> Path:
    if video is not None and not video.is_dir():
        return video
    return get_video(video or choose_folder(None, annotations.path, [sample]), sample)
