"""Videos and annotations that fit each other, and pictures that say which frame they are."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from epam.data.annotations import Annotation

MakeVideo = Callable[..., Path]


def write_shades(
    path: Path, *, frames: int = 12, width: int = 320, height: int = 180, rate: int = 30
) -> Path:
    """Write a video whose nth frame is all of grey level 20 n, with a white left half."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mpeg4" if path.suffix == ".avi" else "libx264", rate=rate)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.time_base = Fraction(1, rate)
        stream.codec_context.thread_count = 1
        for number in range(frames):
            pixels = np.full((height, width, 3), 20 * number, dtype=np.uint8)
            pixels[:, : width // 2] = 255
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode(None))
    return path


@pytest.fixture
def make_shades() -> MakeVideo:
    return write_shades


@pytest.fixture
def make_annotation() -> Callable[..., Annotation]:
    """A person in the right half of a picture of 320×180, from (200, 50) to (280, 130)."""

    def make(name: str = "a", *, frames: int = 12, label: int = 0, shift: float = 0) -> Annotation:
        keypoint = np.zeros((1, frames, 17, 2), dtype=np.float16)
        keypoint[..., 0, :] = 200 + shift, 50
        keypoint[..., 1, :] = 280 + shift, 130
        return Annotation(name, label, (180, 320), frames, keypoint, np.ones((1, frames, 17), np.float16))

    return make
