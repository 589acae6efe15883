from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from epam.data.annotations import Annotation
from epam.data.preparation.cropping import crop_video, describe_crop
from epam.data.preparation.frame_stream import read_facts
from epam.data.video import decode_frames
from epam.errors import InputError, VideoError


def grey_levels(path: Path, frames: int) -> list[float]:
    pictures = decode_frames(path, np.arange(frames)).frames
    return [float(np.median(picture)) for picture in pictures]


def test_every_frame_becomes_one_of_the_crop_at_the_sources_rate(
    tmp_path: Path, make_shades, make_annotation
) -> None:
    source = make_shades(tmp_path / "a.avi", rate=25)
    assert crop_video(make_annotation(), source, tmp_path / "out" / "a_rgb.mp4") == "made"
    facts = read_facts(tmp_path / "out" / "a_rgb.mp4")
    assert (facts.width, facts.height, facts.packets, facts.frame_rate) == (224, 224, 12, Fraction(25))
    levels = grey_levels(tmp_path / "out" / "a_rgb.mp4", 12)
    assert np.allclose(levels, 20 * np.arange(12), atol=8)


def test_the_box_holds_the_person_with_a_quarter_around(make_annotation) -> None:
    assert describe_crop(make_annotation()) == "columns 190 to 290, rows 40 to 140 of 320x180"


def test_the_box_is_computed_in_double_precision() -> None:
    keypoint = np.zeros((1, 1, 17, 2), dtype=np.float64)
    keypoint[0, 0, 0], keypoint[0, 0, 1] = (1000, 1000), (1080.0000001, 1040)
    sample = Annotation("a", 0, (2000, 2000), 1, keypoint, np.ones((1, 1, 17)))
    # Half extent 40.00000005 × 1.25 = 50.0000000625 about 1040.00000005: from 989.9999999875.
    assert describe_crop(sample) == "columns 989 to 1090, rows 969 to 1070 of 2000x2000"
    single = Annotation("a", 0, (2000, 2000), 1, keypoint.astype(np.float32), np.ones((1, 1, 17)))
    assert describe_crop(single) == "columns 990 to 1090, rows 970 to 1070 of 2000x2000"


def test_a_finished_crop_is_kept_and_one_of_another_box_made_anew(
    tmp_path: Path, make_shades, make_annotation
) -> None:
    source, target = make_shades(tmp_path / "a.mp4"), tmp_path / "a_rgb.mp4"
    crop_video(make_annotation(), source, target)
    before = target.read_bytes()
    assert crop_video(make_annotation(), source, target) == "kept"
    assert crop_video(make_annotation(shift=10), source, target) == "made"
    assert crop_video(make_annotation(), source, target) == "made"
    assert target.read_bytes() == before


def test_a_crop_that_was_cut_short_is_made_anew(tmp_path: Path, make_shades, make_annotation) -> None:
    source, target = make_shades(tmp_path / "a.mp4"), tmp_path / "a_rgb.mp4"
    crop_video(make_annotation(), source, target)
    target.write_bytes(target.read_bytes()[:-200])
    assert crop_video(make_annotation(), source, target) == "made"


@pytest.mark.parametrize("annotated", [11, 13])
def test_another_number_of_frames_than_annotated_is_refused(
    tmp_path: Path, make_shades, make_annotation, annotated: int
) -> None:
    source, target = make_shades(tmp_path / "a.mp4"), tmp_path / "a_rgb.mp4"
    with pytest.raises(VideoError, match=f"has 12 frames, its annotation says {annotated}"):
        crop_video(make_annotation(frames=annotated), source, target)
    assert not target.exists()


def test_a_picture_of_another_shape_is_refused(tmp_path: Path, make_shades, make_annotation) -> None:
    source = make_shades(tmp_path / "a.mp4", height=320)
    with pytest.raises(VideoError, match="the keypoints' image is 320×180"):
        crop_video(make_annotation(), source, tmp_path / "a_rgb.mp4")


def test_a_picture_scaled_as_a_whole_is_cropped_at_the_same_place(
    tmp_path: Path, make_shades, make_annotation
) -> None:
    source = make_shades(tmp_path / "a.mp4", width=640, height=360)
    crop_video(make_annotation(), source, tmp_path / "a_rgb.mp4")
    # The left half of the picture is white: a box at half its place would show that.
    assert np.allclose(grey_levels(tmp_path / "a_rgb.mp4", 12), 20 * np.arange(12), atol=8)


def test_a_crop_of_224_pixels_is_copied(tmp_path: Path, make_shades, make_annotation) -> None:
    source, target = make_shades(tmp_path / "a.mp4", width=224, height=224), tmp_path / "a_rgb.mp4"
    assert crop_video(make_annotation(), source, target) == "made"
    assert target.read_bytes() == source.read_bytes()
    assert crop_video(make_annotation(), source, target) == "kept"
    with pytest.raises(VideoError, match="its annotation says 5"):
        crop_video(make_annotation(frames=5), source, tmp_path / "b_rgb.mp4")


def test_a_damaged_source_is_the_videos_fault(tmp_path: Path, make_shades, make_annotation) -> None:
    source = make_shades(tmp_path / "a.mp4")
    source.write_bytes(source.read_bytes()[:1000])
    with pytest.raises(VideoError, match=r"a\.mp4"):
        crop_video(make_annotation(), source, tmp_path / "a_rgb.mp4")


def test_a_full_disk_is_not_the_videos_fault(
    tmp_path: Path, make_shades, make_annotation, monkeypatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    source = make_shades(tmp_path / "a.mp4")
    monkeypatch.setattr("epam.atomic_file.os.fsync", full)
    with pytest.raises(InputError, match="No space left on device") as caught:
        crop_video(make_annotation(), source, tmp_path / "a_rgb.mp4")
    assert not isinstance(caught.value, VideoError)
    assert [path.name for path in tmp_path.iterdir()] == ["a.mp4"]
