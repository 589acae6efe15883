from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch

from epam.data.annotations import Annotation, load_annotations
from epam.data.clip import prepare_clip, prepare_pose_clip, prepare_rgb_clip
from epam.data.synthetic import SyntheticDataset
from epam.errors import InputError
from epam_inference.clip_inputs import NoPersonError, check_label, count_nan_joints, prepare_inputs
from epam_inference.stopwatch import Stopwatch


@pytest.fixture
def annotation(dataset: SyntheticDataset, wave: str) -> Annotation:
    return load_annotations(dataset.annotations).find(wave)


@pytest.fixture
def video(dataset: SyntheticDataset, wave: str) -> Path:
    return dataset.crops / f"{wave}_rgb.mp4"


def nobody(annotation: Annotation) -> Annotation:
    return dataclasses.replace(
        annotation,
        keypoint=np.zeros_like(annotation.keypoint),
        keypoint_score=np.zeros_like(annotation.keypoint_score),
    )


def test_both_streams_get_the_multimodal_test_pipeline(annotation: Annotation, video: Path) -> None:
    stopwatch = Stopwatch()
    rgb, heatmaps = prepare_inputs("multimodal", annotation, video, stopwatch)
    expected = prepare_clip(annotation, video)
    assert torch.equal(rgb, expected.rgb)
    assert torch.equal(heatmaps, expected.heatmaps)
    assert set(stopwatch.seconds) == {"decode", "crop", "heatmaps", "normalise"}


def test_one_stream_gets_its_own_test_pipeline(annotation: Annotation, video: Path) -> None:
    [heatmaps] = prepare_inputs("pose", annotation, None, Stopwatch())
    assert torch.equal(heatmaps, prepare_pose_clip(annotation))
    [rgb] = prepare_inputs("rgb", None, video, Stopwatch())
    assert torch.equal(rgb, prepare_rgb_clip(video))


@pytest.mark.parametrize("modality", ["multimodal", "pose"])
def test_a_clip_without_a_person_is_refused(modality: str, annotation: Annotation, video: Path) -> None:
    with pytest.raises(NoPersonError, match=f"sample {annotation.frame_dir}: no person in the clip"):
        prepare_inputs(modality, nobody(annotation), video, Stopwatch())


def test_a_person_who_is_in_none_of_the_sampled_frames_is_not_in_the_clip(annotation: Annotation) -> None:
    empty = nobody(annotation)
    stretched = dataclasses.replace(
        empty,
        total_frames=960,
        keypoint=np.zeros((1, 960, 17, 2), dtype=np.float32),
        keypoint_score=np.zeros((1, 960, 17), dtype=np.float32),
    )
    # 48 of 960 frames are sampled, one in each 20: two frames in a row can't both be.
    for frame in (0, 1):
        stretched.keypoint[:, frame], stretched.keypoint_score[:, frame] = 50, 1
        assert stretched.has_person
        try:
            prepare_inputs("pose", stretched, None, Stopwatch())
        except NoPersonError:
            return
        stretched.keypoint[:, frame], stretched.keypoint_score[:, frame] = 0, 0
    pytest.fail("a clip of empty heatmaps was accepted")


def test_rgb_alone_needs_nobody_in_the_annotation(annotation: Annotation, video: Path) -> None:
    [rgb] = prepare_inputs("rgb", nobody(annotation), video, Stopwatch())
    assert rgb.shape == (3, 16, 224, 224)


def test_an_input_that_was_not_given_is_named(annotation: Annotation) -> None:
    with pytest.raises(InputError, match="multimodal: the video"):
        prepare_inputs("multimodal", annotation, None, Stopwatch())
    with pytest.raises(InputError, match="pose: the keypoints"):
        prepare_inputs("pose", None, None, Stopwatch())


def test_a_label_beyond_the_protocols_classes_is_refused(annotation: Annotation) -> None:
    check_label(annotation, 23, origin=Path("a.pkl"))
    with pytest.raises(InputError, match=r"a\.pkl: sample S.* has label 22, .* only 22 classes.*--dataset"):
        check_label(annotation, 22, origin=Path("a.pkl"))


def test_a_joint_with_one_nan_coordinate_counts_once(annotation: Annotation) -> None:
    keypoint = annotation.keypoint.copy()
    keypoint[0, 0, 3] = np.nan
    keypoint[0, 1, 3, 0] = np.nan
    assert count_nan_joints(dataclasses.replace(annotation, keypoint=keypoint)) == 2
