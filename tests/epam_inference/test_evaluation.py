from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from epam.data.annotations import load_annotations
from epam.data.synthetic import SyntheticDataset
from epam_inference.evaluation import evaluate_plan
from epam_inference.evaluation_plan import plan_evaluation
from epam_inference.results import ClassSet
from epam_inference.stopwatch import Stopwatch


def test_a_network_that_always_says_waving_is_right_about_the_one_wave_in_three(
    dataset: SyntheticDataset, classes: ClassSet, constant_network: type, wave: str
) -> None:
    plan = plan_evaluation("multimodal", classes, load_annotations(dataset.annotations))
    advances: list[None] = []
    evaluation = evaluate_plan(
        constant_network("multimodal"), classes, plan, advance=lambda: advances.append(None)
    )
    assert set(evaluation.accuracy) == {"fused", "rgb", "pose"}
    assert evaluation.accuracy["fused"].top1 == pytest.approx(1 / 3)
    assert evaluation.accuracy["fused"].mean_class_accuracy_present == pytest.approx(1 / 3)
    assert evaluation.labels == {wave: 22, "S001C001P003R001A027": 26, "S001C001P003R001A058": 57}
    assert (evaluation.split_samples, evaluation.evaluated_samples, evaluation.skipped) == (3, 3, ())
    assert (evaluation.videos, evaluation.interrupted, len(advances)) == (str(dataset.crops), False, 3)


@pytest.mark.parametrize(("batch_size", "batches"), [(1, [1] * 3), (2, [2, 1]), (3, [3]), (9, [3])])
def test_every_sample_is_scored_once_whatever_the_batch_size(
    dataset: SyntheticDataset, classes: ClassSet, constant_network: type, batch_size: int, batches: list[int]
) -> None:
    plan = plan_evaluation("pose", classes, load_annotations(dataset.annotations))
    network = constant_network("pose")
    evaluation = evaluate_plan(network, classes, plan, batch_size=batch_size)
    assert network.batch_sizes == batches
    assert evaluation.accuracy["pose"].samples == 3


def test_what_cannot_be_evaluated_is_counted_by_reason(
    dataset: SyntheticDataset,
    classes: ClassSet,
    constant_network: type,
    rewrite_annotations: Callable[..., Path],
    tmp_path: Path,
) -> None:
    wave, jump, shake = "S001C001P003R001A023", "S001C001P003R001A027", "S001C001P003R001A058"
    other_wave, other_jump, other_shake = (
        name.replace("C001P003", "C002P001") for name in (wave, jump, shake)
    )

    def damage(content: dict) -> None:
        by_name = {sample["frame_dir"]: sample for sample in content["annotations"]}
        by_name[jump]["keypoint_score"][:] = 0
        by_name[other_jump]["keypoint"] = np.zeros((1, 40, 25, 3), dtype=np.float16)
        by_name[other_jump]["total_frames"] = 40
        for field in ("keypoint", "keypoint_score"):  # twice as long as its video
            by_name[other_shake][field] = np.concatenate([by_name[other_shake][field]] * 2, axis=1)
        by_name[other_shake]["total_frames"] *= 2
        content["split"] = {"xsub_val": list(by_name)}

    videos = Path(shutil.copytree(dataset.crops, tmp_path / "videos224"))
    (videos / f"{shake}_rgb.mp4").unlink()
    damaged = videos / f"{other_wave}_rgb.mp4"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    annotations = load_annotations(rewrite_annotations(damage))
    plan = plan_evaluation("multimodal", classes, annotations, video=videos)
    evaluation = evaluate_plan(constant_network("multimodal"), classes, plan)
    assert {sample.sample: sample.reason for sample in evaluation.skipped} == {
        jump: "no person in the clip",
        shake: "missing video",
        other_wave: "damaged video",
        other_shake: "damaged video",
        other_jump: "malformed sample",
    }
    assert all(sample.sample in sample.message for sample in evaluation.skipped)
    assert list(evaluation.scores) == [wave]
    assert evaluation.split_samples == 6
    assert evaluation.accuracy["fused"].top1 == 1


def test_ctrl_c_keeps_what_was_scored(
    dataset: SyntheticDataset, classes: ClassSet, constant_network: type
) -> None:
    plan = plan_evaluation("pose", classes, load_annotations(dataset.annotations))
    evaluation = evaluate_plan(constant_network("pose", interrupt_at_batch=2), classes, plan)
    assert evaluation.interrupted
    assert len(evaluation.scores) == evaluation.accuracy["pose"].samples == 1


def test_without_any_scores_there_are_no_accuracies(
    dataset: SyntheticDataset, classes: ClassSet, constant_network: type
) -> None:
    plan = plan_evaluation("pose", classes, load_annotations(dataset.annotations))
    evaluation = evaluate_plan(constant_network("pose", interrupt_at_batch=1), classes, plan)
    assert (evaluation.accuracy, evaluation.evaluated_samples) == ({}, 0)


def test_the_steps_times_are_summed_over_the_samples(
    dataset: SyntheticDataset, classes: ClassSet, constant_network: type
) -> None:
    stopwatch = Stopwatch()
    plan = plan_evaluation("rgb", classes, load_annotations(dataset.annotations))
    evaluation = evaluate_plan(constant_network("rgb"), classes, plan, stopwatch=stopwatch)
    assert evaluation.seconds == stopwatch.seconds
    assert list(stopwatch.seconds) == ["decode", "crop", "normalise", "network"]
