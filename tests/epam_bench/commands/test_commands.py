from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from epam_bench.commands.app import app
from epam_bench.records import CountRecord, LatencyRecord, read_records

COMMANDS = ("models", "flops", "latency", "tables", "claims", "reproduce")


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
        (["flops", "epamnet"], "unknown model 'epamnet'; did you mean 'epam_net'?"),
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
def test_bad_input_is_one_line_and_exit_status_2(tmp_path: Path, arguments: list[str], message: str) -> None:
    done = epam_bench(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []


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
    assert "c3d by torch: c3d: clips must be (N, 3, 16, 112, 112)" in result.stderr
    assert "R3D-18" in result.stdout


def test_reproduce_leaves_records_tables_figures_and_verdicts(tmp_path: Path, monkeypatch) -> None:
    from epam_bench.commands import reproduce

    monkeypatch.setattr(reproduce, "QUICK_MODELS", ("x_shiftnet_pose", "x_shiftnet_rgb"))
    monkeypatch.setattr(reproduce, "QUICK_SAMPLES", 2)
    result = CliRunner().invoke(app, ["reproduce", "--quick", "-o", str(tmp_path / "out")])
    assert result.exit_code == 0, result.output
    records, _ = read_records(tmp_path / "out" / "records.jsonl")
    assert sum(isinstance(record, CountRecord) for record in records) == 6
    assert sum(isinstance(record, LatencyRecord) for record in records) == 2
    written = {path.suffix for path in (tmp_path / "out").rglob("*") if path.is_file()}
    assert {".jsonl", ".md", ".csv", ".tex", ".svg", ".png"} <= written
    # Nothing that the claims need was counted, and that is what they say.
    assert "needs data" in result.stdout

    again = CliRunner().invoke(
        app, ["tables", "--from", str(tmp_path / "out" / "records.jsonl"), "-f", "csv"]
    )
    assert again.exit_code == 0, again.output
    assert "x_shiftnet_rgb" in again.stdout


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
