from __future__ import annotations

from pathlib import Path

import pytest

from epam.data.preparation.frame_stream import count_frames, read_facts, stream_frames
from epam.errors import VideoError


def test_frames_are_counted(tmp_path: Path, make_shades) -> None:
    for name in ("a.mp4", "a.avi"):
        path = make_shades(tmp_path / name, frames=7)
        assert count_frames(path) == read_facts(path).packets == 7


def test_an_error_of_who_takes_the_frames_is_not_the_videos(tmp_path: Path, make_shades) -> None:
    def write_to_a_full_disk() -> None:
        for _ in stream_frames(make_shades(tmp_path / "a.mp4")):
            raise OSError(28, "disk is full")

    with pytest.raises(OSError, match="disk is full"):
        write_to_a_full_disk()


@pytest.mark.parametrize("kept", [0, 600, 1500])
def test_a_damaged_video_is_refused(tmp_path: Path, make_shades, kept: int) -> None:
    path = make_shades(tmp_path / "a.mp4")
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(VideoError, match=r"a\.mp4"):
        count_frames(path)


def test_a_missing_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file"):
        read_facts(tmp_path / "none.mp4")
