from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import epam.data.commands.progress as progress
from epam.data.commands.app import main
from epam.data.commands.options import LINES_SHOWN, choose_workers, print_problems

Run = Callable[..., int]
TRAIN, TEST = "S001C002P001R001A001", "S001C001P003R001A002"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Run the command in a folder of its own; returns its exit status."""

    def run_command(*arguments: str | Path) -> int:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", ["epam-data", *map(str, arguments)])
        with pytest.raises(SystemExit) as exit_:
            main()
        return int(exit_.value.code or 0)

    return run_command


@pytest.fixture
def raw(tmp_path: Path, make_video) -> Path:
    """Annotations with splits of two samples, and their whole videos."""
    (tmp_path / "videos").mkdir()
    entries = []
    for label, name in enumerate((TRAIN, TEST)):
        make_video(f"videos/{name}_rgb.avi", frames=4, codec="mpeg4")
        keypoint = np.zeros((1, 4, 17, 2), np.float16)
        keypoint[..., 0, :], keypoint[..., 1, :] = (10, 10), (40, 40)
        entries.append(
            {
                "frame_dir": name,
                "label": label,
                "img_shape": (48, 64),
                "total_frames": 4,
                "keypoint": keypoint,
                "keypoint_score": np.ones((1, 4, 17), np.float16),
            }
        )
    parts = {"train": [TRAIN], "val": [TEST]}
    splits = {f"{name}_{part}": ids for name in ("xsub", "xview") for part, ids in parts.items()}
    (tmp_path / "annotations.pkl").write_bytes(pickle.dumps({"split": splits, "annotations": entries}))
    return tmp_path


PREPARE = ("prepare", "embedded", "-a", "annotations.pkl", "-o", "out", "-j", "1")
CHECK = ("check", "embedded", "--root", "out", "-j", "1")


def test_what_was_prepared_passes_its_check(run: Run, raw: Path, capsys) -> None:
    assert run(*PREPARE, "--videos", "videos") == 0
    output = capsys.readouterr().out
    assert "2 samples (xsub_train 1, xsub_val 1, xview_train 1, xview_val 1), 0 unusable" in output
    assert "2 crops made, 0 were there, 0 could not be made" in output
    assert output.endswith("Next: epam-data check embedded --root out\n")
    assert run(*CHECK) == 0
    output = capsys.readouterr().out
    assert "2 samples; looked at: xsub, xview" in output
    assert "xsub test, split xsub_val: 1 samples, 1 usable" in output
    assert "nothing wrong in what was looked at" in output
    assert (raw / "out" / "manifest.json").exists()


def test_prepared_again_everything_is_kept(run: Run, raw: Path, capsys) -> None:
    run(*PREPARE, "--videos", "videos")
    capsys.readouterr()
    assert run(*PREPARE, "--videos", "videos") == 0
    assert "0 crops made, 2 were there" in capsys.readouterr().out


def test_a_bad_video_is_told_and_status_3_of_both_commands(run: Run, raw: Path, capsys) -> None:
    (raw / "videos" / f"{TEST}_rgb.avi").write_bytes(b"damaged")
    assert run(*PREPARE, "--videos", "videos") == 3
    assert "1 could not be made" in (output := capsys.readouterr()).out
    assert f"{TEST}_rgb.avi" in output.err
    assert run(*CHECK) == 3
    output = capsys.readouterr()
    assert "1 findings (missing video: 1)" in output.out
    assert "nothing wrong" not in output.out
    assert f"missing video: out/videos224: no video of sample {TEST}" in output.err


def test_without_videos_the_folder_is_fit_for_pose_alone(run: Run, raw: Path, capsys) -> None:
    assert run(*PREPARE) == 0
    assert "fit for pose alone" in capsys.readouterr().out
    assert run(*CHECK) == 3
    assert run(*CHECK, "--skeletons-only") == 0
    assert "note: videos not looked at" in capsys.readouterr().out


def test_shares_are_taken_from_the_command_line(run: Run, raw: Path, capsys) -> None:
    made = 0
    for share in ("1/2", "2/2"):
        assert run(*PREPARE, "--videos", "videos", "--shard", share) == 0
        made += int(capsys.readouterr().out.split("out: ")[1].split(" crops made")[0])
    assert made == 2


def test_long_videos_are_cut_by_label_files(run: Run, tmp_path: Path, make_video, capsys) -> None:
    (tmp_path / "labels").mkdir()
    (tmp_path / "long").mkdir()
    (tmp_path / "labels" / "0002-L.txt").write_text("3,1,2,2\n")
    make_video("long/0002-L.avi", frames=5, codec="mpeg4")
    arguments = ("--labels", "labels", "--videos", "long", "-o", "out", "-j", "1")
    assert run("prepare", "pku_mmd", *arguments) == 0
    assert "1 of 1 long videos are cut whole" in capsys.readouterr().out
    assert (tmp_path / "out" / "videos" / "0002-L-A03-N01.mp4").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("prepare", "ntu61", "-o", "out"), "unknown data set 'ntu61'; did you mean 'ntu60'"),
        (("prepare", "ntu60", "-o", "out"), "no annotation file; give one with --annotations"),
        (("prepare", "ntu60", "-o", "out", "-a", "none.pkl"), "none.pkl: cannot be read"),
        (("prepare", "ntu60", "-o", "out", "--labels", "l"), "--labels: only pku_mmd is cut"),
        (("prepare", "pku_mmd", "-o", "out", "--labels", "l"), "--labels: the long videos are needed too"),
        (("prepare", "ntu60", "-o", "out", "--shard", "0/2"), "--shard is '0/2'; give i/n"),
        (("check", "embedded", "--root", "out"), "out: no such folder; draw it with: epam-data synth -o out"),
        (
            ("check", "ntu60", "--root", "out"),
            "out: no such folder; prepare it with: epam-data prepare ntu60",
        ),
    ],
)
def test_a_mistake_is_one_line_and_status_2(run: Run, capsys, arguments: tuple, message: str) -> None:
    assert run(*arguments) == 2
    output = capsys.readouterr()
    assert output.out == ""
    assert output.err.startswith(f"epam-data: {message}")
    assert output.err.count("\n") == 1


def test_synth_passes_its_options_on_and_names_the_next_command(run: Run, monkeypatch, capsys) -> None:
    seen: dict[str, object] = {}

    def draw(directory: Path, *, on_sample: Callable[[str], None], **options: object) -> SimpleNamespace:
        seen.update(options, directory=directory)
        on_sample("one")
        samples, crops = ("one",), directory / "videos224"
        return SimpleNamespace(
            samples=samples, crops=crops, videos=None, annotations=directory / "annotations.pkl"
        )

    monkeypatch.setattr("epam.data.synthetic.dataset.write_dataset", draw)
    assert run("synth", "-o", "data", "--classes", "2", "-n", "5", "--seed", "3", "-j", "2") == 0
    assert seen == {
        "directory": Path("data"),
        "actions": range(2),
        "samples_per_class": 5,
        "seed": 3,
        "full_size": False,
        "workers": 2,
        "overwrite": False,
    }
    assert capsys.readouterr().out.endswith("Next: epam-data check embedded --root data\n")


@pytest.mark.parametrize(
    ("command", "place"),
    [
        (("synth", "-o", "out"), "epam.data.synthetic.dataset.write_dataset"),
        ((*PREPARE, "--videos", "videos"), "epam.data.preparation.prepare.crop_video"),
    ],
)
def test_ctrl_c_ends_with_its_own_status(
    run: Run, raw: Path, monkeypatch, capsys, command: tuple, place: str
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(place, interrupt)
    assert run(*command) == 130
    assert "stopped; the same command goes on from here" in capsys.readouterr().err


@pytest.mark.parametrize("command", ["prepare", "check", "synth"])
def test_help_has_an_example(run: Run, capsys, command: str) -> None:
    assert run(command, "--help") == 0
    assert f"Example: epam-data {command} " in " ".join(capsys.readouterr().out.split())


def test_help_does_not_wait_for_pytorch() -> None:
    code = (
        "import sys; sys.argv = ['epam-data', 'prepare', '--help']\n"
        "from epam.data.commands.app import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        "sys.exit('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert done.returncode == 0


def test_progress_in_a_log_is_a_line_now_and_then(monkeypatch, capsys) -> None:
    monkeypatch.setattr(progress, "SECONDS_BETWEEN_LINES", 0.0)
    with progress.show_progress("cropping", 2) as advance:
        advance("one")
        advance("two\n")
    lines = capsys.readouterr().err.splitlines()
    assert lines == ["cropping 1/2, 0 s: one", "cropping 2/2, 0 s: two\\n"]
    monkeypatch.undo()
    with progress.show_progress("cropping", 1) as advance:
        advance("one")
    assert capsys.readouterr().err == ""


def test_progress_on_a_terminal_is_a_bar(monkeypatch, capsys) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with progress.show_progress("cropping", 2) as advance:
        advance("[bold]one")
        assert os.environ["FORCE_COLOR"]
    assert "cropping" in capsys.readouterr().err


def test_many_problems_are_counted_not_printed(capsys) -> None:
    print_problems([f"line {number}" for number in range(LINES_SHOWN + 5)])
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == LINES_SHOWN + 1
    assert lines[-1] == "  … and 5 more"


def test_workers_are_the_cores_that_may_be_used() -> None:
    assert choose_workers(3) == 3
    assert choose_workers(None) >= 1
