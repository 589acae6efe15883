from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from epam.errors import UnknownNameError
from epam_bench import conformance as suite
from epam_bench.commands.conformance import conformance

# Three cases: one that all have right, one that thop misses, one that fvcore gets wrong.
SHOWN = ("linear", "x @ parameter", "convolution, norm and activation")


@pytest.fixture
def command(monkeypatch: pytest.MonkeyPatch) -> typer.Typer:
    monkeypatch.setattr(suite, "CASES", [case for case in suite.CASES if case.name in SHOWN])
    app = typer.Typer()
    app.command()(conformance)
    return app


def test_every_counter_is_scored_on_every_case(command: typer.Typer) -> None:
    result = CliRunner().invoke(command, ["--format", "json"])
    assert result.exit_code == 0, result.output
    cases, scores = json.loads(result.stdout)["tables"]
    rows = {row["case"]: row for row in cases["rows"]}
    assert set(rows) == set(SHOWN)
    assert rows["linear"]["thop_verdict"] == "right"
    assert rows["x @ parameter"]["thop_verdict"] == "0×"
    # 2·4·4 places of six channels are normed: four operations each for thop, on top of 576.
    assert rows["convolution, norm and activation"]["thop_macs"] == 576 + 4 * 192
    assert {row["counter"] for row in scores["rows"]} >= {"torch", "fvcore", "thop"}


def test_failures_of_one_counter_as_csv_into_a_file(command: typer.Typer, tmp_path: Path) -> None:
    output = tmp_path / "failures.csv"
    arguments = ["--counter", "thop", "--failures", "-f", "csv", "-o", str(output)]
    result = CliRunner().invoke(command, arguments)
    assert result.exit_code == 0, result.output
    rows = list(csv.DictReader(io.StringIO(output.read_text())))
    assert [row["case"] for row in rows] == ["x @ parameter", "convolution, norm and activation"]
    assert rows[0]["working"] == "72 = 3 rows × 6 columns × 4"
    assert "fvcore_macs" not in rows[0]


def test_an_unknown_counter_is_named_before_anything_is_counted(command: typer.Typer) -> None:
    with pytest.raises(UnknownNameError, match="'fvcore'"):
        CliRunner().invoke(command, ["--counter", "fvcor"], catch_exceptions=False)
