from pathlib import Path

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from epam.data.synthetic.video_file import write_video
from epam.data.video import decode_frames


def grey_frames(count: int) -> list[NDArray[np.uint8]]:
    return [np.full((32, 48, 3), 5 * number, dtype=np.uint8) for number in range(count)]


def test_frames_come_back_in_their_order(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", grey_frames(30), size=(32, 48))
    decoded = decode_frames(tmp_path / "a.mp4", np.arange(30))
    assert decoded.frame_count == 30
    means = decoded.frames.mean(axis=(1, 2, 3))
    np.testing.assert_allclose(means, 5 * np.arange(30), atol=3)


def test_a_key_frame_is_at_most_twelve_frames_away(tmp_path: Path) -> None:
    write_video(tmp_path / "a.mp4", grey_frames(30), size=(32, 48))
    with av.open(str(tmp_path / "a.mp4")) as container:
        keys = [number for number, frame in enumerate(container.decode(video=0)) if frame.key_frame]
    assert keys[0] == 0
    assert max(np.diff([*keys, 30])) <= 12


def test_the_same_frames_give_the_same_bytes(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, size=(40, 64, 64, 3)).astype(np.uint8)
    moving = [np.roll(noise[0], number, axis=1) // 2 + noise[number] // 8 for number in range(40)]
    for name in ("a", "b"):
        write_video(tmp_path / f"{name}.mp4", moving, size=(64, 64))
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_video_whose_drawing_fails_does_not_appear(tmp_path: Path) -> None:
    def fail() -> NDArray[np.uint8]:
        raise RuntimeError("no more paint")

    with pytest.raises(RuntimeError, match="no more paint"):
        write_video(tmp_path / "a.mp4", (fail() for _ in range(3)), size=(32, 48))
    assert list(tmp_path.iterdir()) == []
