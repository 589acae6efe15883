from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from epam.data.annotations import load_annotations
from epam.data.synthetic import SyntheticDataset
from epam.errors import AnnotationError, InputError, UnknownNameError, VideoError
from epam_inference.evaluation_plan import plan_evaluation
from epam_inference.results import ClassSet


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


def test_a_label_of_another_data_set_is_refused_before_anything_is_run(dataset: SyntheticDataset) -> None:
    classes = ClassSet("toyota_smarthome", "cs", ("a",) * 31)
    with pytest.raises(InputError, match=r"sample S001C001P003R001A058 has label 57.*--dataset"):
        plan_evaluation("pose", classes, load_annotations(dataset.lists["xsub_val"]))


def test_an_empty_split_and_a_folder_without_videos_are_refused(
    rewrite_annotations: Callable[..., Path], classes: ClassSet, tmp_path: Path
) -> None:
    path = rewrite_annotations(lambda content: content["split"].update(xsub_val=[]))
    with pytest.raises(AnnotationError, match="split 'xsub_val' has no usable sample"):
        plan_evaluation("pose", classes, load_annotations(path))
    with pytest.raises(VideoError, match="no video of its samples"):
        plan_evaluation("rgb", classes, load_annotations(path), split="xview_val", video=tmp_path)


def test_samples_with_nan_joints_are_counted(
    rewrite_annotations: Callable[..., Path], classes: ClassSet
) -> None:
    def blind(content: dict) -> None:
        for sample in content["annotations"]:
            sample["keypoint"][0, 0, 0] = np.nan

    plan = plan_evaluation("pose", classes, load_annotations(rewrite_annotations(blind)))
    assert "3 samples have NaN joints" in plan.caveats[0]
