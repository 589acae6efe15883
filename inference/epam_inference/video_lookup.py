"""Which video belongs to a sample, which sample to a video, and in which folder the videos are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from epam.errors import VideoError

VIDEO_ENDINGS = ("_rgb.mp4", "_rgb.avi", ".mp4", ".avi")
"""What follows the sample's id in a video's name: NTU's crops and originals, then the other data sets'."""

FOLDERS_BESIDE_ANNOTATIONS = (".", "videos224", "videos")
"""Where videos are looked for when only annotations are given; crops before full-size frames."""


def find_video(folder: Path, sample: str) -> Path | None:
    """Return the sample's video in ``folder``, the first of ``VIDEO_ENDINGS`` that exists, or None."""
    candidates = (folder / f"{sample}{ending}" for ending in VIDEO_ENDINGS)
    return next((path for path in candidates if path.is_file()), None)


def get_video(folder: Path, sample: str) -> Path:
    """Return the sample's video in ``folder``; VideoError names what was tried."""
    video = find_video(folder, sample)
    if video is None:
        tried = ", ".join(f"{sample}{ending}" for ending in VIDEO_ENDINGS)
        raise VideoError(f"{folder}: no video of sample {sample}; put there one of {tried}")
    return video


def sample_names(video: Path) -> tuple[str, ...]:
    """Return the sample ids that a video's file name can stand for, the likeliest first.

    >>> sample_names(Path("videos/S001C001P003R001A023_rgb.avi"))
    ('S001C001P003R001A023', 'S001C001P003R001A023_rgb')
    """
    return tuple(dict.fromkeys((video.stem.removesuffix("_rgb"), video.stem)))


def choose_folder(video: Path | None, annotations: Path, samples: Sequence[str]) -> Path:
    """Return the folder that holds the samples' videos.

    Args:
        video: the folder that the user named; none: the first of ``FOLDERS_BESIDE_ANNOTATIONS``
            that holds a video of any of the samples.
        annotations: the annotation file.
        samples: ids of the samples that are wanted.

    Raises:
        VideoError: not one of the samples has a video there, so the folder must be another.
    """
    folders = [video] if video else [annotations.parent / name for name in FOLDERS_BESIDE_ANNOTATIONS]
    for folder in folders:
        if folder.is_dir() and any(find_video(folder, sample) for sample in samples):
            return folder
    raise VideoError(
        f"{annotations}: no video of its samples (such as {samples[0]}{VIDEO_ENDINGS[0]}) in "
        f"{', '.join(map(str, folders))}; give their folder with --video"
    )


def check_exists(video: Path) -> None:
    """Raise VideoError unless a file or folder is there, before anything slow is begun."""
    if not video.exists():
        raise VideoError(f"{video}: no such video file or folder; check --video")
