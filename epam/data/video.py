"""Frames read from a video file, by number, and only from a file that decodes undamaged."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from epam.errors import InputError, VideoError, VideoWarning
from epam.file_signature import describe_placeholder

MAX_PIXELS = 4096 * 2304
"""Largest frame that is decoded (4K); a header may claim any size."""

LATE_END_SECONDS, LATE_END_FRACTION = 0.5, 0.05
"""How far before its header's end a video may stop: sound may outlast the pictures a little."""

# Containers that hold their own pictures: no play lists or scripts that open further files.
_CONTAINERS = "mov,mp4,m4a,3gp,3g2,mj2,avi,matroska,webm,mpeg,mpegts,flv,asf,ogg"

StrPath = str | PathLike[str]


@contextmanager
def collect_video_warnings() -> Iterator[list[str]]:
    """Collect what is warned of videos; every other warning goes where it would have gone.

    The list is filled when the block ends.
    """
    sentences: list[str] = []
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always", VideoWarning)
        yield sentences
    for warning in caught:
        if issubclass(warning.category, VideoWarning):
            sentences.append(str(warning.message))
        else:
            warnings.warn_explicit(warning.message, warning.category, warning.filename, warning.lineno)


class DecodedVideo(NamedTuple):
    """Frames asked for, and how many the whole video has.

    Attributes:
        frames: ``(frames, height, width, 3)``, RGB, 8 bits.
        frame_count: frames decoded to the end of the file.
    """

    frames: NDArray[np.uint8]
    frame_count: int


def decode_frames(
    path: StrPath,
    indices: NDArray[np.int64],
    *,
    expected_frames: int | None = None,
    sample: str | None = None,
) -> DecodedVideo:
    """Decode a whole video and convert the frames asked for; index n is the nth frame shown.

    The file is decoded from the first frame to the last, in one thread: counting is the only
    seek that is right for every container, and the only way to notice that one was cut short.

    Args:
        path: the video file.
        indices: numbers of the frames wanted, in any order, repeats allowed.
        expected_frames: frames that the annotation has; fewer in the video are an error, more a
            ``VideoWarning``.
        sample: name of the sample, for messages.

    Raises:
        VideoError: missing, not a video, damaged, cut short, or shorter than an index.
        InputError: no indices, or one below zero.
    """
    _check_indices(indices)
    pictures, count, _ = _decode(path, frozenset(indices.tolist()), sample)
    _check_annotated(path, sample, count, expected_frames)
    return _gather(path, sample, pictures, count, indices)


def decode_chosen_frames(
    path: StrPath,
    choose: Callable[[int], NDArray[np.int64]],
    *,
    expected_frames: int | None = None,
    sample: str | None = None,
) -> DecodedVideo:
    """Decode frames that are chosen by the number of frames that the video turns out to have.

    The count in the file's header is tried first; where it is too low, or there is none, the
    file is decoded a second time.

    Args:
        path: the video file.
        choose: makes the indices from the number of frames.
        expected_frames: frames that the annotation has, as for ``decode_frames``.
        sample: name of the sample, for messages.

    Raises:
        VideoError: as ``decode_frames``, or fewer frames than the header promises.
    """
    promised = _promised_frames(path, sample)
    indices = choose(max(promised, 1))
    pictures, count, packets = _decode(path, frozenset(indices.tolist()), sample)
    _check_annotated(path, sample, count, expected_frames)
    # Packets, not frames: a cut without re-encoding keeps packets that are decoded and not shown.
    _check_count(path, sample, packets, "header", promised)
    if count != promised:
        return decode_frames(path, choose(count), sample=sample)
    return _gather(path, sample, pictures, count, indices)


class _Decoded(NamedTuple):
    """Pictures by index, how many frames the video shows, and how many packets it holds."""

    pictures: dict[int, NDArray[np.uint8]]
    frames: int
    packets: int


def _decode(path: StrPath, wanted: frozenset[int], sample: str | None) -> _Decoded:
    pictures: dict[int, NDArray[np.uint8]] = {}
    size: tuple[int, int] | None = None
    count = packets = 0
    end = 0.0
    converter = VideoReformatter()  # one for all frames: making one costs as much as a conversion
    with _opened(path, sample) as (container, stream):
        for packet in container.demux(stream):
            packets += packet.size > 0
            for frame in packet.decode():
                size = size or (frame.width, frame.height)
                if (frame.width, frame.height) != size:
                    complaint = f"changes its frame size at frame {count}; re-encode it at one size"
                    raise _error(path, sample, complaint)
                if frame.is_corrupt:
                    raise _damaged(path, sample, count)
                if count in wanted:
                    picture = converter.reformat(frame, format="rgb24").to_ndarray()
                    pictures[count] = picture.astype(np.uint8, copy=False)
                count += 1
                end = max(end, frame.time or 0.0)
            if packet.is_corrupt:
                raise _damaged(path, sample, count)
        _check_end(container, stream, end, path, sample)
    if count == 0:
        raise _error(path, sample, "has no frames; copy or download it again")
    return _Decoded(pictures, count, packets)


def _promised_frames(path: StrPath, sample: str | None) -> int:
    with _opened(path, sample) as (_, stream):
        return int(stream.frames)


@contextmanager
def _opened(
    path: StrPath, sample: str | None
) -> Iterator[tuple[av.container.InputContainer, av.VideoStream]]:
    """Open a video for decoding; whatever FFmpeg complains of inside becomes a ``VideoError``."""
    _refuse_impostors(path, sample)
    try:
        # The `file:` prefix keeps a name like `http:x` or `concat:y` a name.
        with av.open(
            f"file:{Path(path).absolute()}",
            options={"format_whitelist": _CONTAINERS, "protocol_whitelist": "file"},
        ) as container:
            yield container, _video_stream(container, path, sample)
    except UnicodeDecodeError:
        complaint = "has damaged metadata (not UTF-8); copy or download it again, or re-encode it"
        raise _error(path, sample, complaint) from None
    except (av.FFmpegError, OSError) as error:
        complaint = f"is not a video that can be decoded ({error.strerror}); download it again"
        raise _error(path, sample, complaint) from None


def _video_stream(
    container: av.container.InputContainer, path: StrPath, sample: str | None
) -> av.VideoStream:
    """The first video stream, set to one thread; FFmpeg's own threads have hung loader workers."""
    if not container.streams.video:
        raise _error(path, sample, "has no video stream (sound only?); name the video file")
    stream = container.streams.video[0]
    if stream.codec_context is None:
        raise _error(path, sample, "is coded in a way that FFmpeg doesn't know; re-encode it as H.264")
    if stream.width * stream.height > MAX_PIXELS:
        complaint = f"claims frames of {stream.width}×{stream.height}, above {MAX_PIXELS} pixels"
        raise _error(path, sample, f"{complaint}; re-encode it smaller")
    stream.thread_type = "SLICE"
    stream.codec_context.thread_count = 1
    # The stream itself may claim another size than its header.
    stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
    return stream


def _refuse_impostors(path: StrPath, sample: str | None) -> None:
    file = Path(path)
    if file.is_dir():
        raise _error(path, sample, "is a folder; name one video file")
    if not file.is_file():
        raise _error(path, sample, "no such file; check the path, or download the video")
    try:
        with file.open("rb") as stream:
            head = stream.read(512)
    except OSError as error:
        raise _error(path, sample, f"cannot be read ({error.strerror}); check its permissions") from None
    if problem := describe_placeholder(head):
        raise _error(path, sample, problem)


def _check_indices(indices: NDArray[np.int64]) -> None:
    if indices.ndim != 1 or indices.size == 0 or indices.min() < 0:
        raise InputError(f"frame indices {indices!r}; expected at least one, none below 0")


def _check_end(
    container: av.container.InputContainer,
    stream: av.VideoStream,
    end: float,
    path: StrPath,
    sample: str | None,
) -> None:
    """Refuse a file that stops well before the duration in its header, where no frame count tells."""
    if stream.frames or not container.duration:
        return
    seconds = container.duration / av.time_base
    if end < seconds - max(LATE_END_SECONDS, LATE_END_FRACTION * seconds):
        complaint = (
            f"stops at {end:.1f} s of {seconds:.1f} s; the file is cut short: copy or download it again"
        )
        raise _error(path, sample, complaint)


def _check_annotated(path: StrPath, sample: str | None, count: int, expected: int | None) -> None:
    _check_count(path, sample, count, "annotation", expected)
    if expected is not None and count > expected:
        where = _error(
            path, sample, f"has {count} frames, its annotation says {expected}: is it the right video?"
        )
        warnings.warn(VideoWarning(str(where)), stacklevel=3)


def _check_count(path: StrPath, sample: str | None, count: int, source: str, expected: int | None) -> None:
    if expected is not None and count < expected:
        complaint = f"{count} frames can be decoded, its {source} says {expected}; "
        fix = "the file is cut short or another video: copy or download it again"
        raise _error(path, sample, complaint + fix)


def _gather(
    path: StrPath,
    sample: str | None,
    pictures: dict[int, NDArray[np.uint8]],
    count: int,
    indices: NDArray[np.int64],
) -> DecodedVideo:
    last = int(indices.max())
    if last >= count:
        raise _error(path, sample, f"has {count} frames, frame {last} was asked for; is it the right video?")
    return DecodedVideo(np.stack([pictures[index] for index in indices.tolist()]), count)


def _damaged(path: StrPath, sample: str | None, frame: int) -> VideoError:
    return _error(path, sample, f"is damaged near frame {frame}; copy or download it again")


def _error(path: StrPath, sample: str | None, complaint: str) -> VideoError:
    where = f"{path}: " if sample is None else f"{path} (sample {sample}): "
    return VideoError(where + complaint)
