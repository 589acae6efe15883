"""Where a stream's frames come from: a camera, standard input, or a file, at its own pace or without."""

from __future__ import annotations

import io
import stat
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import av
import numpy as np
from av.video.reformatter import VideoReformatter
from numpy.typing import NDArray

from epam.data.preparation.frame_stream import read_facts, stream_frames
from epam.data.video import MAX_PIXELS
from epam.errors import InputError, VideoError
from epam_inference.streaming.stream_clock import StreamClock

STANDARD_INPUT = "-"

USUAL_RATE = 30.0
"""Frames a second of a stream that does not say how many."""

_CAMERAS: Mapping[str, tuple[str, str]] = {
    "linux": ("v4l2", "/dev/video{}"),
    "darwin": ("avfoundation", "{}"),
}
"""By system: FFmpeg's name for its cameras, and the name of the one with a number."""

_WITHOUT_CLOCK = ("h264", "hevc", "mjpeg")
"""Formats that are coded pictures and nothing else: their times are FFmpeg's guess at a frame rate."""

_DECODABLE_FOREVER = ",".join(("matroska,webm,mpegts,nut,avi,flv,mp4,mov", *_WITHOUT_CLOCK))
"""What standard input may be: formats that can be read from front to back, and open no further files."""


class StreamFrame(NamedTuple):
    """One frame of a stream.

    Attributes:
        number: from 0.
        seconds: since the first frame, by the stream's own clock.
        captured: when it was there to be seen, by ``time.monotonic()``; of a live stream as
            :class:`StreamClock` finds it.
        to_rgb: makes its picture, ``(height, width, 3)`` of 8 bits.
    """

    number: int
    seconds: float
    captured: float
    to_rgb: Callable[[], NDArray[np.uint8]]


class FrameSource(Protocol):
    """A stream of frames, read once, in one thread."""

    @property
    def name(self) -> str:
        """What the user called it."""

    @property
    def frames_per_second(self) -> float:
        """What the stream says of itself."""

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of its frames."""

    @property
    def keeps_time(self) -> bool:
        """Whether frames come when they come, so that a decision can be too late."""

    @property
    def is_live(self) -> bool:
        """Whether a long silence means that it is gone; a file at its own pace may have gaps of its own."""

    @property
    def damaged_frames(self) -> int:
        """Frames so far that could not be decoded and were passed over; in a file they are an error."""

    def __iter__(self) -> Iterator[StreamFrame]:
        """The frames, until the stream ends.

        Raises:
            VideoError: it is damaged, cut short, or has gone away.
        """

    def stop(self) -> None:
        """Let an iteration end soon; from another thread."""


def open_source(text: str, *, paced: bool = True, expected_frames: int | None = None) -> FrameSource:
    """Open what the user names.

    Args:
        text: a camera's path or number, a video file, or ``-`` for standard input.
        paced: give a file's frames when they are due, as a camera would.
        expected_frames: frames that a file's annotation has; fewer are an error at its end.

    Raises:
        InputError: a camera that cannot be opened.
        VideoError: not a video.
    """
    if text == STANDARD_INPUT:
        return LiveSource(text, "standard input", _open_standard_input)
    if text.isdecimal() or _is_character_device(Path(text)):
        return _open_camera(text)
    return FileSource(Path(text), paced=paced, expected_frames=expected_frames)


def is_file(text: str) -> bool:
    """Whether a source is a video file, which may have annotations."""
    return text != STANDARD_INPUT and not text.isdecimal() and not _is_character_device(Path(text))


class FileSource:
    """A video file; see :class:`FrameSource`."""

    is_live = False
    damaged_frames = 0

    def __init__(self, path: Path, *, paced: bool, expected_frames: int | None = None) -> None:
        facts = read_facts(path)
        self.name = str(path)
        self.frames_per_second = float(facts.frame_rate)
        self.size = (facts.height, facts.width)
        self.keeps_time = paced
        self._path = path
        # What the header promises counts packets; what it promises and the file lacks was cut off.
        self._missing = max(0, facts.promised_packets - facts.packets)
        self._expected = expected_frames
        self._stopped = threading.Event()

    def __iter__(self) -> Iterator[StreamFrame]:
        """The frames; in time, or as they are asked for."""
        first: float | None = None
        start = time.monotonic()
        count = 0
        for frame in stream_frames(self._path):
            shown = count / self.frames_per_second if frame.time is None else float(frame.time)
            first = shown if first is None else first
            seconds = max(0.0, shown - first)
            captured = start + seconds if self.keeps_time else time.monotonic()
            if self._stopped.wait(max(0.0, captured - time.monotonic())):
                return
            yield StreamFrame(count, seconds, captured, _converter(frame))
            count += 1
        self._check_end(count)

    def stop(self) -> None:
        """Let an iteration end, also one that waits for a frame's time."""
        self._stopped.set()

    def _check_end(self, count: int) -> None:
        short = "the file is cut short: copy or download it again"
        if self._missing:
            raise VideoError(f"{self.name}: {self._missing} of its frames are missing; {short}")
        if self._expected is not None and count < self._expected:
            raise VideoError(
                f"{self.name}: {count} frames can be decoded, its annotation says {self._expected}; {short}"
            )


Opener = Callable[[], av.container.InputContainer]


class LiveSource:
    """Frames that come when they come; see :class:`FrameSource`.

    Args:
        name: what the user called it.
        kind: what it is, for messages.
        open_container: opens it.
        is_camera: its end is a fault, and its packets lie in its driver's memory.
    """

    is_live = True

    def __init__(self, name: str, kind: str, open_container: Opener, *, is_camera: bool = False) -> None:
        self.name = name
        self.keeps_time = True
        self.damaged_frames = 0
        self._kind = kind
        self._is_camera = is_camera
        self._stopped = False
        self._container = open_container()
        if not self._container.streams.video:
            raise VideoError(f"{kind}: has no pictures")
        self._stream = self._container.streams.video[0]
        if self._stream.codec_context is None:
            raise VideoError(
                f"{kind}: is coded in a way that FFmpeg doesn't know; send it as H.264, as "
                "ffmpeg … -c:v libx264 -f matroska -"
            )
        self._stream.thread_type = "SLICE"
        self._stream.codec_context.thread_count = 1
        self._stream.codec_context.options = {"max_pixels": str(MAX_PIXELS)}
        self.size = (self._stream.height, self._stream.width)
        rate = self._stream.average_rate or self._stream.guessed_rate
        self.frames_per_second = float(rate) if rate and 0 < rate <= 1000 else USUAL_RATE
        self._has_clock = self._container.format.name not in _WITHOUT_CLOCK

    def __iter__(self) -> Iterator[StreamFrame]:
        """The frames; the container is closed after them."""
        count = 0
        clock = StreamClock(1 / self.frames_per_second)
        try:
            with self._container:
                for frame, arrived in self._decode():
                    if self._stopped:
                        return
                    if (frame.height, frame.width) != self.size:
                        raise VideoError(f"{self._kind}: changes its frame size after {count} frames")
                    seconds, captured = clock.place(frame.time if self._has_clock else None, arrived)
                    yield StreamFrame(count, seconds, captured, _converter(frame))
                    count += 1
        except (av.FFmpegError, OSError) as error:
            raise VideoError(f"{self._kind}: went away after {count} frames ({error.strerror})") from None
        if self._stopped:
            return
        if self._is_camera:
            raise VideoError(f"{self._kind}: went away after {count} frames")
        if count == 0:
            raise VideoError(f"{self._kind}: ended without a frame that can be decoded; check what sends it")

    def stop(self) -> None:
        """Let an iteration end at the next frame; nothing can hurry a camera that is silent."""
        self._stopped = True

    def _decode(self) -> Iterator[tuple[av.VideoFrame, float]]:
        packets = self._container.demux(self._stream)
        # By `map`: no variable, not even of a traceback, holds a camera's own packet when it is closed.
        for packet in map(_own_copy, packets) if self._is_camera else packets:
            arrived = time.monotonic()
            # A damaged picture is passed over, as on any line; the next is a thirtieth of a second away.
            try:
                frames = packet.decode()
            except av.InvalidDataError:
                self.damaged_frames += 1
                continue
            sound = [frame for frame in frames if not frame.is_corrupt]
            self.damaged_frames += len(frames) - len(sound)
            yield from ((frame, arrived) for frame in sound)


def _own_copy(packet: av.Packet) -> av.Packet:
    """Copy a camera's packet out of the memory of its driver.

    The driver unmaps it when the camera is closed, and raw pictures are decoded without a copy: a
    window's frames, which outlive the camera, would be read from memory that is gone.
    """
    if not packet.size:  # the last one, which asks the decoder for what it holds back
        return packet
    copy = av.Packet(packet.size)
    copy.update(packet)  # type: ignore[arg-type]  # takes whatever has a buffer
    copy.stream, copy.time_base = packet.stream, packet.time_base
    copy.pts, copy.dts = packet.pts, packet.dts
    copy.is_keyframe, copy.is_corrupt = packet.is_keyframe, packet.is_corrupt
    return copy


def _converter(frame: av.VideoFrame) -> Callable[[], NDArray[np.uint8]]:
    """A window holds frames as they were decoded, half as large, and few of them are ever converted."""

    def to_rgb() -> NDArray[np.uint8]:
        picture = VideoReformatter().reformat(frame, format="rgb24").to_ndarray()
        return picture.astype(np.uint8, copy=False)

    return to_rgb


def _is_character_device(path: Path) -> bool:
    try:
        return stat.S_ISCHR(path.stat().st_mode)
    except OSError:
        return str(path).startswith("/dev/video")


def _open_camera(text: str) -> LiveSource:
    if sys.platform not in _CAMERAS:
        raise InputError(
            f"camera {text}: cameras are opened on Linux and macOS; elsewhere send one to standard input, as "
            "ffmpeg … -f matroska - | epam-predict --stream -"
        )
    format_, numbered = _CAMERAS[sys.platform]
    place = numbered.format(text) if text.isdecimal() else text

    def open_container() -> av.container.InputContainer:
        try:
            return av.open(place, format=format_)
        except (av.FFmpegError, OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise InputError(
                f"{place}: cannot be opened as a camera ({reason}); check that it is there, not in use, and "
                "that you may read it"
            ) from None

    return LiveSource(text, f"camera {place}", open_container, is_camera=True)


def _open_standard_input() -> av.container.InputContainer:
    if sys.stdin is None:  # so Python has it where the shell closed it, or a service has none
        raise VideoError(
            "standard input: is closed; send a video to it, as "
            "ffmpeg … -f matroska - | epam-predict --stream -"
        )
    try:
        # A buffer would wait to be full.
        unbuffered = io.FileIO(sys.stdin.fileno(), closefd=False)
        return av.open(unbuffered, mode="r", options={"format_whitelist": _DECODABLE_FOREVER})
    except (av.FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise VideoError(
            f"standard input: is not a video that can be decoded ({reason}); check what sends it"
        ) from None
