from __future__ import annotations

import io
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import psutil
import pytest
import torch
from typer.testing import CliRunner

from epam.errors import InputError, UnknownNameError
from epam_baselines import list_models
from epam_bench import latency as timing
from epam_bench.commands.app import app, main
from epam_bench.counters import COUNTERS
from epam_bench.records import CountRecord, LatencyRecord, read_records

COMMANDS = ("models", "flops", "conformance", "latency", "tables", "explain", "claims", "reproduce")


def epam_bench(*arguments: str, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """The installed command as a user types it."""
    executable = Path(sys.executable).with_name("epam-bench")
    return subprocess.run(
        [executable, *arguments], capture_output=True, text=True, cwd=cwd, timeout=300, check=False
    )


@pytest.mark.parametrize("command", COMMANDS)
def test_every_subcommand_teaches_by_example(command: str) -> None:
    result = CliRunner().invoke(app, [command, "--help"])
    assert result.exit_code == 0
    assert f"Example: epam-bench {command}" in result.output


def test_help_does_not_wait_for_pytorch() -> None:
    code = "import sys, epam_bench.commands.app; print(sorted({'torch', 'pandas'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flops", "epamnet"], "unknown model 'epamnet'; did you mean 'epam_net' or"),
        (["flops", "c3d", "--counter", "fvcor"], "did you mean 'fvcore'?"),
        (["latency", "c3d", "--batch-size", "none"], "batch size 'none'"),
        (["latency", "c3d", "--precision", "fp64"], "unknown precision 'fp64'"),
        (["tables", "--from", "missing.jsonl"], "missing.jsonl: no such record file"),
        (["flops", "c3d", "--clip", "16x112"], "for example 16x224x224"),
        pytest.param(
            ["latency", "c3d", "--device", "cuda"],
            "no CUDA device on this machine",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is one"),
        ),
    ],
)
def test_bad_input_is_one_line_and_exit_status_2(
    tmp_path: Path, arguments: list[str], message: str, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["epam-bench", *arguments])
    before = signal.getsignal(signal.SIGTERM)
    try:
        with pytest.raises(SystemExit) as ended:
            main()
    finally:
        signal.signal(signal.SIGTERM, before)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert message in said
    assert said.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


def test_bad_input_of_the_installed_command_is_one_line_too(tmp_path: Path) -> None:
    done = epam_bench("flops", "epamnet", cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("epam-bench: unknown model 'epamnet'")
    assert done.stderr.count("\n") == 1


def test_flops_prints_what_it_records(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    arguments = [
        "flops",
        "x_shiftnet_pose",
        "--counter",
        "torch",
        "--records",
        str(records),
        "--format",
        "json",
    ]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    ((record,), left_out) = read_records(records)
    assert isinstance(record, CountRecord)
    assert left_out == []
    assert document["records"] == [json.loads(record.model_dump_json())]
    (row,) = document["tables"][0]["rows"]
    assert row["parameters"] == 532_600
    assert row["torch_gmacs"] == pytest.approx(record.macs / 1e9)


def test_flops_by_module_and_csv_go_to_a_file(tmp_path: Path) -> None:
    output = tmp_path / "out.csv"
    arguments = ["flops", "x_shiftnet_pose", "--counter", "torch", "--by-module", "--format", "csv"]
    result = CliRunner().invoke(
        app, [*arguments, "--records", str(tmp_path / "records.jsonl"), "-o", str(output)]
    )
    assert result.exit_code == 0, result.output
    assert "backbone.layer2" in output.read_text()


def test_clip_that_one_network_cannot_take_costs_its_own_row(tmp_path: Path) -> None:
    arguments = ["flops", "c3d", "r3d_18", "--counter", "torch", "--clip", "8x112x112"]
    result = CliRunner().invoke(app, [*arguments, "--records", str(tmp_path / "records.jsonl")])
    assert result.exit_code == 1
    assert "c3d: clips must be (N, 3, 16, 112, 112)" in result.stderr
    assert "R3D-18" in result.stdout


def test_reproduce_leaves_records_tables_figures_and_verdicts(tmp_path: Path, monkeypatch) -> None:
    from epam_bench.commands import reproduce

    monkeypatch.setattr(reproduce, "QUICK_MODELS", ("x_shiftnet_pose", "x_shiftnet_rgb"))
    monkeypatch.setattr(reproduce, "QUICK_TIMING_SECONDS", 0.0)
    result = CliRunner().invoke(app, ["reproduce", "--quick", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    records, _ = read_records(tmp_path / "out" / "records.jsonl")
    assert sum(isinstance(record, CountRecord) for record in records) == 2 * len(COUNTERS)
    assert sum(isinstance(record, LatencyRecord) for record in records) == 2
    written = {path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {".jsonl", ".md", ".csv", ".tex", ".svg", ".png"} <= written
    # Nothing that the claims need was counted, and that is what they say.
    assert "needs data" in result.stdout

    arguments = ["tables", "--from", str(tmp_path / "out" / "records.jsonl")]
    again = CliRunner().invoke(app, [*arguments, "-f", "csv", "--table", "latency"])
    assert again.exit_code == 0, again.output
    frame = pd.read_csv(io.StringIO(again.stdout))
    assert sorted(frame["model"]) == ["x_shiftnet_pose", "x_shiftnet_rgb"]

    with pytest.raises(InputError, match="CSV holds one table: choose one with --table"):
        CliRunner().invoke(app, [*arguments, "-f", "csv"], catch_exceptions=False)
    with pytest.raises(UnknownNameError, match="'latency'"):
        CliRunner().invoke(app, [*arguments, "--table", "latencies"], catch_exceptions=False)

    written_only = CliRunner().invoke(app, [*arguments, "-o", str(tmp_path / "report")])
    assert written_only.exit_code == 0, written_only.output
    assert written_only.stdout == ""
    assert (tmp_path / "report" / "report.md").exists()


@pytest.mark.parametrize("stop", [signal.SIGINT, pytest.param(signal.SIGTERM, marks=pytest.mark.slow)])
def test_stopped_run_writes_what_it_has_and_starts_nothing_more(tmp_path: Path, stop: signal.Signals) -> None:
    records = tmp_path / "records.jsonl"
    arguments = ["latency", "x_shiftnet_pose", "--clip", "6x16x24", "--batch-size", "1,2"]
    arguments += ["--budget", "100000", "--target", "0.01"]
    code = (
        "from epam_bench.commands import app, output; output.SECONDS_BETWEEN_LINES = 0; "
        "import sys; sys.argv[0] = 'epam-bench'; app.main()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, *arguments, "--records", str(records)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as running:
        assert running.stderr is not None
        for line in running.stderr:
            if "round 2 " in line:
                break
        children = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(stop)
        running.communicate(timeout=120)
    assert running.returncode == 130
    read, _ = read_records(records)
    assert [record.batch_size for record in read if isinstance(record, LatencyRecord)] == [1, 2]
    assert all(isinstance(record, LatencyRecord) and record.interrupted for record in read)
    assert len(children) >= 3
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_models_table_has_a_row_a_model_with_its_inputs_by_name() -> None:
    result = CliRunner().invoke(app, ["models", "-f", "csv"])
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(io.StringIO(result.stdout)).set_index("model")
    assert list(frame.index) == list_models()
    assert frame.loc["epam_net", "inputs"] == "rgb 3×16×224×224 + heatmaps 17×48×56×56"
    assert frame.loc["slowonly_r50", ["clips", "crops"]].tolist() == [10, 3]


def test_several_batch_sizes_and_options_reach_the_records(tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    arguments = [
        "latency",
        "x_shiftnet_pose",
        "--batch-size",
        "1,2",
        "--threads",
        "1",
        "--backend",
        "eager,fused",
    ]
    arguments += ["--warmup", "1", "--processes", "1", "--budget", "0", "--clip", "6x16x24"]
    result = CliRunner().invoke(app, [*arguments, "--records", str(records)])
    assert result.exit_code == 0, result.output
    assert "its plain 3-D twin (reference) is timed too" in result.stderr
    read, _ = read_records(records)
    assert [(r.batch_size, r.backend, r.threads, len(r.blocks), r.warmup_calls) for r in read] == [  # type: ignore[union-attr]
        (batch_size, backend, 1, 1, 1) for batch_size in (1, 2) for backend in ("reference", "eager", "fused")
    ]
    assert all(r.equality.relative_error < 1e-5 for r in read)  # type: ignore[union-attr]
    assert all(record.model.inputs == {"heatmaps": (17, 6, 16, 24)} for record in read)


def test_another_class_count_is_counted_and_recorded(tmp_path: Path) -> None:
    arguments = ["flops", "x_shiftnet_pose", "--counter", "torch", "--num-classes", "7", "-f", "json"]
    result = CliRunner().invoke(app, [*arguments, "--records", str(tmp_path / "records.jsonl")])
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)["records"]
    assert record["model"]["num_classes"] == 7
    assert record["model"]["parameters"] == 519_580 + 7 * 217


def test_terminal_without_our_signs_gets_others() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("epam-bench"), "models"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": "ascii"},
        check=True,
    )
    assert b"3?16?224?224" in done.stdout


def test_folder_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    # A file where a folder should be: root, too, is stopped by that.
    blocked = tmp_path / "file"
    blocked.write_text("")
    done = epam_bench(
        "flops", "x_shiftnet_pose", "--counter", "torch", "--records", str(blocked / "records.jsonl")
    )
    assert done.returncode == 2
    assert done.stderr.strip().count("\n") == 0
    assert str(blocked) in done.stderr


def test_whole_run_times_fourteen_networks_and_four_of_them_in_fast_forms_too() -> None:
    from epam_bench.commands import reproduce

    plan = reproduce._plan_timing(quick=False, device="cpu", threads=1)
    plain = [subject.spec.name for subject in plan.subjects if subject.backend == "eager"]
    assert sorted(plain) == sorted(reproduce.TIMED_MODELS)
    fused = [subject.spec.name for subject in plan.subjects if subject.backend == "fused"]
    assert fused == list(reproduce.FAST_MODELS)
    assert plan.subjects[0].label == "epam_net, reference"


def test_a_timing_that_is_stopped_at_once_says_that_nothing_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(timing, "measure_latency", lambda *_, **__: timing.Outcome((), {}, interrupted=True))
    records = tmp_path / "records.jsonl"
    arguments = ["latency", "x_shiftnet_pose", "--clip", "6x16x24", "--records", str(records)]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 130
    assert "stopped before any row was timed: nothing was written" in result.stderr
    assert not records.read_text()


def test_one_table_and_a_folder_for_all_are_not_asked_for_together(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["tables", "--table", "latency", "-o", str(tmp_path / "report")])
    assert isinstance(result.exception, InputError)
    assert "the folder gets every table; leave out --table" in str(result.exception)
    assert not (tmp_path / "report").exists()
