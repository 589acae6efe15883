from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from epam.errors import InputError, UnknownNameError
from epam_bench.commands.compare import compare, parse_share
from epam_bench.records import Environment, LatencyRecord, ModelCard, SampleBlock, append_record

ENVIRONMENT = Environment(
    system="Linux",
    processor="Some CPU",
    physical_cores=2,
    logical_cores=2,
    memory_bytes=1 << 33,
    accelerator=None,
    versions={"python": "3.12", "torch": "2.10"},
    git_commit=None,
    git_dirty=None,
)


def made_record(name: str, milliseconds: float, **changes: Any) -> LatencyRecord:
    """Four processes that differ by a thousandth, three turns of two samples each."""
    card = ModelCard(
        name=name,
        title=name.upper(),
        paper="Nobody, 2025",
        year=2025,
        modalities=("rgb",),
        inputs={"rgb": (3, 4, 8, 8)},
        clips=1,
        crops=1,
        num_classes=5,
        parameters=10,
    )
    blocks = [SampleBlock(process=one, round=turn, samples=2) for one in range(4) for turn in range(3)]
    fields: dict[str, Any] = {
        "model": card,
        "environment": ENVIRONMENT,
        "device": "cpu",
        "precision": "fp32",
        "batch_size": 1,
        "threads": 2,
        "warmup_calls": 1,
        "clock": "perf_counter",
        "run": f"{name} {milliseconds}",
        "blocks": tuple(blocks),
        "samples_ms": tuple(
            milliseconds * (1 + 0.001 * block.process + 0.0001 * turn)
            for block in blocks
            for turn in range(2)
        ),
        "weights_bytes": 40,
        "peak_memory_bytes": None,
        "peak_memory_scope": "none",
        "load_average_before": None,
        "load_average_after": None,
    }
    return LatencyRecord(**(fields | changes))


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """``steady`` takes as long as before, ``worse`` a tenth longer, and two are in one file only."""
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    for record in (made_record("steady", 4), made_record("worse", 4), made_record("gone", 1)):
        append_record(old, record)
    newer = ENVIRONMENT.model_copy(update={"versions": {"python": "3.12", "torch": "2.11"}})
    for record in (
        made_record("worse", 9),
        made_record("worse", 4.4, environment=newer),
        made_record("steady", 4.01),
        made_record("added", 1),
    ):
        append_record(new, record)
    return old, new


def run(*arguments: object) -> Any:
    app = typer.Typer()
    app.command()(compare)
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_pairs_have_a_ratio_and_a_verdict_and_what_one_file_lacks_is_named(files: tuple[Path, Path]) -> None:
    result = run(*files, "--format", "json")
    assert result.exit_code == 0, result.output
    (table,) = json.loads(result.stdout)["tables"]
    rows = {row["model"]: row for row in table["rows"]}
    assert rows["STEADY"]["verdict"] == "same"
    assert rows["WORSE"]["verdict"] == "slower"
    assert rows["WORSE"]["ratio"] == pytest.approx(1.1)
    assert rows["WORSE"]["ratio_low"] < 1.1 < rows["WORSE"]["ratio_high"]
    remarks = " ".join(table["remarks"])
    assert "Another torch: 2.10, then 2.11." in remarks
    assert "Only in the old file: gone" in remarks
    assert "Only in the new file: added" in remarks


def test_the_exit_status_tells_what_is_slower_beyond_its_interval(files: tuple[Path, Path]) -> None:
    assert run(*files, "--fail-on", "5%").exit_code == 1
    assert "worse" in run(*files, "--fail-on", "0.05").stderr
    assert run(*files, "--fail-on", "10%").exit_code == 0
    assert run(*files, "--fail-on", "5%", "--model", "steady").exit_code == 0
    old, new = files
    assert run(new, old, "--fail-on", "5%").exit_code == 0


def test_a_gate_says_on_standard_error_that_the_machine_is_another(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere.jsonl"
    other = ENVIRONMENT.model_copy(update={"processor": "Other CPU"})
    append_record(elsewhere, made_record("steady", 4.01, environment=other))
    result = run(files[0], elsewhere, "--fail-on", "5%", "--format", "csv")
    assert "Another machine: Some CPU (2 logical cores), then Other CPU (2 logical cores)." in result.stderr
    assert "Another machine" not in run(*files, "--fail-on", "5%").stderr


def test_a_single_process_has_no_interval_and_fails_nothing(tmp_path: Path) -> None:
    old, new = tmp_path / "old.jsonl", tmp_path / "new.jsonl"
    for path, samples in ((old, (1.0, 1.0)), (new, (9.0, 9.0))):
        append_record(path, made_record("early", 1, blocks=(), samples_ms=samples))
    result = run(old, new, "--fail-on", "5%")
    assert result.exit_code == 0
    assert "cannot tell" in result.stdout
    assert "no interval from one process" in result.stdout


def test_files_without_a_common_latency_and_unknown_models_are_bad_input(
    files: tuple[Path, Path], tmp_path: Path
) -> None:
    other = tmp_path / "other.jsonl"
    append_record(other, made_record("steady", 4, threads=1))
    assert isinstance(run(files[0], other).exception, InputError)
    assert isinstance(run(*files, "--model", "stead").exception, UnknownNameError)
    assert isinstance(run(files[0], tmp_path / "none.jsonl").exception, InputError)


@pytest.mark.parametrize("text", ["5", "-1%", "much", "nan", "inf%", ""])
def test_a_threshold_that_is_no_share_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="5%"):
        parse_share(text)


def test_a_share_is_written_with_a_sign_or_as_a_fraction() -> None:
    assert parse_share("5%") == parse_share(" 0.05 ") == pytest.approx(0.05)
    assert parse_share("150%") == 1.5
