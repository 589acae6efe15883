"""Models of the user's own on the command line: counted, timed, listed, or refused in one line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner

from epam.errors import EpamError
from epam_bench.commands.app import app
from epam_bench.commands.model_choice import choose_models
from epam_bench.records import CountRecord, LatencyRecord, read_records
from epam_reports.report import write_report

OWN = """
import torch
from torch import nn
from epam_baselines import ModelSpec

class TwoStream(nn.Module):
    def __init__(self):
        super().__init__()
        self.rgb = nn.Conv3d(3, 4, 1)
        self.pose = nn.Conv3d(17, 4, 1)
        self.head = nn.Linear(4, 5)

    def forward(self, rgb, *, pose):
        summed = self.rgb(rgb).mean((2, 3, 4)) + self.pose(pose).mean((2, 3, 4))
        return self.head(summed)

def two_stream():
    return TwoStream()

class Net(nn.Module):
    def __init__(self, *, num_classes):
        super().__init__()
        self.fc = nn.Linear(3, num_classes)

    def forward(self, x):
        return self.fc(x.mean(dim=(2, 3, 4)))

class Decides(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 2)

    def forward(self, x):
        return self.fc(x) if x.abs().sum() > 0 else x

def spec():
    return ModelSpec(name="mine", title="Mine", paper="–", year=None, modalities=("rgb",), clips=2, crops=1,
                     inputs={"rgb": (3, 2, 8, 8)}, num_classes=5, build=Net, frame_interval=2)

def broken():
    raise RuntimeError("no weights")
"""

INPUTS = ["--input", "pose=1x17x6x4x4", "--input", "rgb=1x3x2x8x8"]
# 1 × 1 × 1 convolutions: places × 4 filters × channels; the head 4 × 5.
TWO_STREAM_MACS = (2 * 8 * 8) * 4 * 3 + (6 * 4 * 4) * 4 * 17 + 4 * 5


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A working directory with models of the user's own in it."""
    (tmp_path / "own_models.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        if "own_models" in name or "epam_bench_plugin" in name:
            del sys.modules[name]


def test_two_inputs_one_by_keyword_are_counted_by_every_counter(folder: Path) -> None:
    result = CliRunner().invoke(app, ["flops", "own_models:two_stream", *INPUTS, "-f", "json"])
    assert result.exit_code == 0, result.output
    records, _ = read_records(folder / "epam-bench-out" / "records.jsonl")
    assert {record.counter: record.macs for record in records} == dict.fromkeys(  # type: ignore[union-attr]
        ("consensus", "torch", "fvcore", "thop"), TWO_STREAM_MACS
    )
    card = records[0].model
    assert (card.name, card.paper, card.year, card.num_classes) == ("own_models:two_stream", "–", None, 5)
    assert card.inputs == {"rgb": (3, 2, 8, 8), "pose": (17, 6, 4, 4)}
    assert card.modalities == ("rgb", "pose")
    assert card.parameters == (3 * 4 + 4) + (17 * 4 + 4) + (4 * 5 + 5)


def test_a_network_that_looks_at_values_is_counted_by_ours(folder: Path) -> None:
    arguments = ["flops", "own_models:Decides", "--input", "x=1x4", "--counter", "consensus", "-f", "json"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    (record,) = json.loads(result.stdout)["records"]
    assert record["macs"] == 4 * 2
    assert "one real run" in record["caveats"][0]


def test_its_latency_is_measured_beside_a_plugins_with_memory(folder: Path) -> None:
    (folder / "nets").mkdir()
    (folder / "nets" / "mine.py").write_text(OWN + "\nSPEC = spec()\n")
    arguments = [
        "latency",
        "own_models:two_stream",
        "mine",
        "--plugins",
        "nets",
        "--samples",
        "2",
        "--budget",
        "60",
    ]
    inputs = [text.replace("=1x", "=2x") for text in INPUTS]
    result = CliRunner().invoke(app, [*arguments, "--warmup", "1", "--threads", "1", *inputs])
    assert result.exit_code == 0, result.output
    records, _ = read_records(folder / "epam-bench-out" / "records.jsonl")
    timed = [record for record in records if isinstance(record, LatencyRecord)]
    ours, mine = sorted(timed, key=lambda record: record.model.name, reverse=True)
    assert (ours.batch_size, ours.interleaved_with) == (2, ("mine, batch 2",))
    assert ours.peak_memory_bytes is not None
    assert mine.peak_memory_bytes is not None


def test_reports_take_models_without_paper_and_year(folder: Path) -> None:
    arguments = ["flops", "own_models:two_stream", "own_models:spec", "--counter", "consensus"]
    assert CliRunner().invoke(app, ["flops", "own_models:two_stream", *INPUTS]).exit_code == 0
    assert CliRunner().invoke(app, [arguments[0], *arguments[2:]]).exit_code == 0
    records, _ = read_records(folder / "epam-bench-out" / "records.jsonl")
    assert {record.model.name for record in records} == {"own_models:two_stream", "mine"}
    written = write_report(records, folder / "report")
    assert any("own_models:two_stream" in path.read_text() for path in written if path.suffix == ".csv")


def test_views_and_seconds_of_a_spec_of_ones_own(folder: Path) -> None:
    arguments = ["flops", "own_models:spec", "--counter", "consensus", "--fps", "4", "-f", "json"]
    (row,) = json.loads(CliRunner().invoke(app, arguments).stdout)["tables"][0]["rows"]
    gmacs = 3 * 5 / 1e9
    assert (row["views"], row["video_gmacs"]) == (2, pytest.approx(2 * gmacs))
    # Two frames, every second one taken, four a second: one second.
    assert row["second_gmacs"] == pytest.approx(gmacs)
    asked = CliRunner().invoke(app, [*arguments, "--views", "10"])
    (row,) = json.loads(asked.stdout)["tables"][0]["rows"]
    assert (row["views"], row["video_gmacs"], row["video_warning"]) == (10, pytest.approx(10 * gmacs), "≠")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["own_models:two_stream"], "not a ModelSpec; return one from the function, or give epam-bench"),
        (["own_models:two_stream", "--input", "rgb=1x3x2x8x8"], "its forward also takes pose"),
        (["own_models:two_stream", *INPUTS, "--input", "flow=1x2"], "'flow'; known: pose, rgb"),
        (["own_models:two_stream", "--input", "rgb=1x4x2x8x8", *INPUTS[:2]], "cannot take rgb of 1×4×2×8×8"),
        (["own_models:two_stream", *INPUTS[:2], "--input", "rgb=2x3x2x8x8"], "not 1 of pose, 2 of rgb"),
        (["own_models:broken", *INPUTS], "failed (RuntimeError: no weights)"),
        (["own_models:spec", "--input", "rbg=1x3x2x8x8"], "did you mean 'rgb'"),
        (["own_models:spec", "--input", "rgb=3x2x8x8"], "has 4 dimensions; give 5, the batch's first"),
        (["own_models:net_work", *INPUTS], "name in own_models 'net_work'"),
        (["no_such_package:net", *INPUTS], "importing no_such_package failed"),
        (["c3d", "--plugins", "nowhere"], "plug-ins nowhere: no such folder"),
    ],
)
def test_what_cannot_be_is_told_in_one_line_before_anything_is_measured(
    arguments: list[str], message: str, folder: Path
) -> None:
    with pytest.raises(EpamError) as caught:
        CliRunner().invoke(app, ["flops", *arguments], catch_exceptions=False)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not (folder / "epam-bench-out").exists()


def test_plugins_are_listed_and_counted_and_broken_ones_named(folder: Path) -> None:
    (folder / "nets").mkdir()
    (folder / "nets" / "mine.py").write_text(OWN + "\nSPEC = spec()\n")
    (folder / "nets" / "worse.py").write_text("1 / 0\n")
    listed = CliRunner().invoke(app, ["models", "--plugins", "nets", "-f", "csv"])
    assert listed.exit_code == 0, listed.output
    assert "\nmine,Mine," in listed.stdout
    assert "worse.py: importing it failed (ZeroDivisionError: division by zero)" in listed.stderr
    arguments = ["flops", "mine", "--plugins", "nets", "--counter", "consensus", "-f", "csv"]
    counted = CliRunner().invoke(app, arguments)
    assert counted.exit_code == 0, counted.output
    ((record,), _) = read_records(folder / "epam-bench-out" / "records.jsonl")
    assert isinstance(record, CountRecord)
    assert (record.model.name, record.macs) == ("mine", 3 * 5)


def test_a_batch_is_said_not_to_be_counted(folder: Path) -> None:
    arguments = ["flops", "own_models:Decides", "--input", "x=8x4", "--counter", "consensus"]
    result = CliRunner().invoke(app, arguments)
    assert "counted is one clip, not the 8 of --input's batch" in result.stderr
    ((record,), _) = read_records(folder / "epam-bench-out" / "records.jsonl")
    assert record.macs == 4 * 2  # type: ignore[union-attr]


def test_the_batch_size_comes_back_with_the_specs(folder: Path) -> None:
    specs, batch_size = choose_models(["own_models:Decides"], None, ["x=8x4"], None)
    assert ([spec.name for spec in specs], batch_size) == (["own_models:Decides"], 8)
    assert choose_models(["c3d"], None, None, None)[1] is None
