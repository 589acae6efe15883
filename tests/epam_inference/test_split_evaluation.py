from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from epam.data.annotations import load_annotations
from epam.data.synthetic import SyntheticDataset
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError
from epam_inference.results import ClassSet
from epam_inference.split_evaluation import evaluate_plan, plan_evaluation
from epam_inference.stopwatch import Stopwatch


def test_the_protocols_test_split_is_taken(dataset: SyntheticDataset, classes: ClassSet, wave: str) -> None:
    plan = plan_evaluation("multimodal", classes, load_annotations(dataset.annotations))
    assert plan.split == "xsub_val"
    assert [sample.frame_dir for sample in plan.samples] == [
        wave,
        "S001C001P003R001A027",
        "S001C001P003R001A058",
    ]
    assert plan.videos == dataset.crops
    assert (plan.problems, plan.caveats) == ((), ())


def test_a_split_called_test_is_the_test_split_too(
    rewrite_annotations: Callable[..., Path], classes: ClassSet
) -> None:
    def rename(content: dict) -> None:
        content["split"] = {"xsub_test": content["split"]["xsub_val"]}

    plan = plan_evaluation("pose", classes, load_annotations(rewrite_annotations(rename)))
    assert (plan.split, len(plan.samples), plan.videos) == ("xsub_test", 3, None)


def test_a_split_can_be_named(dataset: SyntheticDataset, classes: ClassSet) -> None:
    annotations = load_annotations(dataset.annotations)
    plan = plan_evaluation("pose", classes, annotations, split="xsub_train")
    assert {sample.frame_dir[8:12] for sample in plan.samples} == {"P001"}
    with pytest.raises(UnknownNameError, match="did you mean 'xsub_train'"):
        plan_evaluation("pose", classes, annotations, split="xsub_tran")


def test_a_file_without_the_protocols_test_split_lists_what_it_has(dataset: SyntheticDataset) -> None:
    with pytest.raises(UnknownNameError, match=r"unknown split of .*xset_val.*xview_val"):
        plan_evaluation(
            "pose", ClassSet("ntu120", "xset", ("a",) * 120), load_annotations(dataset.annotations)
        )


def test_a_plain_list_is_evaluated_whole(dataset: SyntheticDataset, classes: ClassSet) -> None:
    plan = plan_evaluation("rgb", classes, load_annotations(dataset.lists["xsub_val"]), video=dataset.videos)
    assert (plan.split, len(plan.samples), plan.videos) == (None, 3, dataset.videos)
    assert plan.caveats == (
        f"{dataset.lists['xsub_val']}: a plain list: it does not say which split or protocol it is; "
        "evaluated whole",
    )


def test_problems_of_the_split_are_kept_once_and_those_of_others_left_out(
    rewrite_annotations: Callable[..., Path], classes: ClassSet, wave: str
) -> None:
    def damage(content: dict) -> None:
        content["split"]["xsub_val"].append("S001C001P003R001A060")
        content["split"]["xsub_train"].append("S001C001P001R001A060")
        content["annotations"] += [dict(content["annotations"][0], label=-1)] * 2  # the wave, three times

    plan = plan_evaluation("pose", classes, load_annotations(rewrite_annotations(damage)))
    assert len(plan.samples) == 2
    assert sorted(problem.sample for problem in plan.problems) == [wave, "S001C001P003R001A060"]


def test_labels_that_are_all_of_another_data_set_are_refused_before_anything_is_run(
    dataset: SyntheticDataset,
) -> None:
    classes = ClassSet("toyota_smarthome", "cs", ("a",) * 22)
    with pytest.raises(InputError, match=r"every label is outside the 22 classes of toyota_.*--dataset"):
        plan_evaluation("pose", classes, load_annotations(dataset.lists["xsub_val"]))


def test_a_label_outside_the_protocol_costs_only_its_sample(dataset: SyntheticDataset, wave: str) -> None:
    classes = ClassSet("toyota_smarthome", "cs", ("a",) * 31)
    plan = plan_evaluation("pose", classes, load_annotations(dataset.lists["xsub_val"]))
    assert [sample.frame_dir for sample in plan.samples] == [wave, "S001C001P003R001A027"]
    [problem] = plan.problems
    assert problem.sample == "S001C001P003R001A058"
    assert "label 57, and the protocol only 31 classes" in problem.message


def test_an_empty_split_and_a_folder_without_videos_are_refused(
    rewrite_annotations: Callable[..., Path], classes: ClassSet, tmp_path: Path
) -> None:
    path = rewrite_annotations(lambda content: content["split"].update(xsub_val=[]))
    with pytest.raises(AnnotationError, match="split 'xsub_val' has no usable sample"):
        plan_evaluation("pose", classes, load_annotations(path))
    with pytest.raises(VideoError, match="no video of its samples"):
        plan_evaluation("rgb", classes, load_annotations(path), split="xview_val", video=tmp_path)


def test_samples_with_broken_joints_are_counted(
    rewrite_annotations: Callable[..., Path], classes: ClassSet, wave: str
) -> None:
    def blind(content: dict) -> None:
        for sample in content["annotations"]:
            sample["keypoint"][0, 0, 0] = np.nan
            sample["keypoint_score"][0, 1, 0] = np.inf

    path = rewrite_annotations(blind)
    [caveat] = plan_evaluation("pose", classes, load_annotations(path)).caveats
    assert caveat.startswith(
        f"{path}: samples with a coordinate or score that is NaN or infinite: 3, with 6 "
    )
    assert "treated as absent" in caveat
    assert caveat.endswith(f"the first: {wave}")


# ── Scoring ──


def test_a_network_that_always_says_waving_is_right_about_the_one_wave_in_three(
    dataset: SyntheticDataset, classes: ClassSet, constant_network: type, wave: str
) -> None:
    plan = plan_evaluation("multimodal", classes, load_annotations(dataset.annotations))
    advances: list[None] = []
    evaluation = evaluate_plan(
        constant_network("multimodal"), classes, plan, advance=lambda: advances.append(None)
    )
    assert set(evaluation.accuracy) == {"fused", "rgb", "pose"}
    assert evaluation.accuracy["fused"].top1 == 1 / 3
    assert evaluation.accuracy["fused"].mean_class_accuracy_present == 1 / 3
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
    assert next(s for s in evaluation.skipped if s.sample == jump).message.startswith(f"{annotations.path}: ")
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


def test_videos_longer_than_annotated_are_counted_and_the_first_is_told(
    rewrite_annotations: Callable[..., Path],
    dataset: SyntheticDataset,
    classes: ClassSet,
    constant_network: type,
    wave: str,
) -> None:
    def forget_the_last_frame(content: dict) -> None:
        for sample in content["annotations"]:
            sample["total_frames"] -= 1
            for field in ("keypoint", "keypoint_score"):
                sample[field] = sample[field][:, :-1]

    annotations = load_annotations(rewrite_annotations(forget_the_last_frame))
    plan = plan_evaluation("rgb", classes, annotations, video=dataset.crops)
    evaluation = evaluate_plan(constant_network("rgb"), classes, plan)
    assert evaluation.evaluated_samples == 3
    [caveat] = evaluation.caveats
    assert caveat.startswith(
        "videos that do not agree with their annotation, and were used: 3; "
        f"the first: {dataset.crops / wave}_rgb.mp4 (sample {wave}): has "
    )


def test_the_protocol_is_only_named_where_the_split_says_so(
    dataset: SyntheticDataset, classes: ClassSet, constant_network: type
) -> None:
    network = constant_network("pose")
    for path, split, protocol in (
        (dataset.annotations, None, "xsub"),
        (dataset.annotations, "xview_val", None),
        (dataset.lists["xsub_val"], None, None),
    ):
        plan = plan_evaluation("pose", classes, load_annotations(path), split=split)
        assert evaluate_plan(network, classes, plan).protocol == protocol
