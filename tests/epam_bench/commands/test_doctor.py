from __future__ import annotations

import json
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from epam_bench import doctor as examination
from epam_bench.commands.doctor import doctor
from epam_bench.doctor import Check


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    checks = [Check(name="timer", grade="good", seen="fine"), Check(name="turbo", grade="unknown", seen="?")]
    monkeypatch.setattr(examination, "examine", lambda **_: tuple(checks))
    return checks


def run(*arguments: str) -> Any:
    app = typer.Typer()
    app.command()(doctor)
    return CliRunner().invoke(app, list(arguments))


def test_a_fit_machine_is_status_0_and_a_poor_one_1(found: list[Check]) -> None:
    assert run("--quick").exit_code == 0
    found.append(Check(name="steal", grade="fair", seen="2 %"))
    assert run().exit_code == 0
    found.append(Check(name="swap", grade="poor", seen="busy", advice="free memory"))
    result = run("--threads", "1")
    assert result.exit_code == 1
    assert "free memory" in result.stdout
    assert "Overall: poor" in result.stdout


def test_programs_read_the_grades_as_json(found: list[Check]) -> None:
    (table,) = json.loads(run("--format", "json").stdout)["tables"]
    assert [(row["check"], row["grade"]) for row in table["rows"]] == [
        ("timer", "good"),
        ("turbo", "unknown"),
    ]
