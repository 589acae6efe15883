from __future__ import annotations

import pickle
import sys
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from epam.data.data_root import DataLocation
from epam.devices import compute_threads
from epam.errors import AnnotationError, CheckpointError, InputError
from epam.training.distributed import Processes
from epam.training.recipe import load_recipe, with_changes
from epam.training.run_log import read_run_log
from epam.training.trained_model import read_trained_model
from epam.training.trainer import TrainingOutcome
from epam_baselines.network import choose_network, load_network
from epam_baselines.training_run import RunRequest, carry_out, holds_run, plan_run, with_model

ALONE = Processes(0, 1, torch.device("cpu"))
SMALL = (
    *("training.batch_size=4", "schedule.epochs=2", "schedule.warmup_steps=1", "training.evaluate_every=1"),
    *("clip.pose_frames=3", "clip.heatmap_side=8", "clip.rgb_frames=1", "clip.frame_side=32"),
    *("model.options.stem_channels=4", "model.options.stage_blocks=[1]"),
    *("optimizer.learning_rate=0.1", "training.workers=0", "training.seed=0"),
)
CLASSES = 3


def make_entry(name: str, label: int) -> dict[str, Any]:
    generator = np.random.default_rng(sum(name.encode()))
    keypoint = generator.uniform(10, 54, (1, 6, 17, 2)).astype(np.float32)
    keypoint[:, :, label * 5 : label * 5 + 5] /= 4
    return {
        "frame_dir": name,
        "label": label,
        "img_shape": (64, 64),
        "original_shape": (64, 64),
        "total_frames": 6,
        "keypoint": keypoint,
        "keypoint_score": np.ones((1, 6, 17), dtype=np.float32),
    }


def write_annotations(path: Path, *, labels: int = CLASSES) -> Path:
    train = [make_entry(f"train{n:02d}", n % labels) for n in range(12)]
    val = [make_entry(f"val{n:02d}", n % labels) for n in range(6)]
    split = {
        f"small_{part}": [e["frame_dir"] for e in entries]
        for part, entries in (("train", train), ("val", val))
    }
    path.write_bytes(pickle.dumps({"split": split, "annotations": train + val}))
    return path


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for a second thread."""
    with compute_threads(1):
        yield


@pytest.fixture
def request_run(tmp_path: Path) -> Callable[..., RunRequest]:
    """A request to train a thin pose network on twelve samples of three classes."""
    location = DataLocation(
        dataset="custom",
        protocol="small",
        annotations=(write_annotations(tmp_path / "small.pkl"),),
        num_classes=CLASSES,
    )

    def build(*changes: str, run: str = "run", **fields: Any) -> RunRequest:
        recipe = with_changes(load_recipe("tiny_pose"), [*SMALL, *changes])
        return RunRequest(**{"recipe": recipe, "location": location, "run": tmp_path / run} | fields)

    return build


RequestRun = Callable[..., RunRequest]


def train(
    request: RunRequest, *, said: list[str] | None = None, stop_at: int | None = None
) -> TrainingOutcome:
    def asked_to_stop() -> bool:
        return stop_at is not None and steps_made(request.run) >= stop_at

    say = (said if said is not None else []).append
    return carry_out(plan_run(request, ALONE), ALONE, asked_to_stop=asked_to_stop, say=say)


def steps_made(run: Path) -> int:
    return max((line["step"] for line in read_run_log(run)), default=0) if run.exists() else 0


# --- What a run leaves --------------------------------------------------------------------------------


def test_a_run_leaves_weights_that_say_how_to_rebuild_their_network(request_run: RequestRun) -> None:
    request = request_run()
    outcome = train(request)
    assert (outcome.finished, outcome.step) == (True, 6)
    network = load_network(choose_network(None, checkpoint=request.run / "last.safetensors"))
    assert network.num_classes == CLASSES
    trained = network.manifest
    assert trained is not None
    assert (trained.dataset, trained.protocol, trained.epoch, trained.step) == ("custom", "small", 2, 6)
    assert trained.recipe.contents == request.recipe
    assert trained.threads == 1
    assert trained.versions["torch"] == torch.__version__.partition("+")[0]
    assert set(trained.metrics) >= {"pose/top1", "pose/top5"}


def test_a_run_leaves_its_recipe_its_log_and_its_curve(request_run: RequestRun) -> None:
    request = request_run()
    train(request)
    assert load_recipe(request.run / "recipe.toml") == request.recipe
    kinds = [line["kind"] for line in read_run_log(request.run)]
    assert kinds[0] == "start"
    assert (kinds.count("step"), kinds.count("evaluation"), kinds[-1]) == (6, 2, "end")
    assert (request.run / "learning_curve.svg").read_bytes().startswith(b"<?xml")


def test_the_same_request_trains_the_same_weights(request_run: RequestRun) -> None:
    hashes = []
    for run in ("one", "two"):
        request = request_run(run=run)
        torch.rand(7)
        train(request)
        trained = read_trained_model(request.run / "last.safetensors")
        assert trained is not None
        hashes.append(trained.weights_sha256)
    assert hashes[0] == hashes[1]


# --- The folder ---------------------------------------------------------------------------------------


def test_a_folder_with_a_run_is_not_written_over_by_accident(request_run: RequestRun) -> None:
    train(request_run())
    with pytest.raises(InputError, match="holds a run already; go on with it by --resume, replace it by"):
        train(request_run())


def test_overwriting_removes_the_run_and_nothing_else(request_run: RequestRun) -> None:
    request = request_run()
    train(request)
    (request.run / "notes.txt").write_text("mine")
    outcome = train(request_run("schedule.epochs=1", overwrite=True))
    assert outcome.step == 3
    assert len([line for line in read_run_log(request.run) if line["kind"] == "step"]) == 3
    assert [path.name for path in (request.run / "states").glob("*.safetensors")] == [
        "step-00000003.safetensors"
    ]
    assert (request.run / "notes.txt").read_text() == "mine"


def test_what_else_is_in_a_folder_is_no_run(request_run: RequestRun, tmp_path: Path) -> None:
    request = request_run()
    request.run.mkdir()
    (request.run / "slurm.out").write_text("waiting")
    assert not holds_run(request.run)
    assert train(request).finished


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"resume": True, "overwrite": True}, "--resume and --overwrite: .* choose"),
        ({"resume": True, "run": "nowhere"}, "nowhere: no run to resume"),
        ({"run": "small.pkl"}, "small.pkl: is a file"),
    ],
)
def test_a_folder_that_does_not_fit_the_request_is_refused(
    request_run: RequestRun, fields: dict[str, Any], message: str
) -> None:
    run = fields.pop("run", "run")
    with pytest.raises(InputError, match=message):
        plan_run(request_run(run=run, **fields), ALONE)


# --- Resuming -----------------------------------------------------------------------------------------


def weights(request: RunRequest) -> str:
    trained = read_trained_model(request.run / "last.safetensors")
    assert trained is not None
    return trained.weights_sha256


def test_a_stopped_run_resumed_ends_as_if_it_had_not_stopped(request_run: RequestRun) -> None:
    whole = request_run(run="whole")
    train(whole)
    stopped = train(request_run(run="cut"), stop_at=4)
    assert (stopped.finished, stopped.step) == (False, 4)
    said: list[str] = []
    cut = request_run(run="cut", resume=True)
    assert train(cut, said=said).finished
    assert any("resuming at step 4 of 6" in sentence for sentence in said)
    assert weights(cut) == weights(whole)
    assert read_run_log(cut.run) == read_run_log(whole.run)


def test_a_run_killed_before_its_first_state_begins_again_when_resumed(request_run: RequestRun) -> None:
    whole = request_run(run="whole")
    train(whole)
    request = request_run(resume=True)
    request.run.mkdir()
    (request.run / "recipe.toml").write_text("cut off")
    said: list[str] = []
    assert train(request, said=said).finished
    assert any("no saved state; training begins at the first step" in sentence for sentence in said)
    assert weights(request) == weights(whole)


def test_a_damaged_newest_state_is_told_and_the_one_before_it_used(request_run: RequestRun) -> None:
    whole = request_run(run="whole")
    train(whole)
    train(request_run("training.save_every_steps=1"), stop_at=5)
    cut = request_run(resume=True)
    newest = sorted((cut.run / "states").glob("*.safetensors"))[-1]
    content = bytearray(newest.read_bytes())
    content[-1] ^= 1
    newest.write_bytes(content)
    said: list[str] = []
    assert train(cut, said=said).finished
    assert any(sentence.startswith("warning:") and "step-00000005" in sentence for sentence in said)
    assert any("resuming at step 4" in sentence for sentence in said)
    assert weights(cut) == weights(whole)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("optimizer.learning_rate=0.2", r"recipe.optimizer.learning_rate was 0.1 and is 0.2"),
        ("training.seed=7", "recipe.training.seed was 0 and is 7"),
        ("model.options.stem_channels=8", "recipe.model.options.stem_channels was 4 and is 8"),
        ("schedule.epochs=3", "recipe.schedule.epochs was 2 and is 3"),
    ],
)
def test_another_recipe_does_not_go_on_with_a_run(request_run: RequestRun, change: str, message: str) -> None:
    train(request_run(), stop_at=2)
    with pytest.raises(
        InputError, match=f"belongs to another run: {message}; resume with what it began with"
    ):
        train(request_run(change, resume=True))


def test_other_samples_do_not_go_on_with_a_run(request_run: RequestRun, tmp_path: Path) -> None:
    request = request_run()
    train(request, stop_at=2)
    other = write_annotations(tmp_path / "other.pkl", labels=2)
    moved = replace(request, resume=True, location=replace(request.location, annotations=(other,)))
    with pytest.raises(
        InputError, match=r"evaluated samples was \w{12}… and is \w{12}…; training samples was "
    ):
        train(moved)


def test_more_workers_and_rarer_saving_are_the_same_run(request_run: RequestRun) -> None:
    whole = request_run(run="whole")
    train(whole)
    train(request_run(), stop_at=2)
    request = request_run("training.workers=1", "training.save_every_steps=5", resume=True)
    assert train(request).finished
    assert weights(request) == weights(whole)


def test_another_thread_count_is_a_warning(request_run: RequestRun, monkeypatch: pytest.MonkeyPatch) -> None:
    train(request_run(), stop_at=5)
    monkeypatch.setattr("epam_baselines.training_run.cores_left_by", lambda workers: 2)
    monkeypatch.setattr("epam_baselines.training_run.compute_threads", lambda count: nullcontext())
    said: list[str] = []
    assert train(request_run(resume=True), said=said).finished
    assert "warning: threads was 1 and is 2: the resumed run may differ in its last bits" in said


# --- Data and models ----------------------------------------------------------------------------------


def test_a_missing_root_says_how_to_make_one(request_run: RequestRun, tmp_path: Path) -> None:
    location = DataLocation(dataset="embedded", protocol="xsub", root=tmp_path / "nowhere")
    with pytest.raises(InputError, match=r"nowhere: no such folder.*epam-data synth"):
        plan_run(request_run(location=location), ALONE)


def test_an_empty_split_is_refused(request_run: RequestRun, tmp_path: Path) -> None:
    empty = tmp_path / "empty.pkl"
    entries = [make_entry("val00", 0)]
    split = {"small_train": [], "small_val": ["val00"]}
    empty.write_bytes(pickle.dumps({"split": split, "annotations": entries}))
    request = request_run()
    with pytest.raises(AnnotationError, match="small_train' has no samples"):
        plan_run(replace(request, location=replace(request.location, annotations=(empty,))), ALONE)


def test_samples_that_cannot_be_used_are_counted_and_named(request_run: RequestRun, tmp_path: Path) -> None:
    path = write_annotations(tmp_path / "four.pkl", labels=4)
    request = request_run()
    request = replace(request, location=replace(request.location, annotations=(path,)))
    said: list[str] = []
    train(request, said=said)
    assert [line.partition(" cannot")[0] for line in said if "cannot be used" in line] == [
        "note: 3 samples of training",
        "note: 1 samples of evaluation",
    ]
    assert "train03" in " ".join(said)
    skipped = [line["sample"] for line in read_run_log(request.run) if line["kind"] == "skipped"]
    assert skipped[:3] == ["train03", "train07", "train11"]


def test_labels_outside_the_classes_are_refused(request_run: RequestRun, tmp_path: Path) -> None:
    high = tmp_path / "high.pkl"
    entries = [make_entry(f"train{n}", n) | {"label": n + 5} for n in range(3)]
    split = {"small_train": [entry["frame_dir"] for entry in entries]}
    high.write_bytes(pickle.dumps({"split": split, "annotations": entries}))
    request = request_run()
    with pytest.raises(InputError, match="label"):
        plan_run(replace(request, location=replace(request.location, annotations=(high,))), ALONE)


def test_a_plain_list_leaves_nothing_to_evaluate_on(request_run: RequestRun, tmp_path: Path) -> None:
    plain = tmp_path / "plain.pkl"
    plain.write_bytes(pickle.dumps([make_entry(f"sample{n}", n % CLASSES) for n in range(4)]))
    request = request_run()
    with pytest.raises(InputError, match="has no splits, so that nothing would be left to evaluate on"):
        plan_run(replace(request, location=replace(request.location, annotations=(plain,))), ALONE)


THREE_STAGES = ("model.options.stem_channels=8", "model.options.stage_blocks=[1,1,1]")
BOTH_STREAMS = (
    *("clip.rgb_frames=1", "clip.frame_side=32", "clip.pose_frames=3", "clip.heatmap_side=8"),
    *(
        "model.options.stem_channels=8",
        "model.options.pose_blocks=[1,1,1]",
        "model.options.rgb_blocks=[1,1,1,1]",
    ),
)


def test_a_start_of_other_classes_is_refused(request_run: RequestRun, tmp_path: Path) -> None:
    pose = request_run(*THREE_STAGES, "schedule.epochs=1", run="pose")
    train(pose)
    location = replace(
        pose.location, annotations=(write_annotations(tmp_path / "fewer.pkl", labels=2),), num_classes=2
    )
    request = RunRequest(
        recipe=with_changes(load_recipe("tiny_multimodal"), BOTH_STREAMS),
        location=location,
        run=tmp_path / "both",
        pose_from=pose.run / "last.safetensors",
    )
    (tmp_path / "videos").mkdir()
    for number in range(12):
        (tmp_path / "videos" / f"train{number:02d}.mp4").touch()
        (tmp_path / "videos" / f"val{number:02d}.mp4").touch()
    with pytest.raises(CheckpointError, match="3 classes"):
        train(request)
    assert not holds_run(request.run)


CUSTOM = """
from torch import nn
from epam_baselines import ModelSpec

def build(*, num_classes):
    convolution = nn.Conv3d(17, 4, 3, padding=1)
    return nn.Sequential(convolution, nn.AdaptiveAvgPool3d(1), nn.Flatten(), nn.Linear(4, num_classes))

def spec():
    return ModelSpec(name="mine", title="Mine", paper="none", year=2025, modalities=("pose",),
                     inputs={"heatmaps": (17, 48, 56, 56)}, clips=1, crops=1, num_classes=3, build=build)
"""


def test_a_network_of_the_users_with_3d_convolutions_is_trained(
    request_run: RequestRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_network_for_a_run.py").write_text(CUSTOM)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    request = request_run()
    request = replace(request, recipe=with_model(request.recipe, "my_network_for_a_run:spec"))
    assert train(request).finished
    trained = read_trained_model(request.run / "last.safetensors")
    assert trained is not None
    assert (trained.model, trained.options) == ("my_network_for_a_run:spec", {})


def test_a_recipe_file_cannot_name_code_that_the_user_has_not(request_run: RequestRun) -> None:
    recipe = with_changes(request_run().recipe, ["model.name=mine:spec", "model.options={}"])
    with pytest.raises(
        InputError, match=r"its model mine:spec is code that would be run; .* --model mine:spec"
    ):
        with_model(recipe, None)
    assert with_model(recipe, "mine:spec") is recipe


def test_another_model_has_its_own_options(request_run: RequestRun) -> None:
    recipe = with_model(request_run().recipe, "posec3d")
    assert (recipe.model.name, recipe.model.options) == ("posec3d", {})
