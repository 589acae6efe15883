"""Small videos that say in their pixels which frame is which."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

VideoMaker = Callable[..., Path]
NumberReader = Callable[[NDArray[np.uint8]], list[int]]


@pytest.fixture
def make_video(tmp_path: Path) -> VideoMaker:
    """A video whose frames show their numbers: eight black or white stripes, lowest bit first."""

    def make(
        name: str = "clip.mp4", *, frames: int = 60, width: int = 64, height: int = 48, codec: str = "libx264"
    ) -> Path:
        path = tmp_path / name
        with av.open(str(path), "w") as container:
            stream = container.add_stream(codec, rate=30)
            stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
            stream.time_base = Fraction(1, 30)
            stream.gop_size = 12
            stream.codec_context.thread_count = 1
            stream.options = {"bf": "2"}
            for number in range(frames):
                bits = np.unpackbits(np.array([number], dtype=np.uint8), bitorder="little")
                stripes = 255 * np.repeat(bits, width // 8)
                pixels = np.broadcast_to(stripes[None, :, None], (height, width, 3)).copy()
                container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
            container.mux(stream.encode(None))
        return path

    return make


@pytest.fixture
def read_numbers() -> NumberReader:
    """Reads the numbers back from ``(frames, height, width, 3)``."""

    def read(frames: NDArray[np.uint8]) -> list[int]:
        height, width = frames.shape[1:3]
        middles = np.arange(8) * (width // 8) + width // 16
        bits = (frames[:, height // 2, middles, 1] > 127).astype(np.uint8)
        return np.packbits(bits, axis=-1, bitorder="little")[:, 0].tolist()

    return read
