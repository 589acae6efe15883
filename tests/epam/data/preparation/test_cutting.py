from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from epam.data.datasets.pku_mmd import ClipCut
from epam.data.preparation.cutting import LongVideoCutter, cut_video, list_long_videos
from epam.data.video import decode_frames
from epam.errors import InputError, VideoError


def numbers(path: Path) -> list[int]:
    """Which frames of the long video a clip shows: frame n has grey level 20 n."""
    first = decode_frames(path, np.array([0]))
    pictures = decode_frames(path, np.arange(first.frame_count)).frames
    return [round(float(np.median(picture[:, 200:])) / 20) for picture in pictures]


CUTS = (
    ClipCut("0002-L-A01-N01", 2, 4, 0),
    ClipCut("0002-L-A05-N02", 3, 7, 4),
    ClipCut("0002-L-A01-N03", 9, 9, 0),
)


def test_clips_hold_both_ends_and_may_overlap(tmp_path: Path, make_shades) -> None:
    source = make_shades(tmp_path / "0002-L.avi")
    assert cut_video(source, CUTS, tmp_path / "clips") == ()
    found = {path.stem: numbers(path) for path in (tmp_path / "clips").iterdir()}
    assert found == {
        "0002-L-A01-N01": [2, 3, 4],
        "0002-L-A05-N02": [3, 4, 5, 6, 7],
        "0002-L-A01-N03": [9],
    }


def test_clips_that_are_there_are_kept_and_only_missing_ones_cut(tmp_path: Path, make_shades) -> None:
    source = make_shades(tmp_path / "0002-L.avi")
    cut_video(source, CUTS, tmp_path)
    kept = (tmp_path / "0002-L-A05-N02.mp4").stat().st_mtime_ns
    (tmp_path / "0002-L-A01-N01.mp4").unlink()
    cut_video(source, CUTS, tmp_path)
    assert numbers(tmp_path / "0002-L-A01-N01.mp4") == [2, 3, 4]
    assert (tmp_path / "0002-L-A05-N02.mp4").stat().st_mtime_ns == kept


def test_a_clip_of_other_frames_is_cut_anew(tmp_path: Path, make_shades) -> None:
    source = make_shades(tmp_path / "0002-L.avi")
    cut_video(source, CUTS, tmp_path)
    cut_video(source, (ClipCut("0002-L-A01-N01", 5, 7, 0),), tmp_path)
    assert numbers(tmp_path / "0002-L-A01-N01.mp4") == [5, 6, 7]


def test_a_clip_beyond_the_end_is_a_problem_and_no_file(tmp_path: Path, make_shades) -> None:
    source = make_shades(tmp_path / "0002-L.avi")
    (problem,) = cut_video(source, (CUTS[0], ClipCut("0002-L-A02-N02", 10, 12, 1)), tmp_path)
    assert problem.sample == "0002-L-A02-N02"
    assert "has 12 frames, clip 0002-L-A02-N02 ends at frame 12" in problem.message
    assert sorted(path.name for path in tmp_path.iterdir()) == ["0002-L-A01-N01.mp4", "0002-L.avi"]


def test_a_missing_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match="no such file"):
        cut_video(tmp_path / "none.avi", CUTS, tmp_path)


def test_a_long_video_is_cut_by_its_label_file(tmp_path: Path, make_shades) -> None:
    make_shades(tmp_path / "videos" / "0002-L.avi")
    (tmp_path / "labels").mkdir()
    (tmp_path / "labels" / "0002-L.txt").write_text("5,6,8,1\n1,2,4,2\n")
    folders = {"labels": tmp_path / "labels", "videos": tmp_path / "videos", "clips": tmp_path / "clips"}
    assert LongVideoCutter(**folders)("0002-L") == ()
    assert numbers(tmp_path / "clips" / "0002-L-A01-N01.mp4") == [2, 3, 4]
    assert numbers(tmp_path / "clips" / "0002-L-A05-N02.mp4") == [6, 7, 8]


def test_a_bad_label_file_or_video_is_a_problem_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "0002-L.txt").write_text("what?\n")
    (tmp_path / "0003-L.txt").write_text("1,2,4,2\n")
    cutter = LongVideoCutter(labels=tmp_path, videos=tmp_path, clips=tmp_path / "clips")
    assert "is not a row" in cutter("0002-L")[0].message
    assert "no video of sample 0003-L" in cutter("0003-L")[0].message


def test_long_videos_are_listed_by_their_label_files(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no label files"):
        list_long_videos(tmp_path)
    for name in ("0003-M", "0002-L"):
        (tmp_path / f"{name}.txt").touch()
    assert list_long_videos(tmp_path) == ["0002-L", "0003-M"]
    with pytest.raises(InputError, match="no such folder of label files"):
        list_long_videos(tmp_path / "none")
