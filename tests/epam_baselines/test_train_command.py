from __future__ import annotations

import os
import pickle
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import epam_baselines.training_run
from epam.devices import compute_threads
from epam.training.progress_display import ProgressDisplay
from epam.training.recipe import list_recipes
from epam.training.run_log import read_run_log
from epam.training.trained_model import read_trained_model
from epam_baselines.train_command import main

SECONDS = 300
SMALL = (
    *("training.batch_size=4", "schedule.warmup_steps=1", "training.evaluate_every=3"),
    *("clip.pose_frames=3", "clip.heatmap_side=8", "model.options.stem_channels=4"),
    *("model.options.stage_blocks=[1]", "optimizer.learning_rate=0.1", "training.workers=0"),
)


def make_entry(name: str, label: int, *, score: float = 1.0) -> dict[str, Any]:
    keypoint = np.random.default_rng(sum(name.encode())).uniform(10, 54, (1, 6, 17, 2)).astype(np.float32)
    scores = np.full((1, 6, 17), score, dtype=np.float32)
    return {
        "frame_dir": name,
        "label": label,
        "img_shape": (64, 64),
        "total_frames": 6,
        "keypoint": keypoint,
        "keypoint_score": scores,
    }


@pytest.fixture
def annotations(tmp_path: Path) -> Path:
    """Twelve samples of three classes to train on, six to evaluate; nobody is seen in train05."""
    train = [make_entry(f"train{n:02d}", n % 3, score=float(n != 5)) for n in range(12)]
    val = [make_entry(f"val{n:02d}", n % 3) for n in range(6)]
    names = {f"small_{part}": [e["frame_dir"] for e in own] for part, own in (("train", train), ("val", val))}
    path = tmp_path / "small.pkl"
    path.write_bytes(pickle.dumps({"split": names, "annotations": train + val}))
    return path


@pytest.fixture
def arguments(annotations: Path, tmp_path: Path) -> Callable[..., list[str]]:
    """The command line of a run of so many steps, three an epoch."""

    def build(*more: str, run: str = "run", epochs: int = 2) -> list[str]:
        data = ["--dataset", "custom", "--protocol", "small", "--annotations", str(annotations)]
        changes = [part for change in (*SMALL, f"schedule.epochs={epochs}") for part in ("--set", change)]
        return ["tiny_pose", *data, "--num-classes", "3", "-o", str(tmp_path / run), *changes, *more]

    return build


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Networks this small only wait for a second thread."""
    with compute_threads(1):
        yield


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> Callable[[list[str]], int]:
    """Run the command in this process; returns its exit status."""
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]

    def run(line: list[str]) -> int:
        monkeypatch.setattr(sys, "argv", ["epam-train", *line])
        status: object = 0
        try:
            main()
        except SystemExit as left:
            status = left.code or 0
        for number, handler in zip((signal.SIGTERM, signal.SIGINT), before, strict=True):
            signal.signal(number, handler)
        assert isinstance(status, int)
        return status

    return run


Command = Callable[[list[str]], int]
Arguments = Callable[..., list[str]]


def weights(run: Path) -> str:
    trained = read_trained_model(run / "last.safetensors")
    assert trained is not None
    return trained.weights_sha256


# --- What it says -------------------------------------------------------------------------------------


def test_the_help_names_every_recipe_and_has_an_example(
    command: Command, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(["--help"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    assert all(name in said for name in list_recipes())
    assert "epam-train tiny_pose --dataset embedded --protocol xsub --root data/embedded -o runs/pose" in said


def test_recipes_are_listed_with_their_titles(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["--list-recipes"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == list(list_recipes())


def test_a_run_that_ends_says_what_it_is_worth_and_what_is_next(
    command: Command, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command(arguments()) == 0
    said = capsys.readouterr().err
    assert "done: 6 steps; 1 samples could not be used, log.jsonl names them; best top1" in said
    assert f"epam-bench accuracy --checkpoint {tmp_path / 'run' / 'best.safetensors'}" in said
    assert "skipped: sample train05: no person in the clip" in said


@pytest.mark.parametrize(
    ("more", "line"),
    [
        (["--device", "quantum"], "unknown device 'quantum'"),
        (["--set", "optimizer.lerning_rate=1"], "did you mean 'learning_rate'"),
        (["--model", "x_shiftnet_poes"], "did you mean 'x_shiftnet_pose'"),
        (["--annotations", "nowhere.pkl"], "nowhere.pkl"),
        (["--pose-from", "nowhere.safetensors"], "has no pose and RGB streams"),
        (["--set", "training.precision=fp16"], "training.precision is fp16 and the device cpu"),
        (["--set", "schedule.warmup_steps=6"], "schedule.warmup_steps is 6, and the whole run has 6 updates"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_nothing_is_written(
    command: Command,
    arguments: Arguments,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    more: list[str],
    line: str,
) -> None:
    assert command(arguments(*more)) == 2
    said = capsys.readouterr().err
    assert line in said
    assert said.startswith("epam-train: ")
    assert said.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_an_unknown_recipe_names_the_nearest(command: Command, capsys: pytest.CaptureFixture[str]) -> None:
    assert command(["tiny_poes", "-d", "embedded", "-p", "xsub", "-o", "run"]) == 2
    assert "did you mean 'tiny_pose'" in capsys.readouterr().err


def test_a_run_that_diverges_has_an_exit_status_of_its_own(
    command: Command, arguments: Arguments, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    status = command(arguments("--set", "optimizer.learning_rate=1e38", "--set", "training.clip_norm=1e38"))
    said = capsys.readouterr().err
    assert status == 3, said
    assert "is not finite; its clips: " in said
    assert not list((tmp_path / "run").glob("*.safetensors"))
    assert read_run_log(tmp_path / "run")[-1]["outcome"] == "diverged"


# --- Signals ------------------------------------------------------------------------------------------

BOTH = pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])


@BOTH
@pytest.mark.parametrize("moment", ["plan_run", "load_network", "RunLog"])
def test_a_signal_before_the_first_step_leaves_with_its_status(
    command: Command,
    arguments: Arguments,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    status: int,
    moment: str,
) -> None:
    original = getattr(epam_baselines.training_run, moment)

    def signalled(*given: Any, **named: Any) -> Any:
        os.kill(os.getpid(), number)
        return original(*given, **named)

    monkeypatch.setattr(epam_baselines.training_run, moment, signalled)
    assert command(arguments()) == status
    monkeypatch.undo()
    whole_or_rest = ["--resume"] if (tmp_path / "run").exists() else []
    assert command(arguments(*whole_or_rest)) == 0


@BOTH
@pytest.mark.parametrize("step", [1, 5])
def test_a_signal_in_a_step_is_obeyed_after_it(
    command: Command,
    arguments: Arguments,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    number: int,
    status: int,
    step: int,
) -> None:
    show = ProgressDisplay.step

    def signalled(display: ProgressDisplay, **shown: Any) -> None:
        if shown["step"] == step:
            os.kill(os.getpid(), number)
        show(display, **shown)

    monkeypatch.setattr(ProgressDisplay, "step", signalled)
    assert command(arguments()) == status
    assert (tmp_path / "run" / "states" / f"step-{step:08d}.safetensors").exists()
    assert [line["step"] for line in read_run_log(tmp_path / "run") if line["kind"] == "step"][-1] == step


@BOTH
def test_signals_at_random_moments_save_and_the_resumed_run_is_the_whole_one(
    command: Command, arguments: Arguments, tmp_path: Path, number: int, status: int
) -> None:
    assert command(arguments(run="whole", epochs=30)) == 0
    moments = random.Random(number)
    statuses = [send_after(moments.uniform(0.05, 0.4), number, command, arguments(epochs=30))]
    while statuses[-1] == status and len(statuses) < 30:
        assert_all_is_saved(tmp_path / "run")
        line = arguments("--resume", epochs=30) if (tmp_path / "run").exists() else arguments(epochs=30)
        statuses.append(
            send_after(moments.uniform(0.05, 0.4) * (1 + len(statuses) / 4), number, command, line)
        )
    assert set(statuses) == {0, status}
    assert weights(tmp_path / "run") == weights(tmp_path / "whole")
    assert read_run_log(tmp_path / "run") == read_run_log(tmp_path / "whole")


def assert_all_is_saved(run: Path) -> None:
    """No step that the log tells of is lost."""
    steps = [line["step"] for line in read_run_log(run)] if (run / "log.jsonl").exists() else []
    states = sorted((run / "states").glob("step-*.safetensors"))
    assert max(steps, default=0) == (int(states[-1].stem.removeprefix("step-")) if states else 0)


def send_after(seconds: float, number: int, command: Command, line: list[str]) -> int:
    """The command's exit status, a signal being sent while it runs, unless it is done by then."""
    timer = threading.Timer(seconds, os.kill, (os.getpid(), number))
    done = threading.Event()

    def send() -> None:
        if not done.is_set():
            os.kill(os.getpid(), number)

    timer.function, timer.args = send, ()
    # A signal that comes just when the command has put its handlers back is nobody's.
    before = signal.signal(number, lambda *_: None)
    timer.start()
    try:
        return command(line)
    finally:
        done.set()
        timer.cancel()
        timer.join()
        signal.signal(number, before)


def test_a_process_that_gets_sigterm_leaves_with_143_and_its_state(
    arguments: Arguments, tmp_path: Path
) -> None:
    code = "from epam_baselines.train_command import main; main()"
    process = subprocess.Popen(
        [sys.executable, "-c", code, *arguments("--set", "training.workers=1", epochs=2000)],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for_steps(tmp_path / "run", process)
        process.send_signal(signal.SIGTERM)
        _, said = process.communicate(timeout=SECONDS)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 143
    step = read_run_log(tmp_path / "run")[-1]["step"]
    assert f"stopped after step {step}, all saved" in said
    assert (tmp_path / "run" / "states" / f"step-{step:08d}.safetensors").exists()


def wait_for_steps(run: Path, process: subprocess.Popen[str]) -> None:
    for _ in range(SECONDS * 20):
        if (run / "log.jsonl").exists() and any(line["kind"] == "step" for line in read_run_log(run)):
            return
        assert process.poll() is None, process.communicate()[1]
        threading.Event().wait(0.05)
    raise AssertionError("no step was made")


# --- Several processes --------------------------------------------------------------------------------


def run_torchrun(program: list[str], line: list[str]) -> subprocess.CompletedProcess[str]:
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    process = subprocess.Popen(
        [sys.executable, *launcher, *program, *line],
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        out, err = process.communicate(timeout=SECONDS)
    finally:
        # Not killed: the launcher is to end the processes that it started.
        process.terminate()
        process.wait(timeout=SECONDS)
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


COMMAND = ["-m", "epam_baselines.train_command"]


def test_two_processes_train_one_network_and_name_a_skipped_sample_once(
    arguments: Arguments, tmp_path: Path
) -> None:
    done = run_torchrun(COMMAND, arguments("--set", "training.batch_size=3"))
    assert done.returncode == 0, done.stderr
    lines = read_run_log(tmp_path / "run")
    epochs = [line for line in lines if line["kind"] == "epoch"]
    assert [(line["samples"], line["skipped"]) for line in epochs] == [(11, 1), (11, 1)]
    assert [line["sample"] for line in lines if line["kind"] == "skipped"] == ["train05", "train05"]
    assert done.stderr.count("skipped: sample train05") == 1
    assert [line["samples"] for line in lines if line["kind"] == "evaluation"] == [6]
    assert weights(tmp_path / "run")


@pytest.mark.slow  # as test_distributed has it, by the whole command
def test_two_processes_tell_an_error_once(arguments: Arguments, tmp_path: Path) -> None:
    done = run_torchrun(COMMAND, arguments("--set", "training.batch_size=1"))
    assert done.returncode != 0
    assert done.stderr.count("has no usable clip in its batch") == 1


STOP_AND_GO_ON = """
import sys
from pathlib import Path
from epam.data.data_root import DataLocation
from epam.training.distributed import join_processes
from epam.training.recipe import load_recipe, with_changes
from epam.training.run_log import read_run_log
from epam_baselines.training_run import RunRequest, carry_out, plan_run

annotations, folder, *changes = sys.argv[1:]
location = DataLocation(dataset="custom", protocol="small", annotations=(Path(annotations),), num_classes=3)
recipe = with_changes(load_recipe("tiny_pose"), changes)

def train(own, run, stop_at=99, resume=False):
    request = RunRequest(recipe=recipe, location=location, run=Path(folder) / run, resume=resume)
    with own.same_fate():
        plan = plan_run(request, own)
    log = request.run / "log.jsonl"
    asked = lambda: own.rank == 0 and log.exists() and read_run_log(log)[-1]["step"] >= stop_at
    return carry_out(plan, own, asked_to_stop=asked)

with join_processes("cpu") as own:
    print(own.rank, train(own, "whole").finished)
    stopped = train(own, "cut", stop_at=4)
    print(own.rank, stopped.finished, stopped.step)
    print(own.rank, train(own, "cut", resume=True).finished)
"""


def test_all_processes_stop_when_one_is_asked_and_go_on_together(annotations: Path, tmp_path: Path) -> None:
    script = tmp_path / "stop_and_go_on.py"
    script.write_text(STOP_AND_GO_ON)
    changes = [*SMALL, "schedule.epochs=2", "training.batch_size=2", "training.accumulation=2"]
    done = run_torchrun([str(script)], [str(annotations), str(tmp_path), *changes])
    assert done.returncode == 0, done.stderr
    # Asked after step 4, inside an update: gradients wait in both processes, and only one could save them.
    assert sorted(line for line in done.stdout.splitlines() if "False" in line) == ["0 False 5", "1 False 5"]
    assert weights(tmp_path / "cut") == weights(tmp_path / "whole")
    assert read_run_log(tmp_path / "cut") == read_run_log(tmp_path / "whole")
