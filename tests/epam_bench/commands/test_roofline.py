from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from epam_bench.commands.app import app
from epam_bench.records import MachinePeaks, read_records
from epam_bench.roofline import measurement

PEAKS = MachinePeaks(
    gflops_per_second=100,
    memory_gigabytes_per_second=10,
    cache_gigabytes_per_second=50,
    launch_microseconds=1,
    cache_bytes=10**6,
)

NETWORKS = """
from torch import nn
from epam_baselines import ModelSpec


class Broken(nn.Module):
    def forward(self, clip):
        raise ZeroDivisionError("by design")


def spec(name, build):
    return ModelSpec(
        name=name, title=name, paper="Nobody, 2026", year=2026, modalities=("rgb",),
        inputs={"clip": (3, 8, 8)}, clips=1, crops=1, num_classes=4, build=build,
    )


def small():
    return spec("small", lambda *, num_classes: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, num_classes)
    ))


def broken():
    return spec("broken", lambda *, num_classes: Broken())
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "networks_to_take_apart.py").write_text(NETWORKS)
    monkeypatch.setattr(measurement, "measure_peaks", lambda *_, **__: PEAKS)

    def run(*arguments: str) -> Result:
        return CliRunner().invoke(app, ["roofline", *arguments, "--passes", "2", "--threads", "1"])

    return run


SMALL, BROKEN = "networks_to_take_apart:small", "networks_to_take_apart:broken"


def test_table_plots_and_record(call: Any, tmp_path: Path) -> None:
    done = call(SMALL, "--records", "out/r.jsonl", "--rows", "2")
    assert done.exit_code == 0, done.output
    assert "Where the time goes" in done.stdout
    assert "a perfect fusion — compute alone —" in done.stdout.replace("\n", " ")
    ((record,), _) = read_records(tmp_path / "out/r.jsonl")
    assert record.kind == "roofline"
    assert any("4×3×3×3" in operation.shape for operation in record.operations)
    # Which take the longest, the machine says.
    longest = sorted(record.operations, key=lambda operation: -operation.time_ms)
    assert all(operation.shape in done.stdout for operation in longest[:2])
    assert f"{len(longest) - 2} further operations" in done.stdout
    plots = sorted(path.suffix for path in (tmp_path / "out").glob("roofline_small_eager_*"))
    assert plots == [".png", ".svg"]


def test_a_network_that_fails_costs_its_own_part(call: Any, tmp_path: Path) -> None:
    done = call(SMALL, BROKEN, "-f", "json", "--plots", "plots")
    assert done.exit_code == 1
    assert "broken by eager: " in done.stderr
    assert "by design" in done.stderr
    document = json.loads(done.stdout)
    assert [record["model"]["name"] for record in document["records"]] == ["small"]
    assert len(list((tmp_path / "plots").iterdir())) == 2
    assert call(BROKEN).exit_code == 2


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--backend", "eager,compile"], "cannot be taken apart; these can: reference, eager, fused"),
        (["--backend", "eagr"], "eager"),
        (["--backend", ","], "write names with commas between"),
        (["--precision", "fp64"], "fp32"),
        (["--device", "cuda:99"], "cuda"),
    ],
)
def test_bad_options_are_refused_before_anything_is_measured(
    call: Any, arguments: list[str], said: str
) -> None:
    done = call(SMALL, *arguments)
    assert done.exit_code != 0
    assert said in str(done.exception)


def test_a_place_for_plots_that_cannot_be_written_is_refused_before_anything_is_measured(
    call: Any, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("")
    done = call(SMALL, "--records", "out/r.jsonl", "--plots", "file/plots")
    assert done.exit_code != 0
    assert "file/plots/roofline.svg: cannot be written" in str(done.exception)
    assert not (tmp_path / "out/r.jsonl").read_text()


def test_help_has_an_example() -> None:
    assert "Example: epam-bench roofline epam_net" in CliRunner().invoke(app, ["roofline", "--help"]).stdout
