"""Thin networks and short videos; what takes how long is not asserted, only what is measured."""

from __future__ import annotations

import dataclasses
import pickle
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from epam.backends.equality import Equality
from epam.data.clip_size import ClipSize
from epam.data.pose_estimation import Poses
from epam.errors import AnnotationError, InputError, UnknownNameError
from epam_baselines.network import NetworkChoice, choose_network
from epam_bench import pipeline
from epam_bench.pipeline import (
    FilmedClip,
    choose_estimator,
    count_passes,
    draw_clips,
    measure_pipeline,
    open_clip,
    plan_pipeline,
)
from epam_bench.records import PipelineRecord

CLIP = ClipSize(rgb_frames=4, frame_side=32, pose_frames=12, heatmap_side=16)
THIN: dict[str, dict[str, object]] = {
    "epam_net": {"stem_channels": 8, "rgb_blocks": (1, 1), "pose_blocks": (1, 1)},
    "x_shiftnet_pose": {"stem_channels": 8, "stage_blocks": (1, 1)},
    "x_shiftnet_rgb": {"stem_channels": 8, "stage_blocks": (1, 1)},
}


def thin(name: str) -> NetworkChoice:
    return choose_network(name, options=THIN[name], clip=CLIP, num_classes=7)


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> list[FilmedClip]:
    folder = tmp_path_factory.mktemp("drawn")
    return list(draw_clips(folder, persons=[1, 2], frame_counts=[14], size=(64, 36)))


def measure(name: str, clips: Sequence[FilmedClip], **plan: str) -> tuple[PipelineRecord, ...]:
    planned = plan_pipeline(thin(name), backend="eager", threads=1, **plan)  # type: ignore[arg-type]
    return measure_pipeline(planned, clips, samples=3).records


def test_each_step_and_the_whole_have_as_many_samples_as_were_asked_for(clips: list[FilmedClip]) -> None:
    first, second = measure("epam_net", clips, poses="given")
    assert [step.name for step in first.steps] == [
        "decode", "sampling and crop", "heatmaps", "network", "fusion",
    ]  # fmt: skip
    assert {len(step.samples_ms) for step in first.steps} == {len(first.whole_ms)} == {3}
    assert (first.persons, second.persons) == (1, 2)
    assert (first.video_frames, first.video_size, first.backend) == (14, (64, 36), "eager")
    assert first.keypoints == "given, as asked"
    assert first.equality is not None
    assert first.equality.relative_error < first.equality.bound
    # Nothing that takes time lies between the steps: loosely, for the machine may be busy.
    assert 0.2 < first.covered < 5


def test_the_steps_are_those_that_the_network_needs(clips: list[FilmedClip]) -> None:
    [pose] = measure("x_shiftnet_pose", clips[:1], poses="given")
    assert [step.name for step in pose.steps] == ["sampling and crop", "heatmaps", "network", "fusion"]
    [rgb] = measure("x_shiftnet_rgb", clips[:1], poses="given")
    assert [step.name for step in rgb.steps] == ["decode", "sampling and crop", "network", "fusion"]


class Estimator:
    name = "made-up 1"

    def __call__(self, frames: NDArray[np.uint8]) -> Poses:
        places = np.linspace(5, 30, 17)[None, None, :, None]
        return Poses(np.tile(places, (1, len(frames), 1, 2)), np.ones((1, len(frames), 17)))


class Blind(Estimator):
    def __call__(self, frames: NDArray[np.uint8]) -> Poses:
        return Poses(*(found[:0] for found in super().__call__(frames)))


@pytest.fixture
def install(monkeypatch: pytest.MonkeyPatch) -> Callable[[Estimator], None]:
    """Put an estimator in the place of rtmlib."""

    def put(estimator: Estimator) -> None:
        monkeypatch.setattr(pipeline, "missing_for_poses", lambda name: None)
        monkeypatch.setattr(pipeline, "load_pose_estimator", lambda name, device: estimator)

    return put


def test_an_estimators_step_is_timed_on_the_frames_that_are_looked_at(
    clips: list[FilmedClip], install: Callable[[Estimator], None]
) -> None:
    install(Estimator())
    alone = dataclasses.replace(clips[1], annotation=None)
    [record] = measure("epam_net", [alone])
    assert [step.name for step in record.steps][:3] == ["decode", "pose", "sampling and crop"]
    assert record.keypoints == "made-up 1"
    # Nobody says how many there are but the estimator.
    assert record.persons == 1


@pytest.mark.parametrize(
    ("annotated", "poses", "estimated", "keypoints"),
    [
        (True, "auto", False, "given"),
        (True, "given", False, "given, as asked"),
        (True, "rtmlib", True, "made-up 1"),
        (False, "auto", True, "made-up 1"),
    ],
)
def test_of_rgb_alone_it_is_said_where_its_keypoints_came_from(
    annotated: bool,
    poses: str,
    estimated: bool,
    keypoints: str,
    clips: list[FilmedClip],
    install: Callable[[Estimator], None],
) -> None:
    install(Estimator())
    clip = clips[0] if annotated else dataclasses.replace(clips[0], annotation=None)
    [record] = measure("x_shiftnet_rgb", [clip], poses=poses)
    assert ("pose" in [step.name for step in record.steps]) == estimated
    assert record.keypoints == keypoints


def test_rgb_alone_needs_no_keypoints_of_crops(tmp_path: Path) -> None:
    [crop] = draw_clips(tmp_path, persons=[1], frame_counts=[10], size=(224, 224))
    [record] = measure("x_shiftnet_rgb", [dataclasses.replace(crop, annotation=None)], poses="given")
    assert (record.keypoints, record.persons) == ("not needed", 0)


def test_people_that_were_not_found_are_told(
    clips: list[FilmedClip], install: Callable[[Estimator], None]
) -> None:
    few = "persons found in a frame: at most {}, not 2; the times are those of what was found"
    empty = "the heatmaps are empty: nobody was seen in the frames that were looked at"
    install(Estimator())
    one, two = measure("epam_net", clips)
    assert (one.persons, two.persons) == (1, 2)
    assert few.format(1) in two.caveats
    assert not any("persons found" in caveat for caveat in one.caveats)
    assert empty not in two.caveats
    install(Blind())
    [record] = measure("epam_net", clips[1:])
    assert record.persons == 2
    assert {few.format(0), empty} <= set(record.caveats)


def test_nothing_is_said_of_people_who_are_all_there(clips: list[FilmedClip]) -> None:
    for record in measure("x_shiftnet_pose", clips, poses="given"):
        assert not any("persons found" in caveat or "heatmaps" in caveat for caveat in record.caveats)


def test_a_videos_warning_is_told_once_however_often_it_is_decoded(clips: list[FilmedClip]) -> None:
    known = clips[0].annotation
    assert known is not None
    shorter = dataclasses.replace(
        known,
        total_frames=13,
        keypoint=known.keypoint[:, :13],
        keypoint_score=known.keypoint_score[:, :13],
    )
    [record] = measure("x_shiftnet_rgb", [dataclasses.replace(clips[0], annotation=shorter)], poses="given")
    assert len([caveat for caveat in record.caveats if "has 14 frames" in caveat]) == 1


def test_without_an_estimator_it_is_said_what_to_install() -> None:
    plan = plan_pipeline(thin("x_shiftnet_pose"), backend="eager")
    estimator, words = choose_estimator(plan)
    if estimator is None:  # as on every machine that has not installed the extra and its weights
        assert words.startswith("given, no estimator: rtmlib")


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"backend": "fussed"}, UnknownNameError, "unknown backend 'fussed'; did you mean 'fused'"),
        ({"backend": "eager", "precision": "fp8"}, UnknownNameError, "unknown precision 'fp8'"),
        ({"backend": "eager", "poses": "openpose"}, UnknownNameError, "unknown pose estimator 'openpose'"),
    ],
)
def test_nonsense_is_refused_before_anything_is_built(
    changes: dict[str, str], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        plan_pipeline(thin("epam_net"), **changes)  # type: ignore[arg-type]


def test_a_skeleton_network_has_no_pipeline() -> None:
    with pytest.raises(InputError, match="no pipeline prepares"):
        plan_pipeline(choose_network("stgcn"), backend="eager")


def test_a_form_that_gives_other_logits_is_not_timed(
    clips: list[FilmedClip], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Equality(reference="the twin", clips=1, relative_error=0.5, bound=1e-4, top1_agreement=0)
    monkeypatch.setattr(pipeline, "check_equality", lambda *_, **__: wrong)
    with pytest.raises(InputError, match=r"off by 5.0e-01 .* the twin, and 1e-04 is .* a wrong answer"):
        measure("x_shiftnet_pose", clips[:1], poses="given")


def test_ctrl_c_keeps_what_was_measured(clips: list[FilmedClip]) -> None:
    plan = plan_pipeline(thin("x_shiftnet_pose"), backend="eager", poses="given", threads=1)
    passes = 0

    def interrupt(_: str) -> None:
        nonlocal passes
        passes += 1
        if passes == count_passes(1, samples=2, warmup=1):
            raise KeyboardInterrupt

    outcome = measure_pipeline(plan, clips[:1], samples=9, report=interrupt)
    assert outcome.interrupted
    [record] = outcome.records
    assert record.interrupted
    assert len(record.whole_ms) == 2
    assert "stopped after 2 of 9 samples" in record.caveats


# ── A video of one's own ──


@pytest.fixture
def annotated(clips: list[FilmedClip], tmp_path: Path) -> Callable[..., Path]:
    """A pickle with the first clip's keypoints under each of the names, with changes."""

    def write(names: Sequence[str], **changes: object) -> Path:
        known = clips[0].annotation
        assert known is not None
        fields = {
            "label": 0, "img_shape": known.img_shape, "total_frames": known.total_frames,
            "keypoint": known.keypoint, "keypoint_score": known.keypoint_score,
        }  # fmt: skip
        path = tmp_path / "annotations.pkl"
        path.write_bytes(pickle.dumps([{"frame_dir": name, **fields, **changes} for name in names]))
        return path

    return write


def test_a_video_of_ones_own_is_found_in_its_annotations(
    clips: list[FilmedClip], annotated: Callable[..., Path]
) -> None:
    clip = open_clip(clips[0].path, annotated(["other", clips[0].path.stem]))
    assert clip.annotation is not None
    assert clip.annotation.frame_dir == clips[0].path.stem
    assert (clip.persons, clip.frames, clip.size) == (1, 14, (64, 36))
    assert open_clip(clips[0].path, annotated(["only"])).annotation is not None
    assert open_clip(clips[0].path, None).annotation is None
    with pytest.raises(
        AnnotationError, match=r"which of its 2 samples is the video .* Name it with --sample"
    ):
        open_clip(clips[0].path, annotated(["one", "other"]))


def test_an_absent_person_of_a_file_without_scores_is_not_counted(
    clips: list[FilmedClip], annotated: Callable[..., Path]
) -> None:
    known = clips[0].annotation
    assert known is not None
    both = np.concatenate([known.keypoint, np.zeros_like(known.keypoint)])
    clip = open_clip(clips[0].path, annotated(["only"], keypoint=both, keypoint_score=None))
    assert clip.persons == 1
    seen = np.ones(both.shape[:3], dtype=np.float32)
    seen[0] = 0
    assert open_clip(clips[0].path, annotated(["only"], keypoint=both, keypoint_score=seen)).persons == 0


def test_a_video_without_keypoints_is_refused_where_they_are_needed(clips: list[FilmedClip]) -> None:
    with pytest.raises(InputError, match="has no keypoints; give --annotations"):
        measure("epam_net", [open_clip(clips[0].path, None)], poses="given")


def test_threads_are_put_back(clips: list[FilmedClip]) -> None:
    before = torch.get_num_threads()
    plan = plan_pipeline(thin("x_shiftnet_pose"), backend="eager", poses="given", threads=before + 1)
    measure_pipeline(plan, clips[:1], samples=1)
    assert torch.get_num_threads() == before
