"""Writes a video as the real clips are: H.264 with B-frames, and a key frame every twelve."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

from epam.atomic_file import atomic_path
from epam.data.synthetic.actions import FRAMES_PER_SECOND

# Without the macroblock tree, which now and then gave other bytes for the same frames; without what
# takes a decoder long (CABAC, the loop filter): training decodes every file many times.
_ENCODER = {"crf": "23", "preset": "veryfast", "tune": "fastdecode", "bf": "2", "x264-params": "mbtree=0"}
_KEY_FRAME_EVERY = 12


def write_video(path: Path, frames: Iterable[NDArray[np.uint8]], *, size: tuple[int, int]) -> None:
    """Encode frames as they come; the file appears whole or not at all, the same bytes every time.

    Args:
        path: an ``.mp4``.
        frames: ``(height, width, 3)`` each, RGB.
        size: their height and width, both even.
    """
    with atomic_path(path) as unfinished, av.open(str(unfinished), "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=FRAMES_PER_SECOND)
        stream.height, stream.width = size
        stream.pix_fmt = "yuv420p"
        stream.time_base = Fraction(1, FRAMES_PER_SECOND)
        stream.gop_size = _KEY_FRAME_EVERY
        stream.codec_context.thread_count = 1  # how frames are shared out among threads tells in the bytes
        stream.options = dict(_ENCODER)
        for number, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
