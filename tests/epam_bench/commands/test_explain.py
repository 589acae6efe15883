"""`epam-bench explain` finds the line of a record, and mends what the user types."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from epam.errors import EpamError
from epam_bench.commands.explain import explain, place_in
from epam_bench.records import CountRecord, Environment, ModelCard, append_record

app = typer.Typer()
app.command()(explain)


def _count(counter: str = "torch") -> CountRecord:
    return CountRecord(
        model=ModelCard(
            name="epam_net",
            title="EPAM-Net",
            paper="–",
            year=None,
            modalities=("rgb", "pose"),
            inputs={"rgb": (3, 16, 224, 224), "heatmaps": (17, 48, 56, 56)},
            clips=1,
            crops=1,
            num_classes=60,
            parameters=2_538_717,
        ),
        environment=Environment(
            system="Linux",
            processor="Test CPU",
            physical_cores=1,
            logical_cores=2,
            memory_bytes=1024,
            accelerator=None,
            versions={},
            git_commit=None,
            git_dirty=None,
        ),
        counter=counter,
        counter_version="1",
        convention="all",
        macs=7_618_000_000,
        macs_by_operation={},
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "records.jsonl"
    append_record(path, _count("fvcore"))
    with path.open("a") as open_file:
        open_file.write("\n")
    append_record(path, _count())
    with path.open("a") as open_file:
        open_file.write('{"schema_version":')
    return path


def test_record_is_found_in_its_line_past_blank_and_unfinished_ones(file: Path) -> None:
    done = CliRunner().invoke(app, ["efficiency:epam_net:gmacs_per_view", "--from", str(file)])
    assert done.exit_code == 0, done.output
    assert "efficiency, row 1 (EPAM-Net), column GMACs/view (gmacs_per_view): 7.62" in done.output
    assert f"measured: count record of epam_net, {file}, line 3" in done.output


def test_several_cells_are_explained_in_turn(file: Path) -> None:
    cells = ["efficiency:1:Model", "ntu60:EPAM-Net:Views"]
    done = CliRunner().invoke(app, [*cells, "--from", str(file)])
    assert [line for line in done.output.splitlines() if line.startswith(("efficiency", "ntu60"))] == [
        "efficiency, row 1 (EPAM-Net), column Model (title): EPAM-Net",
        *[line for line in done.output.splitlines() if line.startswith("ntu60")],
    ]
    assert "column Views (views): 1" in done.output


def test_published_cells_need_no_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, ["ntu60:EPAM-Net:X-Sub (%)"])
    assert done.exit_code == 0, done.output
    assert "quoted: EPAM-Net's repository, README, result table" in done.output


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["efficiency"], "give TABLE:ROW:COLUMN"),
        (["efficency:1:Model"], "did you mean 'efficiency'"),
        (["efficiency:1:Model", "--from", "missing.jsonl"], "no such record file"),
    ],
)
def test_what_is_mistyped_is_told_in_one_line(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(app, arguments)
    assert isinstance(done.exception, EpamError)
    assert problem in str(done.exception)


def test_record_of_another_file_has_no_line(file: Path) -> None:
    assert place_in(file)(_count("thop")) == str(file)
