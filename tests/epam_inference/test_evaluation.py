from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from epam.data.data_root import Split
from epam.data.synthetic import SyntheticDataset
from epam_baselines.network import Network
from epam_inference.evaluation import evaluate_split
from epam_inference.stopwatch import Stopwatch

ConstantNetwork = Callable[..., Network]
OpenSplit = Callable[..., Split]


def test_a_network_that_always_says_waving_is_right_about_the_one_wave_in_three(
    dataset: SyntheticDataset, constant_network: ConstantNetwork, open_test_split: OpenSplit, wave: str,
    clap: str, sit: str,
) -> None:  # fmt: skip
    advances: list[int] = []
    evaluation = evaluate_split(
        constant_network("multimodal"), open_test_split(videos=dataset.crops), advance=advances.append
    )
    assert list(evaluation.accuracy) == ["fused", "rgb", "pose"]
    assert evaluation.accuracy["fused"].top1 == 1 / 3
    assert evaluation.accuracy["fused"].mean_class_accuracy_present == 1 / 3
    assert evaluation.table.label_of == {wave: 0, clap: 1, sit: 8}
    assert (evaluation.split_samples, evaluation.evaluated_samples, evaluation.skipped) == (3, 3, ())
    assert (evaluation.videos, evaluation.interrupted, sum(advances)) == (str(dataset.crops), False, 3)
    assert (evaluation.classes.names[0], evaluation.model) == ("wave a hand", "epam_net")


@pytest.mark.parametrize(("batch_size", "batches"), [(1, [1] * 3), (2, [2, 1]), (9, [3])])
def test_every_sample_is_scored_once_whatever_the_batch_size(
    constant_network: ConstantNetwork, open_test_split: OpenSplit, batch_size: int, batches: list[int]
) -> None:
    network = constant_network("pose")
    evaluation = evaluate_split(network, open_test_split(), batch_size=batch_size)
    assert network.module.batch_sizes == batches
    assert evaluation.accuracy["pose"].samples == 3


def test_a_videos_views_are_scored_together(
    constant_network: ConstantNetwork, open_test_split: OpenSplit
) -> None:
    network = constant_network("pose")
    evaluation = evaluate_split(network, open_test_split(), views=3, batch_size=3)
    assert (evaluation.views, evaluation.evaluated_samples) == (3, 3)
    assert sum(network.module.batch_sizes) == 9


def test_what_cannot_be_evaluated_is_counted_by_reason(
    dataset: SyntheticDataset, constant_network: ConstantNetwork, open_test_split: OpenSplit,
    rewrite_annotations: Callable[..., Path], tmp_path: Path, wave: str, clap: str, sit: str,
) -> None:  # fmt: skip
    other_wave, other_clap, other_sit = (
        next(name for name in dataset.samples if name.endswith(action) and name not in (wave, clap, sit))
        for action in ("A001", "A002", "A009")
    )

    def damage(content: dict) -> None:
        by_name = {sample["frame_dir"]: sample for sample in content["annotations"]}
        by_name[clap]["keypoint_score"][:] = 0
        by_name[other_clap]["keypoint"] = np.zeros((1, 40, 25, 3), dtype=np.float16)
        by_name[other_clap]["total_frames"] = 40
        for field in ("keypoint", "keypoint_score"):  # twice as long as its video
            by_name[other_sit][field] = np.concatenate([by_name[other_sit][field]] * 2, axis=1)
        by_name[other_sit]["total_frames"] *= 2
        content["split"] = {"xsub_val": list(by_name)}

    videos = Path(shutil.copytree(dataset.crops, tmp_path / "videos224"))
    (videos / f"{sit}_rgb.mp4").unlink()
    damaged = videos / f"{other_wave}_rgb.mp4"
    damaged.write_bytes(damaged.read_bytes()[:2000])
    split = open_test_split(rewrite_annotations(damage), videos=videos)
    evaluation = evaluate_split(constant_network("multimodal"), split)
    assert {sample.sample: sample.reason for sample in evaluation.skipped} == {
        clap: "no person in the clip",
        sit: "missing video",
        other_wave: "damaged video",
        other_sit: "damaged video",
        other_clap: "malformed sample",
    }
    assert all(sample.sample in sample.message for sample in evaluation.skipped)
    assert evaluation.table.samples == (wave,)
    assert evaluation.split_samples == 6
    assert evaluation.accuracy["fused"].top1 == 1


def test_ctrl_c_keeps_what_was_scored(constant_network: ConstantNetwork, open_test_split: OpenSplit) -> None:
    evaluation = evaluate_split(constant_network("pose", interrupt_at_batch=2), open_test_split())
    assert evaluation.interrupted
    assert evaluation.evaluated_samples == evaluation.accuracy["pose"].samples == 1


def test_without_any_scores_there_are_no_accuracies(
    constant_network: ConstantNetwork, open_test_split: OpenSplit
) -> None:
    evaluation = evaluate_split(constant_network("pose", interrupt_at_batch=1), open_test_split())
    assert (evaluation.accuracy, evaluation.evaluated_samples) == ({}, 0)


def test_the_seconds_of_what_came_before_are_told_too(
    constant_network: ConstantNetwork, open_test_split: OpenSplit
) -> None:
    stopwatch = Stopwatch()
    with stopwatch.step("imports"):
        pass
    evaluation = evaluate_split(constant_network("pose"), open_test_split(), stopwatch=stopwatch)
    assert list(evaluation.seconds) == ["imports", "load", "network"]


def test_videos_longer_than_annotated_are_counted_and_one_is_told(
    dataset: SyntheticDataset, constant_network: ConstantNetwork, open_test_split: OpenSplit,
    rewrite_annotations: Callable[..., Path],
) -> None:  # fmt: skip
    def forget_the_last_frame(content: dict) -> None:
        for sample in content["annotations"]:
            sample["total_frames"] -= 1
            for field in ("keypoint", "keypoint_score"):
                sample[field] = sample[field][:, :-1]

    split = open_test_split(rewrite_annotations(forget_the_last_frame), videos=dataset.crops)
    evaluation = evaluate_split(constant_network("rgb"), split)
    assert evaluation.evaluated_samples == 3
    [caveat] = evaluation.caveats
    assert caveat.startswith("videos that do not agree with their annotation, and were used: 3; such as: ")


def test_samples_with_broken_joints_are_counted(
    constant_network: ConstantNetwork, open_test_split: OpenSplit,
    rewrite_annotations: Callable[..., Path], wave: str,
) -> None:  # fmt: skip
    def blind(content: dict) -> None:
        for sample in content["annotations"]:
            sample["keypoint"][0, 0, 0] = np.nan
            sample["keypoint_score"][0, 1, 0] = np.inf

    path = rewrite_annotations(blind)
    [caveat] = evaluate_split(constant_network("pose"), open_test_split(path)).caveats
    assert caveat.startswith(
        f"{path}: samples with a coordinate or score that is NaN or infinite: 3, with 6 "
    )
    assert "treated as absent" in caveat
    assert caveat.endswith(f"the first: {wave}")


def test_the_protocol_is_only_named_where_the_split_or_the_data_sets_rule_says_so(
    constant_network: ConstantNetwork, open_test_split: OpenSplit
) -> None:
    network = constant_network("pose")
    for location, protocol in (
        ({}, "xsub"),
        ({"split": "xview_val"}, None),
        ({"split": "xsub_train"}, "xsub"),
    ):
        assert evaluate_split(network, open_test_split(**location)).protocol == protocol
