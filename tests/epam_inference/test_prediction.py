from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from epam.data.annotations import Annotation, load_annotations
from epam.data.clip import prepare_clip, prepare_pose_clip, prepare_rgb_clip
from epam.data.clip_size import ClipSize
from epam.data.pipelines import Pipeline
from epam.data.synthetic import SyntheticDataset
from epam.errors import InputError
from epam_baselines.network import RANDOM_WEIGHTS_CAVEAT, Network, choose_network
from epam_baselines.network import load_network as load_chosen
from epam_inference.network import load_network
from epam_inference.network_kind import NetworkKind
from epam_inference.prediction import NoPersonError, PreparedClip, predict, prepare_inputs
from epam_inference.results import ClassSet
from epam_inference.sample_lookup import ChosenClip
from epam_inference.stopwatch import Stopwatch


def prepare(
    kind: NetworkKind, annotation: Annotation | None, video: Path | None, stopwatch: Stopwatch | None = None
) -> PreparedClip:
    return prepare_inputs(
        Pipeline(kind), annotation, video, origin=Path("a.pkl"), stopwatch=stopwatch or Stopwatch()
    )


def without_last_frames(annotation: Annotation, frames: int) -> Annotation:
    return dataclasses.replace(
        annotation,
        total_frames=annotation.total_frames - frames,
        keypoint=annotation.keypoint[:, :-frames],
        keypoint_score=annotation.keypoint_score[:, :-frames],
    )


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
    (rgb, heatmaps), caveats = prepare("multimodal", annotation, video, stopwatch)
    expected = prepare_clip(annotation, video)
    assert torch.equal(rgb, expected.rgb)
    assert torch.equal(heatmaps, expected.heatmaps)
    assert caveats == ()
    assert set(stopwatch.seconds) == {"sampling", "decode", "crop", "heatmaps", "normalise"}


def test_one_stream_gets_its_own_test_pipeline(annotation: Annotation, video: Path) -> None:
    [heatmaps] = prepare("pose", annotation, None).inputs
    assert torch.equal(heatmaps, prepare_pose_clip(annotation))
    [rgb] = prepare("rgb", None, video).inputs
    assert torch.equal(rgb, prepare_rgb_clip(video))


@pytest.mark.parametrize("kind", ["multimodal", "pose"])
def test_a_clip_without_a_person_is_refused(kind: str, annotation: Annotation, video: Path) -> None:
    with pytest.raises(
        NoPersonError, match=rf"^a\.pkl: sample {annotation.frame_dir}: no person in the clip .*; detect"
    ):
        prepare(kind, nobody(annotation), video)


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
            prepare("pose", stretched, None)
        except NoPersonError:
            return
        stretched.keypoint[:, frame], stretched.keypoint_score[:, frame] = 0, 0
    pytest.fail("a clip of empty heatmaps was accepted")


def test_rgb_alone_needs_nobody_in_the_annotation(annotation: Annotation, video: Path) -> None:
    [rgb] = prepare("rgb", nobody(annotation), video).inputs
    assert rgb.shape == (3, 16, 224, 224)


def test_an_input_that_was_not_given_is_named(annotation: Annotation) -> None:
    with pytest.raises(InputError, match="multimodal: the video must be given"):
        prepare("multimodal", annotation, None)
    with pytest.raises(InputError, match="pose: the keypoints"):
        prepare("pose", None, None)
    with pytest.raises(InputError, match="rgb: the video"):
        prepare("rgb", None, None)


@pytest.mark.parametrize("kind", ["multimodal", "rgb"])
def test_a_video_longer_than_annotated_is_used_and_said(
    kind: NetworkKind, annotation: Annotation, video: Path
) -> None:
    shorter = without_last_frames(annotation, 2)
    inputs, caveats = prepare(kind, shorter, video)
    assert inputs[0].shape == (3, 16, 224, 224)
    [caveat] = caveats
    assert caveat.startswith(
        f"{video} (sample {annotation.frame_dir}): has {annotation.total_frames} frames, "
    )
    assert f"its annotation says {shorter.total_frames}" in caveat


def test_a_prediction_holds_what_the_network_says_of_the_prepared_clip(
    dataset: SyntheticDataset, classes: ClassSet, wave: str
) -> None:
    annotation = load_annotations(dataset.annotations).find(wave)
    video = dataset.crops / f"{wave}_rgb.mp4"
    network = load_network("multimodal", classes, seed=3)
    prediction = predict(
        network, classes, ChosenClip(wave, annotation, dataset.annotations, video, ("assumed",))
    )

    rgb, heatmaps = prepare_clip(annotation, video)
    with torch.inference_mode():
        expected = network.module(rgb[None], heatmaps[None])
    np.testing.assert_allclose(prediction.logits["fused"], expected.fused[0], rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(prediction.logits["pose"], expected.pose[0], rtol=1e-5, atol=1e-7)
    assert list(prediction.logits) == ["fused", "rgb", "pose"]
    assert (prediction.sample, prediction.label, prediction.video) == (wave, 0, str(video))
    assert prediction.caveats == ("assumed", RANDOM_WEIGHTS_CAVEAT)
    assert set(prediction.seconds) == {"sampling", "decode", "crop", "heatmaps", "normalise", "network"}


def test_without_annotations_the_label_is_unknown(
    dataset: SyntheticDataset, classes: ClassSet, wave: str, constant_network: Callable[..., Network]
) -> None:
    clip = ChosenClip(wave, None, None, dataset.crops / f"{wave}_rgb.mp4", ())
    prediction = predict(constant_network("rgb"), classes, clip)
    assert prediction.label is None
    assert prediction.top("rgb", 1)[0].index == 0


def test_a_predictions_caveats_hold_what_its_video_warns_of(
    dataset: SyntheticDataset,
    annotation: Annotation,
    classes: ClassSet,
    constant_network: Callable[..., Network],
    video: Path,
) -> None:
    shorter = without_last_frames(annotation, 1)
    clip = ChosenClip(annotation.frame_dir, shorter, dataset.annotations, video, ("assumed",))
    prediction = predict(constant_network("rgb"), classes, clip)
    assert prediction.caveats[0] == "assumed"
    assert f"its annotation says {shorter.total_frames}" in prediction.caveats[1]


def test_a_thin_network_sees_clips_of_its_own_size(
    annotation: Annotation, classes: ClassSet, dataset: SyntheticDataset
) -> None:
    size = ClipSize(pose_frames=18, heatmap_side=24)
    choice = choose_network(
        "x_shiftnet_pose", num_classes=12, options={"stem_channels": 8, "stage_blocks": [1, 1]}, clip=size
    )
    network = load_chosen(choice)
    seen: list[torch.Size] = []
    network.module.register_forward_hook(lambda _, inputs, __: seen.append(inputs[0].shape))
    predict(network, classes, ChosenClip(annotation.frame_dir, annotation, dataset.annotations, None, ()))
    assert seen == [(1, 17, 18, 24, 24)]
