from __future__ import annotations

from pathlib import Path

import pytest

from epam.errors import VideoError
from epam_inference.video_lookup import check_exists, choose_folder, find_video, get_video, sample_names


@pytest.mark.parametrize("name", ["s1_rgb.mp4", "s1_rgb.avi", "s1.mp4", "s1.avi"])
def test_every_published_naming_is_found(tmp_path: Path, name: str) -> None:
    (tmp_path / name).touch()
    assert find_video(tmp_path, "s1") == tmp_path / name


def test_a_crop_is_preferred_to_the_original(tmp_path: Path) -> None:
    (tmp_path / "s1_rgb.avi").touch()
    (tmp_path / "s1_rgb.mp4").touch()
    assert find_video(tmp_path, "s1") == tmp_path / "s1_rgb.mp4"


def test_a_sample_with_dots_in_its_name_keeps_them(tmp_path: Path) -> None:
    (tmp_path / "Cook.Cut_p02.mp4").touch()
    assert find_video(tmp_path, "Cook.Cut_p02") == tmp_path / "Cook.Cut_p02.mp4"
    assert sample_names(Path("Cook.Cut_p02.mp4")) == ("Cook.Cut_p02",)


def test_another_samples_video_or_a_folder_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "s11.mp4").touch()
    (tmp_path / "s1.mp4").mkdir()
    assert find_video(tmp_path, "s1") is None
    with pytest.raises(VideoError, match=r"no video of sample s1; put there one of s1_rgb\.mp4"):
        get_video(tmp_path, "s1")


def test_a_video_can_be_named_after_its_sample_in_two_ways() -> None:
    assert sample_names(Path("a/s1_rgb.avi")) == ("s1", "s1_rgb")
    assert sample_names(Path("a/s1.mp4")) == ("s1",)


def test_the_folder_beside_the_annotations_is_the_first_with_a_wanted_video(tmp_path: Path) -> None:
    for folder, video in (("videos224", "other.mp4"), ("videos", "s2.mp4")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / video).touch()
    annotations = tmp_path / "a.pkl"
    assert choose_folder(None, annotations, ["s1", "s2"]) == tmp_path / "videos"
    (tmp_path / "videos224" / "s1.mp4").touch()
    assert choose_folder(None, annotations, ["s1", "s2"]) == tmp_path / "videos224"
    (tmp_path / "s1.mp4").touch()
    assert choose_folder(None, annotations, ["s1", "s2"]) == tmp_path


def test_a_folder_without_any_wanted_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"a\.pkl: no video of its samples \(such as s1_rgb\.mp4\)"):
        choose_folder(tmp_path, tmp_path / "a.pkl", ["s1"])
    with pytest.raises(VideoError, match=r"videos224.*--video"):
        choose_folder(None, tmp_path / "a.pkl", ["s1"])


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    check_exists(tmp_path)
    with pytest.raises(VideoError, match="nosuch: no such video file or folder"):
        check_exists(tmp_path / "nosuch")
