"""A video's frames one after another, so that long and large ones need no memory; refused if damaged."""

from __future__ import annotations

from collections.abc import Generator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

from epam.data.video import _check_end, _damaged, _error, _opened
from epam.errors import VideoError

_USUAL_RATE = Fraction(30)
_FASTEST_RATE = 1000


class VideoFacts(NamedTuple):
    """What a video says of itself, and how many coded pictures it really holds.

    ``promised_packets`` is 0 where its header does not say how many there are.
    """

    width: int
    height: int
    frame_rate: Fraction
    comment: str
    packets: int
    promised_packets: int = 0


def read_facts(path: Path) -> VideoFacts:
    """Read a video to its end without decoding it.

    Raises:
        VideoError: missing, or not a video.
    """
    with _opened(path, None) as (container, stream):
        packets = sum(packet.size > 0 for packet in container.demux(stream))
        rate = stream.average_rate or _USUAL_RATE
        return VideoFacts(
            width=stream.width,
            height=stream.height,
            frame_rate=rate if 0 < rate <= _FASTEST_RATE else _USUAL_RATE,
            comment=container.metadata.get("comment", ""),
            packets=packets,
            promised_packets=int(stream.frames),
        )


def stream_frames(path: Path) -> Generator[av.VideoFrame, None, None]:
    """Decode a video from its first frame to its last, in the order in which they are shown.

    Raises:
        VideoError: missing, not a video, damaged, cut short, without frames, or of changing size.
            What goes wrong with a frame after it was handed out is not taken for the video's fault.
    """
    size: tuple[int, int] | None = None
    count = 0
    end = 0.0
    with _opened(path, None) as (container, stream):
        for packet in container.demux(stream):
            for frame in packet.decode():
                size = size or (frame.width, frame.height)
                if (frame.width, frame.height) != size:
                    complaint = f"changes its frame size at frame {count}; re-encode it at one size"
                    raise _error(path, None, complaint)
                if frame.is_corrupt:
                    raise _damaged(path, None, count)
                count += 1
                end = max(end, frame.time or 0.0)
                yield frame
            if packet.is_corrupt:
                raise _damaged(path, None, count)
        _check_end(container, stream, end, path, None)
    if count == 0:
        raise VideoError(f"{path}: has no frames; copy or download it again")


def count_frames(path: Path) -> int:
    """Decode a whole video and count its frames.

    Raises:
        VideoError: as ``stream_frames``.
    """
    return sum(1 for _ in stream_frames(path))
