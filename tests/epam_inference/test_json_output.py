from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np

from epam import CheckpointInfo
from epam.data.clip_dataset import SkippedSample
from epam.evaluation import Accuracy, ScoreTable
from epam_inference.json_output import evaluation_json, prediction_json
from epam_inference.results import ClassSet, Evaluation, Prediction

CLASSES = ClassSet("ntu60", "xsub", ("drink water", "eat meal/snack", "brushing teeth"))

PREDICTION = Prediction(
    sample="s1",
    video="s1.mp4",
    model="epam_net",
    classes=CLASSES,
    logits={
        "fused": np.array([3, 0, 5], dtype=np.float32),
        "rgb": np.array([1, 0, 3], dtype=np.float32),
        "pose": np.array([2, 0, 2], dtype=np.float32),
    },
    label=1,
    checkpoint=CheckpointInfo(Path("epam.pth"), "published", "0" * 64),
    seconds={"network": 0.5},
    caveats=("assumed",),
)


def test_a_prediction_is_one_object_with_each_stream_ranked() -> None:
    document = json.loads(prediction_json(PREDICTION, topk=2))
    assert document["fused"] == [
        {"class": 2, "name": "brushing teeth", "logit": 5.0},
        {"class": 0, "name": "drink water", "logit": 3.0},
    ]
    assert [entry["class"] for entry in document["pose"]] == [0, 2]
    assert document["label"] == {"class": 1, "name": "eat meal/snack"}
    assert document["checkpoint"] == {
        "path": "epam.pth",
        "format": "published",
        "weights_sha256": "0" * 64,
    }
    assert (document["sample"], document["seconds"], document["caveats"]) == (
        "s1",
        {"network": 0.5},
        ["assumed"],
    )


def test_what_is_not_known_is_null_and_what_was_not_asked_is_absent() -> None:
    alone = dataclasses.replace(
        PREDICTION, logits={"rgb": PREDICTION.logits["rgb"]}, label=None, checkpoint=None
    )
    document = json.loads(prediction_json(alone, topk=1))
    assert (document["label"], document["checkpoint"]) == (None, None)
    assert "fused" not in document
    assert "pose" not in document


def test_an_evaluation_has_accuracies_as_fractions_and_every_skipped_sample() -> None:
    accuracy = Accuracy(
        samples=4, top1=0.75, top5=1.0, mean_class_accuracy=0.5, mean_class_accuracy_present=0.75
    )
    evaluation = Evaluation(
        annotations="a.pkl",
        videos=None,
        model="x_shiftnet_pose",
        classes=CLASSES,
        protocol="xsub",
        split="xsub_val",
        split_samples=5,
        table=ScoreTable(
            ("s0", "s1", "s2", "s3"),
            np.zeros(4, dtype=np.int64),
            {"pose": np.zeros((4, 3), dtype=np.float32)},
        ),
        accuracy={"pose": accuracy},
        skipped=(SkippedSample("s4", "missing video", "no video of sample s4"),),
        interrupted=False,
        views=1,
        checkpoint=None,
        seconds={},
        caveats=(),
    )
    document = json.loads(evaluation_json(evaluation))
    assert document["accuracy"]["pose"]["top1"] == 0.75
    assert document["accuracy"]["pose"]["mean_class_accuracy"] == 0.5
    assert (document["dataset"], document["protocol"], document["split"]) == ("ntu60", "xsub", "xsub_val")
    assert (document["split_samples"], document["evaluated_samples"]) == (5, 4)
    assert document["skipped"] == [
        {"sample": "s4", "reason": "missing video", "message": "no video of sample s4"}
    ]
    assert document["views"] == 1
    plain_list = json.loads(evaluation_json(dataclasses.replace(evaluation, protocol=None, split=None)))
    assert (plain_list["protocol"], plain_list["split"], plain_list["num_classes"]) == (None, None, 3)
