from __future__ import annotations

import os
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from epam.data.preparation.frame_stream import read_facts
from epam.data.preparation.video_encoding import VideoEncoder
from epam.data.video import decode_frames
from epam.errors import VideoError

ENCODE_NOISE = """
import hashlib
from fractions import Fraction
from pathlib import Path
import numpy as np
from epam.data.preparation.video_encoding import VideoEncoder

noise = np.random.default_rng(0).integers(0, 255, (12, 224, 224, 3)).astype(np.uint8)
encoder = VideoEncoder(Path("noise"), width=224, height=224, frame_rate=Fraction(30))
for picture in noise:
    encoder.add(picture)
print(hashlib.sha256(encoder.finish()).hexdigest())
"""


def encode(*levels: int, frame_rate: Fraction = Fraction(30), comment: str = "") -> bytes:
    encoder = VideoEncoder(Path("a"), width=64, height=48, frame_rate=frame_rate, comment=comment)
    for level in levels:
        encoder.add(np.full((48, 64, 3), level, np.uint8))
    return encoder.finish()


def test_frames_rate_and_comment_come_back(tmp_path: Path) -> None:
    path = tmp_path / "a.mp4"
    path.write_bytes(encode(0, 100, 200, frame_rate=Fraction(30000, 1001), comment="columns 1 to 2"))
    facts = read_facts(path)
    assert facts == (64, 48, Fraction(30000, 1001), "columns 1 to 2", 3, 3)
    pictures = decode_frames(path, np.arange(3)).frames
    assert np.allclose([picture.mean() for picture in pictures], [0, 100, 200], atol=3)


def test_the_same_frames_give_the_same_bytes_whatever_was_in_memory_before() -> None:
    # The C library fills memory with this before it is used, where it is glibc; elsewhere the test is weaker.
    sums = {
        subprocess.run(
            [sys.executable, "-c", ENCODE_NOISE],
            env=os.environ | {"MALLOC_PERTURB_": filling},
            capture_output=True,
            check=True,
            text=True,
            timeout=120,
        ).stdout
        for filling in ("1", "170")
    }
    assert len(sums) == 1


def test_sides_that_cannot_be_encoded_are_told() -> None:
    encoder = VideoEncoder(Path("odd.avi"), width=63, height=47, frame_rate=Fraction(30))
    with pytest.raises(VideoError, match=r"odd\.avi: cannot be encoded as H\.264"):
        encoder.add(np.zeros((47, 63, 3), np.uint8))
