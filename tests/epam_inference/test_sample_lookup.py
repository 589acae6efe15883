from __future__ import annotations

import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from epam.data.annotations import Annotation, load_annotations
from epam.data.synthetic import SyntheticDataset
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError
from epam_inference.sample_lookup import (
    check_exists,
    choose_clip,
    choose_folder,
    choose_prepared_clip,
    count_broken_joints,
    describe_wrong_label,
    sample_names,
)


@pytest.fixture
def annotation(dataset: SyntheticDataset, wave: str) -> Annotation:
    return load_annotations(dataset.annotations).find(wave)


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
    assert (clip.sample, clip.annotation, clip.origin) == ("s1", None, None)


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
    with pytest.raises(AnnotationError, match=r"annotations\.pkl: .*nearest: S0.*--sample"):
        choose_clip("rgb", video=Path("S016C001P003R001A003.mp4"), annotations=annotations, sample=None)


def test_an_unknown_sample_or_one_without_video_is_refused(
    dataset: SyntheticDataset, tmp_path: Path, wave: str
) -> None:
    annotations = load_annotations(dataset.annotations)
    with pytest.raises(UnknownNameError, match="did you mean"):
        choose_clip("pose", video=None, annotations=annotations, sample="S016C001P003R001A003")
    with pytest.raises(VideoError, match=f"no video of sample {wave}"):
        choose_clip("rgb", video=tmp_path, annotations=annotations, sample=wave)


def test_what_the_network_needs_must_be_given(dataset: SyntheticDataset) -> None:
    for kind in ("multimodal", "pose"):
        with pytest.raises(InputError, match="--annotations"):
            choose_clip(kind, video=Path("s1.mp4"), annotations=None, sample=None)
    with pytest.raises(InputError, match="--video"):
        choose_clip("rgb", video=dataset.crops, annotations=None, sample="s1")


def test_broken_joints_are_counted_and_said(rewrite_annotations: Callable[..., Path], wave: str) -> None:
    def blind_one_joint_in_two_frames(content: dict) -> None:
        content["annotations"][0]["keypoint"][0, :2, 9] = np.nan

    path = rewrite_annotations(blind_one_joint_in_two_frames)
    clip = choose_clip("pose", video=None, annotations=load_annotations(path), sample=wave)
    assert f"{path}: sample {wave} has 2 joints with a coordinate or score that is NaN" in clip.caveats[0]
    assert "treated as absent" in clip.caveats[0]


def test_a_joint_counts_once_whichever_of_its_numbers_is_broken(annotation: Annotation) -> None:
    keypoint, scores = annotation.keypoint.copy(), annotation.keypoint_score.copy()
    assert count_broken_joints(annotation) == 0
    keypoint[0, 0, 3] = np.nan
    keypoint[0, 1, 3, 0] = np.inf
    scores[0, 1, 3] = np.nan  # the same joint
    scores[0, 2, 3] = -np.inf
    broken = dataclasses.replace(annotation, keypoint=keypoint, keypoint_score=scores)
    assert count_broken_joints(broken) == 3


def test_a_video_named_after_another_sample_than_the_one_asked_for_is_said(
    dataset: SyntheticDataset, wave: str, clap: str
) -> None:
    annotations = load_annotations(dataset.annotations)
    video = dataset.crops / f"{clap}_rgb.mp4"
    clip = choose_clip("rgb", video=video, annotations=annotations, sample=wave)
    assert (clip.sample, clip.video) == (wave, video)
    assert clip.caveats == (
        f"{video}: is named after sample {clap}, and taken for --sample {wave}: is it the right video?",
    )
    for same in (f"{wave}.mp4", f"{wave}_rgb.avi", "S009C001P003R001A002_rgb.mp4"):
        assert choose_clip("rgb", video=Path(same), annotations=annotations, sample=wave).caveats == ()


def test_an_empty_sample_is_not_no_sample(dataset: SyntheticDataset, wave: str) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown sample of .* ''"):
        choose_clip(
            "rgb",
            video=dataset.crops / f"{wave}_rgb.mp4",
            annotations=load_annotations(dataset.annotations),
            sample="",
        )


def test_a_label_beyond_the_protocols_classes_is_described(annotation: Annotation) -> None:
    assert describe_wrong_label(annotation, 1, origin=Path("a.pkl")) is None
    line = describe_wrong_label(annotation, 0, origin=Path("a.pkl"))
    assert line is not None
    assert line.startswith(
        f"a.pkl: sample {annotation.frame_dir} has label 0, and the protocol only 0 classes"
    )
    assert "--dataset" in line


# ── Videos ──


def test_a_sample_of_a_prepared_folder_has_its_crop_or_the_video_that_is_named(
    dataset: SyntheticDataset, wave: str
) -> None:
    crop, full = dataset.crops / f"{wave}_rgb.mp4", dataset.videos / f"{wave}_rgb.mp4"
    choose = partial(choose_prepared_clip, "multimodal", root=dataset.root, dataset="embedded")
    for video, sample, expected in (
        (None, wave, crop),
        (dataset.videos, wave, full),
        (full, None, full),
        (full, wave, full),
    ):
        clip = choose(video=video, sample=sample)
        assert (clip.sample, clip.video, clip.origin, clip.caveats) == (wave, expected, dataset.root, ())
        assert clip.annotation.frame_dir == wave
    assert (
        choose_prepared_clip("pose", root=dataset.root, dataset="embedded", video=None, sample=wave).video
        is None
    )


def test_a_sample_that_a_prepared_folder_lacks_is_refused(dataset: SyntheticDataset, tmp_path: Path) -> None:
    choose = partial(choose_prepared_clip, "pose", dataset="embedded")
    with pytest.raises(UnknownNameError, match="did you mean"):
        choose(root=dataset.root, video=None, sample="S016C001P003R001A003")
    with pytest.raises(InputError, match=r"which of its 6 samples is clip\.mp4 meant to be\? .*--sample"):
        choose(root=dataset.root, video=Path("clip.mp4"), sample=None)
    with pytest.raises(InputError, match="epam-data synth -o"):
        choose(root=tmp_path / "nosuch", video=None, sample="s1")
    other = partial(choose_prepared_clip, "pose", dataset="ntu60")
    with pytest.raises(
        InputError, match="prepared for embedded, not for ntu60; choose it with --dataset emb"
    ):
        other(root=dataset.root, video=None, sample="S016C001P003R001A001")


def test_a_samples_name_keeps_its_dots() -> None:
    assert sample_names(Path("Cook.Cut_p02.mp4")) == ("Cook.Cut_p02",)


def test_a_video_can_be_named_after_its_sample_in_two_ways() -> None:
    assert sample_names(Path("a/s1_rgb.avi")) == ("s1", "s1_rgb")
    assert sample_names(Path("a/s1.mp4")) == ("s1",)


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch()


def test_the_folder_beside_the_annotations_is_the_one_with_most_of_the_wanted_videos(tmp_path: Path) -> None:
    touch(tmp_path, "s1.mp4")
    touch(tmp_path / "videos224", "other.mp4", "another.mp4", "s2_rgb.mp4")
    touch(tmp_path / "videos", "s1.mp4", "s3_rgb.avi")
    wanted = ["s1", "s2", "s3"]
    assert choose_folder(None, tmp_path / "a.pkl", wanted) == tmp_path / "videos"
    touch(tmp_path / "videos224", "s3.mp4")
    assert choose_folder(None, tmp_path / "a.pkl", wanted) == tmp_path / "videos224"  # as many, and crops
    touch(tmp_path, "s2.mp4", "s3.mp4")
    assert choose_folder(None, tmp_path / "a.pkl", wanted) == tmp_path


def test_two_videos_of_one_sample_or_a_folder_named_like_one_do_not_count(tmp_path: Path) -> None:
    touch(tmp_path, "s1.mp4", "s1_rgb.mp4", "s1.avi")
    (tmp_path / "s3.mp4").mkdir()
    touch(tmp_path / "videos", "s1.mp4", "s2.mp4")
    assert choose_folder(None, tmp_path / "a.pkl", ["s1", "s2", "s3"]) == tmp_path / "videos"


def test_a_named_folder_is_taken_even_if_another_has_more(tmp_path: Path) -> None:
    touch(tmp_path / "mine", "s1.mp4")
    touch(tmp_path / "videos", "s1.mp4", "s2.mp4")
    assert choose_folder(tmp_path / "mine", tmp_path / "a.pkl", ["s1", "s2"]) == tmp_path / "mine"


def test_a_folder_without_any_wanted_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VideoError, match=r"a\.pkl: no video of its samples \(such as s1_rgb\.mp4\)"):
        choose_folder(tmp_path, tmp_path / "a.pkl", ["s1"])
    with pytest.raises(VideoError, match=r"videos224.*--video"):
        choose_folder(None, tmp_path / "a.pkl", ["s1"])


def test_a_path_that_is_not_there_is_refused(tmp_path: Path) -> None:
    check_exists(tmp_path)
    with pytest.raises(VideoError, match="nosuch: no such video file or folder"):
        check_exists(tmp_path / "nosuch")
