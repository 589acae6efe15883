"""What the README tells a reader to type exists."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

from epam.data.commands.app import app as data_app
from epam.training.recipe import list_recipes
from epam_baselines.export_command import app as export_app
from epam_baselines.train_command import app as train_app
from epam_bench.commands.app import app as bench_app
from epam_inference.command import build_app
from epam_inference.options import PredictRequest

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
COMMANDS = [
    line.partition("#")[0].strip()
    for block in re.findall(r"```bash\n(.*?)```", README, flags=re.DOTALL)
    for line in block.splitlines()
    if line.strip()
]


OURS = {
    "epam-bench": bench_app,
    "epam-data": data_app,
    "epam-train": train_app,
    "epam-export": export_app,
    "epam-predict": build_app(PredictRequest),
}
ONE_COMMAND = {"epam-train", "epam-export", "epam-predict"}
"""Programs without subcommands."""


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.split()[0] in OURS])
def test_every_subcommand_and_option_exists(command: str) -> None:
    program, first, *rest = shlex.split(command)
    subcommand = [] if program in ONE_COMMAND else [first]
    result = CliRunner().invoke(OURS[program], [*subcommand, "--help"])
    assert result.exit_code == 0, result.output
    words = set(re.findall(r"--?[a-z][a-z-]*", result.output))
    assert {word for word in rest if word.startswith("-")} <= words


def test_every_recipe_that_it_trains_exists() -> None:
    recipes = {line.split()[1] for line in COMMANDS if line.startswith("epam-train ")}
    assert recipes
    assert recipes <= set(list_recipes())


@pytest.mark.parametrize("command", [line for line in COMMANDS if line.startswith("make ")])
def test_every_make_target_exists(command: str) -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{command.split()[1]}:", makefile, flags=re.MULTILINE)


def test_every_file_that_it_shows_or_runs_is_there() -> None:
    shown = re.findall(r"\]\((?!http)([^)#]+)\)", README) + re.findall(r"python (inference/\S+\.py)", README)
    assert shown
    assert [name for name in shown if not (ROOT / name).exists()] == []
