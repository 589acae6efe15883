from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from epam.backends.registry import HOMES
from epam.checkpoints import hash_weights, save_checkpoint
from epam.data.data_root import open_split
from epam.errors import EpamError, InputError
from epam.evaluation import bootstrap_mean_class_interval, wilson_interval
from epam.training.recipe import load_recipe
from epam.training.trained_model import TrainedModel, TrainedRecipe, write_trained_model
from epam_baselines.network import RANDOM_WEIGHTS_CAVEAT, load_network
from epam_bench.accuracy import AccuracyPlan, measure_accuracy, plan_accuracy, usual_workers
from epam_bench.records import AccuracyRecord


def plan(votes: Any, **options: Any) -> AccuracyPlan:
    return plan_accuracy(votes.model, votes.location, workers=0, **options)


def measure(votes: Any, **options: Any) -> AccuracyRecord:
    record, _ = measure_accuracy(plan(votes, **options))
    assert record is not None
    return record


def test_record_holds_what_the_answers_are_worth(four_votes) -> None:
    record = measure(four_votes, batch_size=3)
    fused, rgb, pose = record.streams
    assert [result.stream for result in record.streams] == ["fused", "rgb", "pose"]
    assert (fused.top1_hits, rgb.top1_hits, pose.top1_hits) == (3, 3, 3)
    # Class 2 is predicted, and is no label: it counts as 0 in the published mean.
    assert (fused.mean_class_accuracy, fused.mean_class_accuracy_present) == (0.5, 0.75)
    assert (pose.mean_class_accuracy, pose.mean_class_accuracy_present) == (0.75, 0.75)
    assert fused.top1_interval == wilson_interval(3, 4)
    assert fused.mean_class_interval == bootstrap_mean_class_interval([1, 1, 0, 1], [0, 0, 1, 1])
    assert record.confusion == ((0, 0, 2), (1, 1, 1), (1, 2, 1))
    assert [
        (entry.name, entry.samples, entry.hits["fused"], entry.hits["pose"]) for entry in record.classes
    ] == [
        ("class 0", 2, 2, 1),
        ("class 1", 2, 1, 2),
        ("class 2", 0, 0, 0),
    ]
    assert (record.split_samples, record.evaluated, record.skipped) == (4, 4, ())
    assert (record.dataset, record.protocol, record.split, record.part) == (
        "custom",
        "mine",
        "mine_test",
        "test",
    )
    assert (record.views, record.device, record.precision, record.batch_size) == (1, "cpu", "fp32", 3)


def test_record_says_which_weights_samples_and_classes(four_votes) -> None:
    record = measure(four_votes)
    split = open_split(four_votes.location, "test", needs_videos=False)
    assert (record.split_sha256, record.label_map_sha256) == (split.sha256, split.label_map_sha256)
    network = load_network(plan(four_votes).choice)
    assert record.weights_sha256 == hash_weights(network.module.state_dict())
    assert (record.checkpoint, record.checkpoint_sha256) == (None, None)
    assert RANDOM_WEIGHTS_CAVEAT in record.caveats
    assert (record.model.name, record.model.num_classes, record.model.parameters) == ("voter", 3, 1)


def test_weights_of_a_file_are_told_by_name_and_hashes(four_votes, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    module = load_network(plan(four_votes).choice).module
    torch.nn.init.constant_(module.gain, 2.0)
    digest = save_checkpoint(module, path)
    record = measure(four_votes, checkpoint=path)
    assert (record.checkpoint, record.weights_sha256) == ("weights.safetensors", digest)
    assert record.checkpoint_sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert record.caveats == ()


def test_batches_workers_and_views_change_no_figure(four_votes) -> None:
    first = measure(four_votes)
    for batch_size in (1, 4):
        again = measure(four_votes, batch_size=batch_size)
        assert (again.streams, again.confusion, again.classes) == (
            first.streams,
            first.confusion,
            first.classes,
        )
    record, _ = measure_accuracy(plan_accuracy(four_votes.model, four_votes.location, workers=2))
    assert record is not None
    assert record.streams == first.streams
    assert measure(four_votes, views=3).views == 3


STRICT_BACKEND = """
from epam.backends.backend import Prepared


class Strict:
    name, summary = "strict", "takes the shapes that it was made ready for, and says what it was given"
    precisions = {"cpu": ("fp32", "int8")}

    def missing(self):
        return None

    def refuses(self, model):
        return None

    def prepare(self, model, request):
        (shape,) = [tensor.shape for tensor in request.example_inputs]

        def call(clips):
            assert clips.shape == shape
            return model(clips)

        return Prepared(call=call, notes=(f"strict: {len(request.calibration)} clips of {shape[0]}",))


BACKEND = Strict()
"""


@pytest.fixture
def strict_backend(make_votes: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "strict_backend.py").write_text(STRICT_BACKEND)
    monkeypatch.setitem(HOMES, "strict", "strict_backend")


@pytest.mark.usefixtures("strict_backend")
@pytest.mark.parametrize("batch_size", [1, 3, 8])
def test_fast_form_changes_no_figure_whatever_the_batch(four_votes, batch_size: int) -> None:
    plain, fast = (
        measure(four_votes, batch_size=batch_size, backend=backend) for backend in ("eager", "strict")
    )
    assert (fast.backend, plain.backend) == ("strict", "eager")
    assert (fast.streams, fast.confusion) == (plain.streams, plain.confusion)
    assert fast.weights_sha256 == plain.weights_sha256
    assert f"strict: 0 clips of {batch_size}" in fast.caveats


@pytest.mark.usefixtures("strict_backend")
def test_int8_is_calibrated_clip_by_clip_on_training_samples_that_are_not_evaluated(
    make_votes: Callable[..., Any],
) -> None:
    test = {"a": (0, 0, 0), "b": (0, 0, 1), "c": (1, 2, 1)}
    train = {"t1": (0, 0, 0), "t2": (1, 1, 1)}
    # A sample of both parts is left out of those to calibrate with.
    votes = make_votes(test, train=train | {"a": test["a"]})
    record = measure(votes, backend="strict", precision="int8", batch_size=2)
    assert (record.backend, record.precision, record.batch_size) == ("strict", "int8", 2)
    assert "int8 calibrated on 2 clips of the training part of custom mine" in record.caveats
    assert "strict: 2 clips of 1" in record.caveats
    assert measure(votes, backend="strict", precision="int8").streams == record.streams


@pytest.mark.usefixtures("strict_backend")
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "int8"}, "choose a backend that has it, for example --backend openvino"),
        ({"backend": "stricter"}, "unknown backend 'stricter'"),
        ({"backend": "strict", "precision": "bf16"}, "has no bf16 on cpu"),
        ({"calibration": 0}, "at least 1"),
    ],
)
def test_form_that_cannot_be_is_refused_before_anything_slow(
    four_votes, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(EpamError, match=message):
        plan(four_votes, **options)


@pytest.mark.usefixtures("strict_backend")
def test_int8_without_a_training_part_says_so(four_votes) -> None:
    with pytest.raises(EpamError, match="mine_train"):
        plan(four_votes, backend="strict", precision="int8")


def test_samples_that_cannot_be_used_are_named_and_counted(make_votes: Callable[..., Any]) -> None:
    votes = make_votes({"a": (0, 0, 0), "nobody": (1, None, None), "wrong": (7, 1, 1), "d": (1, 1, 1)})
    record = measure(votes)
    assert [(entry.sample, entry.reason) for entry in record.skipped] == [
        ("wrong", "malformed sample"),
        ("nobody", "no person in the clip"),
    ]
    assert (record.evaluated, record.split_samples) == (2, 4)
    assert (
        "2 of 4 samples could not be evaluated (1 malformed sample, 1 no person in the clip): the accuracy "
        "is that of the others"
    ) in record.caveats


def test_joints_that_are_no_numbers_are_a_caveat(make_votes: Callable[..., Any]) -> None:
    import pickle

    votes = make_votes({"a": (0, 0, 0), "b": (1, 1, 1)})
    content = pickle.loads((votes.folder / "votes.pkl").read_bytes())
    content["annotations"][0]["keypoint_score"][0, 0, 8] = np.nan
    (votes.folder / "votes.pkl").write_bytes(pickle.dumps(content))
    assert any("NaN or infinite: 1, with 1 such joints" in caveat for caveat in measure(votes).caveats)


def test_where_nothing_can_be_scored_there_is_no_record(make_votes: Callable[..., Any]) -> None:
    record, scores = measure_accuracy(plan(make_votes({"nobody": (1, None, None)})))
    assert record is None
    assert len(scores.skipped) == 1


def test_what_was_scored_before_a_stop_is_on_record(four_votes) -> None:
    def stop(_: int) -> None:
        raise KeyboardInterrupt

    record, scores = measure_accuracy(plan(four_votes, batch_size=3), advance=stop)
    assert record is not None
    assert (record.interrupted, record.evaluated, record.split_samples) == (True, 3, 4)
    assert "interrupted after 3 of 4 samples" in record.caveats
    assert scores.interrupted


def test_classes_have_the_kinds_of_their_data_set(make_votes: Callable[..., Any]) -> None:
    name = "S001C001P003R001A002"
    votes = make_votes({name: (1, 1, 1)})
    location = replace(
        votes.location, dataset="embedded", protocol="xsub", split="mine_test", num_classes=None
    )
    record, _ = measure_accuracy(plan_accuracy(votes.model, location, workers=0))
    assert record is not None
    assert [entry.group for entry in record.classes] == ["movement"] * 4 + ["object"] * 4 + ["order"] * 4


def trained(votes: Any, path: Path, **changes: Any) -> None:
    """Weights with the manifest that a training would have left beside them."""
    digest = save_checkpoint(load_network(plan(votes).choice).module, path)
    recipe = load_recipe("tiny_pose")
    clip = recipe.clip.model_copy(update={"pose_frames": 2, "heatmap_side": 10})
    fields: dict[str, Any] = {
        "weights_sha256": digest,
        "model": votes.model,
        "options": {},
        "num_classes": 3,
        "clip": clip,
        "dataset": "custom",
        "protocol": "mine",
        "split_sha256": "0" * 64,
        "label_map_sha256": open_split(votes.location, "test", needs_videos=False).label_map_sha256,
        "recipe": TrainedRecipe.of(recipe),
        "epoch": 1,
        "step": 1,
        "threads": 1,
    }
    write_trained_model(path, TrainedModel(**(fields | changes)))


def test_a_network_asked_about_its_own_training_samples_says_so(four_votes, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    trained(four_votes, path)
    assert measure(four_votes, checkpoint=path).caveats == ()
    trained(four_votes, path, split_sha256=open_split(four_votes.location, "test", needs_videos=False).sha256)
    assert measure(four_votes, checkpoint=path).caveats == (
        "these are the very samples that the network was trained on",
    )
    trained(four_votes, path, label_map_sha256="0" * 64)
    (caveat,) = measure(four_votes, checkpoint=path).caveats
    assert caveat.startswith("the classes have other names or another order")


def test_a_network_of_other_classes_is_refused_before_it_is_loaded(four_votes, tmp_path: Path) -> None:
    path = tmp_path / "best.safetensors"
    trained(four_votes, path)
    location = replace(four_votes.location, num_classes=4)
    with pytest.raises(InputError, match="has 3 classes, and custom mine has 4; choose the data set"):
        plan_accuracy(four_votes.model, location, checkpoint=path)


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"views": 0}, "0 views: at least 1"),
        ({"batch_size": 0}, "batch size 0"),
        ({"precision": "fp64"}, "unknown precision 'fp64'"),
        ({"device": "tpu"}, "unknown device 'tpu'"),
        ({"checkpoint": Path("none.safetensors")}, "none.safetensors: no such checkpoint"),
    ],
)
def test_what_cannot_be_evaluated_is_refused(four_votes, options: dict[str, Any], told: str) -> None:
    with pytest.raises(EpamError, match=told):
        measure(four_votes, **options)


def test_decoding_is_worth_a_worker_and_a_gpu_is_worth_several(monkeypatch: pytest.MonkeyPatch) -> None:
    import epam_bench.accuracy

    monkeypatch.setattr(epam_bench.accuracy, "cores_left_by", lambda workers: 16 - workers)
    assert usual_workers("cpu", needs_video=True) == 1
    assert usual_workers("cpu", needs_video=False) == 0
    assert usual_workers("cuda:1", needs_video=False) == 8
    monkeypatch.setattr(epam_bench.accuracy, "cores_left_by", lambda workers: 1)
    assert usual_workers("cpu", needs_video=True) == 0
