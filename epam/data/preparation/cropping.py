"""One video cut to the people in it: 224×224 for every frame, so that skeletons and frames stay in step."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Literal

import av
import numpy as np

from epam.atomic_file import write_atomically
from epam.data.annotations import Annotation
from epam.data.person_box import person_box
from epam.data.person_crop import CROP_SIDE, crop_to_people
from epam.data.preparation.frame_stream import VideoFacts, read_facts, stream_frames
from epam.data.preparation.video_encoding import VideoEncoder
from epam.errors import VideoError

_FRAMES_AT_ONCE = 8

Done = Literal["made", "kept"]


def crop_video(annotation: Annotation, source: Path, target: Path) -> Done:
    """Write the crop of one video, unless it is there already.

    One box, of all frames and persons, computed in double precision from the keypoints as they
    are stored; every frame of the source becomes one of the crop, at the source's rate. A source
    of 224×224 is a crop already and is copied.

    Args:
        annotation: says where the people are, and how many frames there must be.
        source: the whole video, as large as the annotation's image or scaled as a whole.
        target: the ``.mp4`` that is written; it appears whole or not at all.

    Raises:
        VideoError: the source is missing, damaged, of another shape than the annotation's image,
            or has another number of frames than the annotation.
        InputError: the target cannot be written: a fault of the disk, not of this video.
    """
    facts = read_facts(source)
    if (facts.width, facts.height) == (CROP_SIDE, CROP_SIDE):
        return _copy_crop(annotation, source, target)
    comment = describe_crop(annotation)
    if is_finished(target, frames=annotation.total_frames, comment=comment):
        return "kept"
    write_atomically(target, _encode_crop(annotation, source, facts, comment))
    return "made"


def describe_crop(annotation: Annotation) -> str:
    """What a crop's file says of itself: a box that has changed is thereby noticed."""
    height, width = annotation.img_shape
    x1, y1, x2, y2 = person_box(annotation.keypoint, annotation.img_shape)
    return f"columns {x1} to {x2}, rows {y1} to {y2} of {width}x{height}"


def is_finished(path: Path, *, frames: int, comment: str) -> bool:
    """Whether a video is there, of this many frames, and made with this comment."""
    if not path.is_file():
        return False
    try:
        facts = read_facts(path)
    except VideoError:
        return False
    return facts.packets == frames and facts.comment == comment


def _encode_crop(annotation: Annotation, source: Path, facts: VideoFacts, comment: str) -> bytes:
    encoder = VideoEncoder(
        source, width=CROP_SIDE, height=CROP_SIDE, frame_rate=facts.frame_rate, comment=comment
    )
    for frames in _in_groups(stream_frames(source)):
        pictures = np.stack(
            [frame.to_ndarray(format="rgb24").astype(np.uint8, copy=False) for frame in frames]
        )
        for picture in crop_to_people(pictures, annotation, source):
            encoder.add(picture)
    check_frame_count(source, encoder.frame_count, annotation)
    return encoder.finish()


def _copy_crop(annotation: Annotation, source: Path, target: Path) -> Done:
    content = source.read_bytes()
    if target.is_file() and target.read_bytes() == content:
        return "kept"
    check_frame_count(source, sum(1 for _ in stream_frames(source)), annotation)
    write_atomically(target, content)
    return "made"


def check_frame_count(video: Path, count: int, annotation: Annotation) -> None:
    """Raise VideoError unless the video has as many frames as its skeletons."""
    if count != annotation.total_frames:
        raise VideoError(
            f"{video} (sample {annotation.frame_dir}): has {count} frames, its annotation says "
            f"{annotation.total_frames}; it is cut short, or another video: copy or download it again"
        )


def _in_groups(frames: Iterator[av.VideoFrame]) -> Iterator[list[av.VideoFrame]]:
    """A few at a time: a crop's arithmetic is shared, and full frames are large."""
    while group := list(islice(frames, _FRAMES_AT_ONCE)):
        yield group
