from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from typer.testing import CliRunner, Result

from epam.errors import EpamError
from epam.evaluation import ScoreTable
from epam_bench.commands.app import app
from epam_bench.records import AccuracyRecord, read_records

MAIN = "from epam_bench.commands import app, output; output.SECONDS_BETWEEN_LINES = 0; app.main()"


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments))


def read_record(path: Path) -> AccuracyRecord:
    ((record,), _) = read_records(path)
    assert isinstance(record, AccuracyRecord)
    return record


def test_help_teaches_by_example() -> None:
    assert "Example: epam-bench accuracy --checkpoint" in invoke("accuracy", "--help").output


def test_streams_and_classes_are_printed_and_put_on_record(four_votes) -> None:
    result = invoke(*four_votes.arguments, "--save", "scores.npz", "--confusion", "confusion.png")
    assert result.exit_code == 0, result.output
    # Three of four, fused; Wilson's interval; both means, for class 2 is predicted and no label.
    assert "75.00 [30.06, 95.44]" in result.stdout
    assert "50.00" in result.stdout
    for expected in ("fused", "RGB", "pose", "class 2", "the weights are random"):
        assert expected in result.stdout
    assert read_record(Path("records.jsonl")).main.top1_hits == 3
    assert Path("confusion.png").read_bytes().startswith(b"\x89PNG")
    table = ScoreTable.load(Path("scores.npz"))
    assert table.samples == ("a", "b", "c", "d")
    assert list(table.streams) == ["fused", "rgb", "pose"]
    assert "wrote scores.npz" in result.stderr


def test_json_carries_the_record_and_csv_is_the_streams(four_votes) -> None:
    result = invoke(*four_votes.arguments, "-f", "json")
    document = json.loads(result.stdout)
    assert document["records"] == [json.loads(read_record(Path("records.jsonl")).model_dump_json())]
    assert [table["name"] for table in document["tables"]] == ["streams", "classes"]
    result = invoke(*four_votes.arguments, "-f", "csv", "-o", "streams.csv")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    frame = pd.read_csv("streams.csv").set_index("stream")
    assert frame.loc["pose", "mean_class_accuracy_percent"] == 75.0


@pytest.mark.parametrize(("options", "status"), [((), 1), (("--allow-missing",), 0)])
def test_skipped_samples_are_named_and_decide_the_exit_status(
    make_votes: Callable[..., Any], options: tuple[str, ...], status: int
) -> None:
    samples = {"a": (0, 0, 0), "d": (1, 1, 1)} | {f"n{number:02}": (1, None, None) for number in range(12)}
    result = invoke(*make_votes(samples).arguments, *options)
    assert result.exit_code == status
    assert "skipped 12 of 14 samples:" in result.stderr
    assert "no person in the clip: sample n09" in result.stderr
    assert "n10" not in result.stderr
    assert "and 2 more; the record names them all" in result.stderr
    assert "12 of 14 samples could not be evaluated" in " ".join(result.stdout.split())
    assert len(read_record(Path("records.jsonl")).skipped) == 12


def test_where_nothing_can_be_scored_nothing_is_recorded(make_votes: Callable[..., Any]) -> None:
    votes = make_votes({"nobody": (1, None, None)})
    result = invoke(*votes.arguments, "--allow-missing", "--save", "scores.npz")
    assert result.exit_code == 2
    assert result.stdout == ""
    assert not Path("scores.npz").exists()
    assert Path("records.jsonl").read_bytes() == b""


def test_a_stopped_run_keeps_what_was_scored(make_votes: Callable[..., Any]) -> None:
    votes = make_votes({f"s{number:03}": (0, 0, 0) for number in range(200)})
    arguments = [*votes.arguments, "--batch-size", "1", "--workers", "1", "--save", "scores.npz"]
    arguments[1] = "voters:slow"
    with subprocess.Popen(
        [sys.executable, "-c", MAIN, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as running:
        try:
            assert running.stderr is not None
            for line in running.stderr:
                if "Evaluating 3/200" in line:
                    break
            running.send_signal(signal.SIGINT)
            printed, _ = running.communicate(timeout=300)
        finally:
            running.kill()
    assert running.returncode == 130
    record = read_record(Path("records.jsonl"))
    assert record.interrupted
    assert 3 <= record.evaluated < 200
    assert f"interrupted after {record.evaluated} of 200 samples" in printed
    assert len(ScoreTable.load(Path("scores.npz"))) == record.evaluated


def test_two_processes_share_the_samples_and_one_talks(four_votes) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    shared = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "WORLD_SIZE": "2", "OMP_NUM_THREADS": "1"}
    ranks = [
        subprocess.Popen(
            [sys.executable, "-c", MAIN, *four_votes.arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    try:
        (first, told), (second, _) = (rank.communicate(timeout=300) for rank in ranks)
    finally:
        for rank in ranks:
            rank.kill()
    assert [rank.returncode for rank in ranks] == [0, 0], told
    assert "75.00 [30.06, 95.44]" in first
    assert second == ""
    assert read_record(Path("records.jsonl")).evaluated == 4


def save(path: str, *right: bool) -> str:
    rows = np.array([[1.0, 0.0] if hit else [0.0, 1.0] for hit in right], dtype=np.float32)
    names = tuple(f"s{number}" for number in range(len(right)))
    ScoreTable(names, np.zeros(len(right), dtype=np.int64), {"fused": rows}).save(Path(path))
    return path


def test_two_runs_are_compared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    runs = save("a.npz", *[True] * 9, False), save("b.npz", *[False] * 9, True)
    result = invoke("accuracy", "--compare", *runs)
    assert result.exit_code == 0, result.output
    # Nine against one of ten coins: 2 × 11 / 1024.
    assert "0.0215" in result.stdout
    assert "90.00" in result.stdout
    assert "beyond luck" in " ".join(result.stdout.split())
    frame = pd.read_csv(io.StringIO(invoke("accuracy", "--compare", *runs, "-f", "csv").stdout))
    assert frame["p_value"].tolist() == [22 / 1024]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.npz", "b.npz"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (("--save", "scores.csv"), "--save scores.csv: scores are written as .npz"),
        (("--confusion", "picture.pdf"), "--confusion picture.pdf: is drawn as .png or .svg"),
        (("--save", "votes.pkl/scores.npz"), "votes.pkl/scores.npz: cannot be written"),
        (("--model", "voters:slow"), "MODEL 'voters:spec' and --model 'voters:slow': give one"),
        (("--device", "tpu"), "unknown device 'tpu'"),
        (("--precision", "fp8"), "unknown precision 'fp8'"),
        (("--split", "mine_tset"), "'mine_test'"),
        (("--root", "nowhere"), "--root and --annotations: give one of them"),
        (("--compare", "a.npz", "b.npz"), "a.npz: no such file of scores"),
    ],
)
def test_bad_input_is_refused_before_anything_is_written(
    four_votes, options: tuple[str, ...], told: str
) -> None:
    before = {path.name for path in four_votes.folder.iterdir()}
    result = invoke(*four_votes.arguments, *options)
    assert isinstance(result.exception, EpamError)
    assert told in str(result.exception)
    assert "\n" not in str(result.exception)
    assert result.stdout == ""
    left = {path.name for path in four_votes.folder.iterdir()}
    assert left - {"__pycache__"} == before


def test_bad_input_is_one_line_and_exit_status_2(four_votes) -> None:
    done = subprocess.run(
        [sys.executable, "-c", MAIN, *four_votes.arguments, "--split", "mine_tset"],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 2
    assert "'mine_test'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((), "which data: give --dataset and --protocol"),
        (("--checkpoint", "none.pth"), "none.pth: no such checkpoint"),
        (("-d", "ntu60"), "which data: give --dataset and --protocol"),
        (("-d", "embedded", "-p", "xsub"), "no data: give a prepared folder with --root"),
        (
            ("-d", "embedded", "-p", "xsub", "--root", "none"),
            "none: no such folder; draw it with: epam-data synth",
        ),
        (("-d", "embedded", "-p", "xset", "--root", "none"), "xset"),
    ],
)
def test_data_that_are_not_said_or_not_there_are_told_with_the_fix(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...], told: str
) -> None:
    monkeypatch.chdir(tmp_path)
    result = invoke("accuracy", "x_shiftnet_pose", *arguments)
    assert isinstance(result.exception, EpamError)
    assert told in str(result.exception)


def test_a_trained_checkpoint_tells_its_model_and_data(four_votes, monkeypatch: pytest.MonkeyPatch) -> None:
    from epam.training import trained_model

    class Manifest:
        dataset, protocol = "embedded", "xview"

    monkeypatch.setattr(trained_model, "read_trained_model", lambda _: Manifest)
    from epam_bench.commands.accuracy import _choose_data

    path = Path("best.safetensors")
    assert _choose_data(None, None, path) == ("embedded", "xview")
    assert _choose_data("embedded", "xsub", path) == ("embedded", "xsub")
    assert _choose_data(None, "xsub", path) == ("embedded", "xsub")
    with pytest.raises(EpamError, match="which data"):
        _choose_data("ntu60", None, path)
