from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from epam.errors import InputError
from epam_bench.calibration import Recording
from epam_bench.commands import calibrate as command
from epam_bench.commands.calibrate import RECORDING_NAME, calibrate
from epam_bench.commands.options import INTERRUPTED


def run(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(calibrate)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


@pytest.fixture
def folder(drawn_recording: Recording, tmp_path: Path) -> Path:
    lines = [drawn_recording.header, *drawn_recording.generations]
    text = "".join(line.model_dump_json() + "\n" for line in lines)
    (tmp_path / RECORDING_NAME).write_text(text)
    return tmp_path


def test_no_minutes_write_up_what_is_recorded(folder: Path) -> None:
    before = (folder / RECORDING_NAME).read_bytes()
    result = run("--minutes", 0, "-o", folder, "--format", "json")
    assert result.exit_code == 0, result.output
    promises, sizes = json.loads(result.stdout)["tables"]
    assert [row["verdict"] for row in promises["rows"]].count("yes") >= 2
    assert len(sizes["rows"]) == 7
    assert {path.name for path in folder.iterdir()} == {RECORDING_NAME, "README.md", "trials.svg"}
    assert (folder / RECORDING_NAME).read_bytes() == before


def test_nothing_recorded_cannot_be_written_up(tmp_path: Path) -> None:
    assert isinstance(run("--minutes", 0, "-o", tmp_path).exception, InputError)


def test_a_recording_stopped_too_soon_says_how_to_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (folder / RECORDING_NAME).read_text().splitlines(keepends=True)

    def stop(path: Path, minutes: float, threads: int | None) -> None:
        path.write_text("".join(lines[:3]))
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "_record", stop)
    result = run("--minutes", 1, "-o", folder)
    assert result.exit_code == INTERRUPTED
    assert "goes on" in result.stderr
