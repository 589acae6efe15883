from __future__ import annotations

import io
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import epam
from epam.data.synthetic import SyntheticDataset
from epam_baselines.network import Network
from epam_inference import command
from epam_inference.network_kind import NetworkKind

REPOSITORY = Path(__file__).parents[2]
MULTIMODAL = REPOSITORY / "inference" / "test_multimodal.py"
UNIMODAL = REPOSITORY / "inference" / "test.py"


def run_script(
    script: Path, *arguments: object, python: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, script, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False,
        env=os.environ | {"OMP_NUM_THREADS": "1"},
    )  # fmt: skip


@pytest.fixture
def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Callable[..., tuple[int, str, str]]:
    """Run a command inside this process, on the embedded data set: exit code, stdout, stderr."""

    def call(entry: Callable[[], None], *arguments: object) -> tuple[int, str, str]:
        given = arguments if "--dataset" in arguments else ("--dataset", "embedded", *arguments)
        monkeypatch.setattr(sys, "argv", ["inference/test.py", *map(str, given)])
        with pytest.raises(SystemExit) as exit_:
            entry()
        out, err = capsys.readouterr()
        return int(exit_.value.code or 0), out, err

    return call


@pytest.fixture
def use_constant_network(
    monkeypatch: pytest.MonkeyPatch, constant_network: Callable[..., Network]
) -> Callable[..., Network]:
    """Put a network that always says waving into the commands' place for one, and return it."""

    def use(kind: NetworkKind, *, interrupt_at_batch: int | None = None) -> Network:
        network = constant_network(kind, interrupt_at_batch=interrupt_at_batch)
        monkeypatch.setattr("epam_inference.run.load_network", lambda *_, **__: network)
        return network

    return use


def assert_one_line(outcome: tuple[int, str, str], *words: str) -> None:
    code, out, err = outcome
    assert (code, out) == (2, "")
    assert err.startswith("error: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err


# ── The scripts, as a user runs them ──


def test_the_multimodal_script_predicts_as_json_with_a_published_checkpoint(
    dataset: SyntheticDataset, tmp_path: Path, wave: str
) -> None:
    torch.manual_seed(0)
    checkpoint = tmp_path / "epam_net.pth"
    epam.export_published(epam.EPAMNet(num_classes=12), checkpoint)
    video = dataset.crops / f"{wave}_rgb.mp4"
    done = run_script(
        MULTIMODAL, "--video", video, "--annotations", dataset.annotations, "--checkpoint", checkpoint,
        "--dataset", "embedded", "--topk", 12, "--json",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    document = json.loads(done.stdout)
    assert document["sample"] == wave
    assert document["label"] == {"class": 0, "name": "wave a hand"}
    loaded = epam.load_checkpoint(epam.EPAMNet(num_classes=12), checkpoint)
    assert document["checkpoint"] == {
        "path": str(checkpoint),
        "format": "published",
        "weights_sha256": loaded.weights_sha256,
    }
    assert document["caveats"] == []
    assert {"load_model", "decode", "crop", "heatmaps", "normalise", "network"} <= set(document["seconds"])
    logits = {
        stream: {entry["class"]: entry["logit"] for entry in document[stream]}
        for stream in ("fused", "rgb", "pose")
    }
    best_first = [entry["logit"] for entry in document["fused"]]
    assert best_first == sorted(best_first, reverse=True)
    for index in range(12):
        assert logits["fused"][index] == pytest.approx(logits["rgb"][index] + logits["pose"][index], abs=1e-5)


def test_the_unimodal_script_evaluates_exits_with_3_and_tells_what_it_skipped(
    dataset: SyntheticDataset, tmp_path: Path, wave: str, clap: str, sit: str
) -> None:
    videos = Path(shutil.copytree(dataset.crops, tmp_path / "clips"))
    (videos / f"{wave}_rgb.mp4").unlink()
    scores = tmp_path / "scores.npz"
    arguments = (
        "--dataset", "embedded", "--modality", "rgb", "--annotations", dataset.annotations,
        "--video", videos, "--scores", scores, "--workers", 1,
    )  # fmt: skip
    done = run_script(UNIMODAL, *arguments)
    assert done.returncode == 3
    assert "2 of 3 evaluated, 1 skipped: missing video" in done.stdout
    assert f"skipped {wave} (missing video)" in done.stdout
    assert "caveat: the weights are random" in done.stderr
    with np.load(scores, allow_pickle=False) as arrays:
        assert arrays["samples"].tolist() == [clap, sit]
        assert arrays["rgb"].shape == (2, 12)


def test_without_the_environment_both_scripts_say_how_to_make_it() -> None:
    for script in (MULTIMODAL, UNIMODAL):
        # -S leaves out site-packages, as on a system without our dependencies.
        done = subprocess.run(
            [sys.executable, "-S", script], capture_output=True, text=True, timeout=60, check=False,
            env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        )  # fmt: skip
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr.count("\n") == 1
        assert f"run `make setup`, then `.venv/bin/python {script}`" in done.stderr


def test_help_teaches_with_examples_and_does_not_load_torch() -> None:
    done = subprocess.run(
        [sys.executable, "-X", "importtime", MULTIMODAL, "--help"],
        capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert "--video data/videos224/S016C001P003R001A001_rgb.mp4" in done.stdout
    assert "typer" in done.stderr
    assert "torch" not in done.stderr
    assert "numpy" not in done.stderr


def test_an_ascii_terminal_shows_question_marks_for_what_it_lacks() -> None:
    done = subprocess.run(
        [sys.executable, UNIMODAL, "--help"], capture_output=True, timeout=60, check=False,
        env=os.environ | {"PYTHONIOENCODING": "ascii:strict", "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"224 ? 224" in done.stdout


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a disk that is always full, on Linux alone")
@pytest.mark.parametrize("format_", [(), ("--json",)])
def test_a_full_disk_is_one_line_and_the_scores_are_kept(
    dataset: SyntheticDataset, tmp_path: Path, trained_pose_network: Callable[..., Path],
    format_: tuple[str, ...],
) -> None:  # fmt: skip
    checkpoint = trained_pose_network(tmp_path / "best.safetensors")
    scores = tmp_path / "scores.json"
    arguments = [
        sys.executable, UNIMODAL, "--modality", "pose", "--dataset", "embedded", "--root", dataset.root,
        "--checkpoint", checkpoint, "--scores", scores, *format_,
    ]  # fmt: skip
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(
            arguments, stdout=full, stderr=subprocess.PIPE, text=True, timeout=120, check=False
        )
    assert done.returncode == 2
    assert done.stderr == (
        "error: standard output: No space left on device; free some disk, or write it elsewhere\n"
    )
    assert len(json.loads(scores.read_text())["scores"]) == 3
    reader, writer = os.pipe()
    os.close(reader)
    scores.unlink()
    with os.fdopen(writer, "wb") as left:  # as of `| head` that has gone
        done = subprocess.run(
            arguments, stdout=left, stderr=subprocess.PIPE, text=True, timeout=120, check=False
        )
    assert (done.returncode, done.stderr) == (0, "")
    assert len(json.loads(scores.read_text())["scores"]) == 3


# ── Results, in this process ──


def test_a_prediction_for_a_person_ends_with_the_top1_line(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, wave: str
) -> None:
    code, out, err = run(
        command.unimodal, "--modality", "pose", "--annotations", dataset.annotations, "--sample", wave
    )
    assert code == 0
    [line] = [line for line in out.splitlines() if line.startswith("top-1: ")]
    assert "class " in line
    assert "  logit " in line
    assert "annotated: wave a hand (A001, class 0)" in out
    assert err.startswith("caveat: the weights are random")


def test_a_full_size_video_is_cropped_by_its_annotation(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, wave: str
) -> None:
    video = dataset.videos / f"{wave}_rgb.mp4"
    arguments = ("--modality", "rgb", "--video", video, "--json", "--topk", 2)
    code, out, _ = run(command.unimodal, *arguments, "--annotations", dataset.annotations)
    document = json.loads(out)
    assert (code, len(document["rgb"])) == (0, 2)
    assert "fused" not in document
    assert "random" in document["caveats"][0]
    assert_one_line(run(command.unimodal, *arguments), str(video), "640×360", "annotations")


def test_skipped_samples_decide_the_exit_code_unless_allowed(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path], wave: str,
    use_constant_network: Callable[..., object],
) -> None:  # fmt: skip
    def send_everyone_home(content: dict) -> None:
        content["annotations"][0]["keypoint_score"][:] = 0

    use_constant_network("pose")
    path = rewrite_annotations(send_everyone_home)
    arguments = ("--modality", "pose", "--annotations", path, "--json")
    code, out, _ = run(command.unimodal, *arguments)
    document = json.loads(out)
    assert (code, document["evaluated_samples"], document["split"]) == (3, 2, "xsub_val")
    assert [(entry["sample"], entry["reason"]) for entry in document["skipped"]] == [
        (wave, "no person in the clip")
    ]
    assert 0 <= document["accuracy"]["pose"]["top5"] <= 1
    code, out, _ = run(command.unimodal, *arguments, "--allow-missing")
    assert (code, len(json.loads(out)["skipped"])) == (0, 1)


def test_a_label_outside_the_protocol_is_a_skipped_sample(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path], wave: str,
    use_constant_network: Callable[..., object],
) -> None:  # fmt: skip
    path = rewrite_annotations(lambda content: content["annotations"][0].update(label=12))
    use_constant_network("pose")
    code, out, _ = run(command.unimodal, "--modality", "pose", "--annotations", path)
    assert code == 3
    assert "2 of 3 evaluated, 1 skipped: malformed sample" in out
    assert f"skipped {wave} (malformed sample): {path}: sample {wave} has label 12" in out


def write_plain_list(dataset: SyntheticDataset, path: Path) -> Path:
    path.write_bytes(pickle.dumps(pickle.loads(dataset.annotations.read_bytes())["annotations"]))
    return path


def test_a_custom_plain_list_is_evaluated_whole_and_no_protocol_is_claimed_for_it(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, tmp_path: Path,
    use_constant_network: Callable[..., object],
) -> None:  # fmt: skip
    use_constant_network("pose")
    path = write_plain_list(dataset, tmp_path / "list.pkl")
    arguments = (
        "--modality", "pose", "--annotations", path, "--dataset", "custom", "--protocol", "mine",
        "--num-classes", 12,
    )  # fmt: skip
    code, out, err = run(command.unimodal, *arguments)
    assert code == 0
    assert "mine" not in out
    assert "a plain list: it does not say which split or protocol it is; taken whole" in err
    assert "33.33 %" in out
    document = json.loads(run(command.unimodal, *arguments, "--json")[1])
    assert (document["split"], document["protocol"], document["split_samples"]) == (None, None, 6)
    assert document["accuracy"]["pose"]["top1"] == 1 / 3


def test_a_plain_list_of_a_data_set_with_a_rule_is_parted_by_it(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, tmp_path: Path,
    use_constant_network: Callable[..., object],
) -> None:  # fmt: skip
    use_constant_network("pose")
    path = write_plain_list(dataset, tmp_path / "list.pkl")
    code, out, err = run(command.unimodal, "--modality", "pose", "--annotations", path)
    assert code == 0
    assert "parted by Embedded (drawn) X-Sub's rule" in err
    assert "3 of 3 evaluated" in out
    assert "split        none named: parted by xsub's rule" in out


def test_a_prepared_folder_is_evaluated_with_its_own_crops_in_views_and_workers(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset,
    use_constant_network: Callable[..., Network],
) -> None:  # fmt: skip
    network = use_constant_network("multimodal")
    code, out, err = run(
        command.multimodal, "--root", dataset.root, "--views", 2, "--workers", 1, "--batch-size", 4, "--json"
    )
    document = json.loads(out)
    assert (code, err) == (0, "")
    assert (document["annotations"], document["videos"]) == (str(dataset.root), str(dataset.crops))
    assert (document["split"], document["evaluated_samples"], document["views"]) == ("xsub_val", 3, 2)
    assert network.module.batch_sizes == [4, 2]  # three videos, two clips of each
    assert document["accuracy"]["fused"]["top1"] == 1 / 3


def test_a_sample_of_a_prepared_folder_is_predicted(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset,
    use_constant_network: Callable[..., object], wave: str,
) -> None:  # fmt: skip
    use_constant_network("multimodal")
    crop = dataset.crops / f"{wave}_rgb.mp4"
    for named in (("--sample", wave), ("--video", crop)):
        code, out, _ = run(command.multimodal, "--root", dataset.root, *named, "--json")
        document = json.loads(out)
        assert (code, document["sample"], document["video"]) == (0, wave, str(crop))
        assert document["fused"][0] == {"class": 0, "name": "wave a hand", "logit": 2.0}


def test_a_checkpoint_with_a_manifest_brings_its_thin_network_along(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, tmp_path: Path, wave: str,
    trained_pose_network: Callable[..., Path],
) -> None:  # fmt: skip
    path = trained_pose_network(tmp_path / "best.safetensors")
    arguments = ("--root", dataset.root, "--checkpoint", path)
    code, out, err = run(command.unimodal, "--modality", "pose", *arguments, "--json")
    document = json.loads(out)
    assert (code, err, document["evaluated_samples"]) == (0, "", 3)
    assert document["model"] == "x_shiftnet_pose"
    assert run(command.unimodal, "--modality", "pose", *arguments, "--sample", wave)[0] == 0
    assert_one_line(
        run(command.unimodal, "--modality", "rgb", *arguments),
        str(path), "a network of kind pose, not rgb; ask it with inference/test.py --modality pose",
    )  # fmt: skip
    assert_one_line(
        run(
            command.unimodal, "--modality", "pose", "--annotations", dataset.annotations,
            "--checkpoint", path, "--dataset", "ntu60",
        ),
        "has 12 classes, and ntu60 xsub has 60; choose the data set that it was trained on, embedded xsub",
    )  # fmt: skip
    _, _, err = run(command.unimodal, "--modality", "pose", *arguments, "--protocol", "xview")
    assert "trained on embedded xsub, and is asked about embedded xview" in err


def test_the_batch_size_is_the_number_of_clips_in_a_forward_pass(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset,
    use_constant_network: Callable[..., Any],
) -> None:  # fmt: skip
    arguments = ("--modality", "pose", "--annotations", dataset.annotations)
    for options, batches in (((), [1, 1, 1]), (("--batch-size", 2), [2, 1])):
        network = use_constant_network("pose")
        assert run(command.unimodal, *arguments, *options)[0] == 0
        assert network.module.batch_sizes == batches


def test_the_same_seed_gives_the_same_scores_and_another_seed_others(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, wave: str
) -> None:
    arguments = ("--modality", "pose", "--annotations", dataset.annotations, "--sample", wave, "--json")
    by_default, zero, one = (
        json.loads(run(command.unimodal, *arguments, *seed)[1])["pose"]
        for seed in ((), ("--seed", 0), ("--seed", 1))
    )
    assert by_default == zero
    assert len(zero) == 5
    assert zero != one


def test_the_folder_with_most_of_the_samples_videos_is_chosen_and_named(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path],
    dataset: SyntheticDataset, tmp_path: Path, use_constant_network: Callable[..., object], wave: str,
) -> None:  # fmt: skip
    path = rewrite_annotations(lambda _: None)
    shutil.copy(dataset.crops / f"{wave}_rgb.mp4", tmp_path)
    shutil.copytree(dataset.crops, tmp_path / "videos")
    use_constant_network("rgb")
    code, out, _ = run(command.unimodal, "--modality", "rgb", "--annotations", path, "--json")
    assert code == 0
    assert json.loads(out)["videos"] == str(tmp_path / "videos")


def test_a_video_that_is_longer_than_annotated_or_named_after_another_sample_is_a_caveat(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path],
    dataset: SyntheticDataset, use_constant_network: Callable[..., object], wave: str, clap: str,
) -> None:  # fmt: skip
    def forget_the_last_frame(content: dict) -> None:
        sample = content["annotations"][0]
        sample["total_frames"] -= 1
        for field in ("keypoint", "keypoint_score"):
            sample[field] = sample[field][:, :-1]

    path = rewrite_annotations(forget_the_last_frame)
    video = Path(shutil.copy(dataset.crops / f"{wave}_rgb.mp4", path.parent / f"{clap}.mp4"))
    use_constant_network("multimodal")
    arguments = ("--annotations", path, "--video", video, "--sample", wave, "--json")
    code, out, err = run(command.multimodal, *arguments)
    assert code == 0
    named, longer = json.loads(out)["caveats"]
    assert named.startswith(f"{video}: is named after sample {clap}")
    assert longer.startswith(f"{video} (sample {wave}): has ")
    assert err == f"caveat: {named}\ncaveat: {longer}\n"


def test_an_evaluation_without_a_single_score_is_never_a_success(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path]
) -> None:
    def send_everyone_home(content: dict) -> None:
        for sample in content["annotations"]:
            sample["keypoint_score"][:] = 0

    path = rewrite_annotations(send_everyone_home)
    code, out, _ = run(command.unimodal, "--modality", "pose", "--annotations", path, "--allow-missing")
    assert code == 3
    assert "0 of 3 evaluated" in out


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_or_a_schedulers_stop_prints_and_saves_what_was_done_and_exits_with_130(
    run: Callable[..., tuple[int, str, str]],
    dataset: SyntheticDataset,
    use_constant_network: Callable[..., Network],
    tmp_path: Path,
    wave: str,
    number: signal.Signals,
) -> None:
    # Where the command has no handler of its own, the test fails, and its process goes on.
    signal.signal(signal.SIGTERM, lambda *_: None)
    network = use_constant_network("pose", interrupt_at_batch=2)
    network.module.interrupt = lambda: os.kill(os.getpid(), number)
    scores = tmp_path / "scores.json"
    code, out, _ = run(
        command.unimodal, "--modality", "pose", "--annotations", dataset.annotations, "--scores", scores
    )
    assert code == 130
    assert "1 of 3 evaluated, interrupted, 2 not reached" in out
    assert list(json.loads(scores.read_text())["scores"]) == [wave]


def test_ctrl_c_before_the_first_sample_exits_with_130(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("epam_inference.run.load_network", interrupt)
    outcome = run(command.unimodal, "--modality", "pose", "--annotations", dataset.annotations)
    assert outcome == (130, "", "interrupted\n")


# ── Bad input: one line that names the thing and the fix, exit 2 ──


class _RunsCode:
    def __reduce__(self) -> tuple[object, ...]:
        return os.system, ("true",)


ANNOTATION_FILES = {
    "runs code": (pickle.dumps([_RunsCode()]), "system"),
    "Git LFS pointer": (
        b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
        "git lfs pull",
    ),
    "web page": (b"<!DOCTYPE html><html><body>Sign in</body></html>", "page"),
    "empty": (b"", "empty"),
    "cut short": (pickle.dumps({"split": {}, "annotations": [{"frame_dir": "s" * 100}]})[:60], "a.pkl"),
    "not annotations": (pickle.dumps({"weights": [1, 2]}), "annotations"),
}


@pytest.mark.parametrize("case", ANNOTATION_FILES)
def test_an_annotation_file_that_is_none_is_explained(
    run: Callable[..., tuple[int, str, str]], tmp_path: Path, case: str
) -> None:
    content, word = ANNOTATION_FILES[case]
    path = tmp_path / "a.pkl"
    path.write_bytes(content)
    assert_one_line(run(command.multimodal, "--annotations", path), str(path), word)


def test_a_sample_of_the_wrong_shape_or_without_a_person_is_explained(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path], wave: str,
    train_wave: str,
) -> None:  # fmt: skip
    def damage(content: dict) -> None:
        content["annotations"][0]["keypoint"] = np.zeros((1, 50, 25, 3), dtype=np.float16)
        content["annotations"][1]["keypoint"][:] = 0

    path = rewrite_annotations(damage)
    arguments = ("--modality", "pose", "--annotations", path, "--sample")
    assert_one_line(
        run(command.unimodal, *arguments, wave), str(path), wave, "keypoint has shape (1, 50, 25, 3)"
    )
    outcome = run(command.unimodal, *arguments, train_wave)
    assert_one_line(outcome, str(path), train_wave, "no person in the clip", "leave")


def test_nan_joints_are_a_caveat_that_names_file_sample_and_fix(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path], wave: str
) -> None:
    def blind(content: dict) -> None:
        content["annotations"][0]["keypoint"][0, 0, 0] = np.nan

    path = rewrite_annotations(blind)
    arguments = ("--modality", "pose", "--annotations", path, "--sample", wave, "--json")
    code, out, err = run(command.unimodal, *arguments)
    assert code == 0
    told = f"{path}: sample {wave} has 1 joints with a coordinate or score that is NaN or infinite"
    assert json.loads(out)["caveats"][0].startswith(told)
    assert f"caveat: {told}" in err


def test_a_message_reaches_an_ascii_terminal_too(
    run: Callable[..., tuple[int, str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    terminal = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    monkeypatch.setattr(sys, "stderr", terminal)
    assert run(command.multimodal, "--video", "caf\u00e9.mp4")[0] == 2
    terminal.flush()
    assert terminal.buffer.getvalue() == b"error: caf?.mp4: no such video file or folder; check --video\n"


def cut_short(video: Path) -> None:
    video.write_bytes(video.read_bytes()[:3000])


def make_lfs_pointer(video: Path) -> None:
    video.write_bytes(b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")


@pytest.mark.parametrize("damage", [cut_short, make_lfs_pointer, Path.unlink])
def test_a_video_that_cannot_be_used_is_explained(
    run: Callable[..., tuple[int, str, str]],
    dataset: SyntheticDataset,
    tmp_path: Path,
    wave: str,
    damage: Callable[[Path], object],
) -> None:
    video = Path(shutil.copy(dataset.crops / f"{wave}_rgb.mp4", tmp_path))
    damage(video)
    assert_one_line(
        run(command.multimodal, "--video", video, "--annotations", dataset.annotations), str(video)
    )


def test_a_video_shorter_than_annotated_is_explained(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path],
    dataset: SyntheticDataset, wave: str,
) -> None:  # fmt: skip
    def annotate_twice_the_frames(content: dict) -> None:
        sample = content["annotations"][0]
        sample["total_frames"] *= 2
        for field in ("keypoint", "keypoint_score"):
            sample[field] = np.concatenate([sample[field]] * 2, axis=1)

    path = rewrite_annotations(annotate_twice_the_frames)
    video = dataset.crops / f"{wave}_rgb.mp4"
    assert_one_line(
        run(command.multimodal, "--video", video, "--annotations", path),
        str(video),
        wave,
        "its annotation",
    )


def test_a_checkpoint_that_cannot_be_used_is_explained(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, tmp_path: Path, wave: str
) -> None:
    arguments = ("--modality", "pose", "--annotations", dataset.annotations, "--sample", wave, "--checkpoint")
    for name, content in (("page.pth", b"<html>"), ("code.pth", pickle.dumps(_RunsCode(), protocol=2))):
        (tmp_path / name).write_bytes(content)
        assert_one_line(run(command.unimodal, *arguments, tmp_path / name), name)
    other = tmp_path / "ntu120.safetensors"
    epam.save_checkpoint(epam.x_shiftnet_pose(num_classes=120), other)
    assert_one_line(run(command.unimodal, *arguments, other), str(other), "120 classes", "12")


def test_an_unknown_name_names_the_nearest(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, wave: str
) -> None:
    arguments = ("--modality", "pose", "--annotations", dataset.annotations)
    assert_one_line(run(command.unimodal, *arguments, "--dataset", "ntu6"), "did you mean 'ntu60'")
    assert_one_line(run(command.unimodal, *arguments, "--protocol", "xsubject"), "'xsub'")
    assert_one_line(run(command.unimodal, *arguments, "--sample", wave[:-1] + "3"), f"'{wave}'")
    assert_one_line(run(command.unimodal, *arguments, "--split", "xsub_vall"), "'xsub_val'")


def test_options_that_do_not_go_together_are_refused(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, wave: str, tmp_path: Path
) -> None:
    annotations = ("--annotations", dataset.annotations)
    assert_one_line(run(command.multimodal), "--annotations")
    assert_one_line(run(command.multimodal, "--video", dataset.crops), "--annotations")
    for misplaced in (
        ("--scores", tmp_path / "scores.json"),
        ("--split", "xsub_val"),
        ("--batch-size", 1),
        ("--workers", 0),
        ("--views", 1),
        ("--allow-missing",),
    ):
        outcome = run(command.multimodal, *annotations, "--sample", wave, *misplaced)
        assert_one_line(outcome, f"{misplaced[0]}: only for an evaluation, and this is a prediction")
    assert_one_line(run(command.multimodal, *annotations, "--topk", 5), "--topk: only for a prediction")
    assert_one_line(run(command.multimodal, *annotations, "--sample", ""), "--sample: the id is empty")
    assert_one_line(run(command.multimodal, *annotations, "--scores", tmp_path / "scores.txt"), ".npz")
    assert_one_line(run(command.multimodal, *annotations, "--root", dataset.root), "--root and --annotations")
    missing = tmp_path / "nosuch"
    assert_one_line(run(command.multimodal, "--root", missing), "epam-data synth -o")
    assert_one_line(run(command.multimodal, "--video", missing, "--split", "x"), "no such video file")
    code, _, err = run(command.unimodal, *annotations)
    assert code == 2
    assert "modality" in err


@pytest.mark.parametrize(
    ("option", "value"),
    [("--topk", 0), ("--topk", 1001), ("--batch-size", 0), ("--batch-size", 1025), ("--workers", -1),
     ("--views", 0), ("--seed", -1),
     ("--seed", 2**32)],
)  # fmt: skip
def test_a_number_out_of_range_is_refused(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, option: str, value: int
) -> None:
    code, out, err = run(command.multimodal, "--annotations", dataset.annotations, option, value)
    assert (code, out) == (2, "")
    assert option in err
    assert "Invalid value" in err


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has one")
def test_cuda_without_a_device_is_explained(
    run: Callable[..., tuple[int, str, str]], dataset: SyntheticDataset, wave: str
) -> None:
    arguments = ("--modality", "pose", "--annotations", dataset.annotations, "--sample", wave)
    assert_one_line(
        run(command.unimodal, *arguments, "--device", "cuda"), "'cuda': PyTorch finds no", "--device cpu"
    )
    assert_one_line(run(command.unimodal, *arguments, "--device", "tpu"), "unknown device 'tpu'")


def test_labels_that_are_all_outside_the_protocol_are_explained(
    run: Callable[..., tuple[int, str, str]], rewrite_annotations: Callable[..., Path], wave: str
) -> None:
    def relabel(content: dict) -> None:
        for sample in content["annotations"]:
            sample["label"] += 12

    path = rewrite_annotations(relabel)
    arguments = ("--modality", "pose", "--annotations", path)
    assert_one_line(run(command.unimodal, *arguments), str(path), "every label", "embedded xsub", "--dataset")
    assert_one_line(
        run(command.unimodal, *arguments, "--sample", wave), str(path), wave, "label 12", "--dataset"
    )
