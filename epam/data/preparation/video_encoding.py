"""H.264 encoded in memory: a full disk is then the disk's error and never looks like a video's."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.video.frame import PictureType
from numpy.typing import NDArray

from epam.errors import VideoError

ENCODER = {"crf": "18", "preset": "veryfast", "tune": "fastdecode", "bf": "2", "mbtree": "0"}
"""Quality that the eye does not tell from the source; ours, the published crops are MPEG-4 part 2.

Without macroblock trees: with them, the x264 of PyAV 18.1 reads memory that nobody has written, and
the same frames give other bytes now and then (seen with ``MALLOC_PERTURB_``). Tuned for decoding,
which every epoch of a training does again: without CABAC and loop filter.
"""

KEY_FRAME_EVERY = 12


class VideoEncoder:
    """Takes frames one by one; the same frames give the same bytes."""

    def __init__(
        self, source: Path, *, width: int, height: int, frame_rate: Fraction, comment: str = ""
    ) -> None:
        """Begin a video; ``source`` is named in messages."""
        self._source = source
        self._file = io.BytesIO()
        self._container = av.open(self._file, "w", format="mp4")
        self._container.metadata["comment"] = comment
        # Not the stream's: that one becomes the container's once its header is written.
        self._time_base = 1 / frame_rate
        stream = self._container.add_stream("libx264", rate=frame_rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = self._time_base
        stream.gop_size = KEY_FRAME_EVERY
        # How frames are shared out among threads tells in the bytes, and processes share the cores.
        stream.codec_context.thread_count = 1
        stream.options = dict(ENCODER)
        self._stream = stream
        self.frame_count = 0

    def add(self, picture: NDArray[np.uint8] | av.VideoFrame) -> None:
        """Append one frame: ``(height, width, 3)`` RGB, or a decoded one.

        Raises:
            VideoError: it cannot be encoded.
        """
        if isinstance(picture, np.ndarray):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        else:
            frame = picture.reformat(format="yuv420p")
            # What the source's encoder made of it must not steer ours.
            frame.pict_type = PictureType.NONE
        frame.pts, frame.time_base = self.frame_count, self._time_base
        self._encode(frame)
        self.frame_count += 1

    def finish(self) -> bytes:
        """The whole file.

        Raises:
            VideoError: the last frames cannot be encoded.
        """
        self._encode(None)
        self._container.close()
        return self._file.getvalue()

    def _encode(self, frame: av.VideoFrame | None) -> None:
        try:
            self._container.mux(self._stream.encode(frame))
        except av.FFmpegError as error:
            raise VideoError(
                f"{self._source}: cannot be encoded as H.264 ({error.strerror}); are its sides odd numbers?"
            ) from None
