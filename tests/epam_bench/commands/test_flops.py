"""What flops prints besides the counters' table; the rest is in test_commands.py and test_model_choice.py."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pandas as pd
import pytest
from typer.testing import CliRunner

from epam.errors import InputError
from epam_bench.commands.app import app

ARGUMENTS = ["flops", "x_shiftnet_pose", "--counter", "consensus"]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_ledger_splits_the_count_by_kind_of_operation() -> None:
    result = CliRunner().invoke(app, [*ARGUMENTS, "--ledger", "-f", "json"])
    assert result.exit_code == 0, result.output
    document = json.loads(result.stdout)
    (record,) = document["records"]
    _, ledger = document["tables"]
    kinds = {row["kind"]: row for row in ledger["rows"]}
    assert {"convolution", "matrix product", "normalisation", "activation"} <= set(kinds)
    assert sum(row["gmacs"] or 0 for row in ledger["rows"]) == pytest.approx(record["macs"] / 1e9)
    # The head: 216 features to 60 classes.
    assert kinds["matrix product"]["gmacs"] == pytest.approx(216 * 60 / 1e9)
    assert len(ledger["details"]["operations"]) == len(record["ledger"])


def test_the_ledger_alone_is_the_csv() -> None:
    result = CliRunner().invoke(app, [*ARGUMENTS, "--ledger", "-f", "csv"])
    assert result.exit_code == 0, result.output
    frame = pd.read_csv(io.StringIO(result.stdout))
    assert frame["kind"].is_unique
    assert frame["macs_percent"].sum() == pytest.approx(100)


def test_two_splits_are_not_one_csv(folder: Path) -> None:
    with pytest.raises(InputError, match="CSV holds one: give one of them"):
        CliRunner().invoke(app, [*ARGUMENTS, "--ledger", "--by-module", "-f", "csv"], catch_exceptions=False)
    assert not list(folder.iterdir())


def test_frames_a_second_must_be_some_number_of_them() -> None:
    for fps in ("0", "inf", "nan"):
        assert CliRunner().invoke(app, [*ARGUMENTS, "--fps", fps]).exit_code == 2
