from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from epam.data.annotations import load_annotations
from epam.data.synthetic import SyntheticDataset
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError
from epam_inference.clip_choice import choose_clip


def test_the_sample_is_the_one_that_the_video_is_named_after(dataset: SyntheticDataset, wave: str) -> None:
    video = dataset.crops / f"{wave}_rgb.mp4"
    clip = choose_clip(
        "multimodal", video=video, annotations=load_annotations(dataset.annotations), sample=None
    )
    assert (clip.sample, clip.video, clip.caveats) == (wave, video, ())
    assert clip.annotation is not None
    assert clip.annotation.frame_dir == wave


def test_a_named_sample_wins_over_the_videos_name(
    dataset: SyntheticDataset, tmp_path: Path, wave: str
) -> None:
    annotations = load_annotations(dataset.annotations)
    clip = choose_clip("multimodal", video=tmp_path / "clip.mp4", annotations=annotations, sample=wave)
    assert (clip.sample, clip.video) == (wave, tmp_path / "clip.mp4")


def test_a_sample_alone_finds_its_video_beside_the_annotations(dataset: SyntheticDataset, wave: str) -> None:
    annotations = load_annotations(dataset.annotations)
    clip = choose_clip("multimodal", video=None, annotations=annotations, sample=wave)
    assert clip.video == dataset.crops / f"{wave}_rgb.mp4"
    clip = choose_clip("multimodal", video=dataset.videos, annotations=annotations, sample=wave)
    assert clip.video == dataset.videos / f"{wave}_rgb.mp4"


def test_pose_alone_needs_no_video(dataset: SyntheticDataset, wave: str) -> None:
    clip = choose_clip("pose", video=None, annotations=load_annotations(dataset.annotations), sample=wave)
    assert clip.video is None


def test_rgb_alone_needs_no_annotations() -> None:
    clip = choose_clip("rgb", video=Path("s1_rgb.mp4"), annotations=None, sample=None)
    assert (clip.sample, clip.annotation) == ("s1", None)


def test_the_only_sample_of_a_file_is_taken_and_said(
    rewrite_annotations: Callable[..., Path], wave: str
) -> None:
    path = rewrite_annotations(
        lambda content: content.update(split={}, annotations=content["annotations"][:1])
    )
    clip = choose_clip("multimodal", video=Path("clip.mp4"), annotations=load_annotations(path), sample=None)
    assert clip.sample == wave
    assert wave in clip.caveats[0]


def test_a_video_of_no_sample_names_the_nearest(dataset: SyntheticDataset) -> None:
    annotations = load_annotations(dataset.annotations)
    with pytest.raises(AnnotationError, match=r"ntu60_2d\.pkl: .*nearest: S001C.*--sample"):
        choose_clip("rgb", video=Path("S001C001P003R001A024.mp4"), annotations=annotations, sample=None)


def test_an_unknown_sample_or_one_without_video_is_refused(
    dataset: SyntheticDataset, tmp_path: Path, wave: str
) -> None:
    annotations = load_annotations(dataset.annotations)
    with pytest.raises(UnknownNameError, match="did you mean"):
        choose_clip("pose", video=None, annotations=annotations, sample="S001C001P003R001A024")
    with pytest.raises(VideoError, match=f"no video of sample {wave}"):
        choose_clip("rgb", video=tmp_path, annotations=annotations, sample=wave)


def test_what_the_modality_needs_must_be_given(dataset: SyntheticDataset) -> None:
    for modality in ("multimodal", "pose"):
        with pytest.raises(InputError, match="--annotations"):
            choose_clip(modality, video=Path("s1.mp4"), annotations=None, sample=None)
    with pytest.raises(InputError, match="--video"):
        choose_clip("rgb", video=dataset.crops, annotations=None, sample="s1")


def test_nan_joints_are_counted_and_said(rewrite_annotations: Callable[..., Path], wave: str) -> None:
    def blind_one_joint_in_two_frames(content: dict) -> None:
        content["annotations"][0]["keypoint"][0, :2, 9] = np.nan

    annotations = load_annotations(rewrite_annotations(blind_one_joint_in_two_frames))
    clip = choose_clip("pose", video=None, annotations=annotations, sample=wave)
    assert f"sample {wave} has 2 NaN joints" in clip.caveats[0]
