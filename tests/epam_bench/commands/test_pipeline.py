from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from epam.data.clip_size import ClipSize
from epam_baselines import network
from epam_baselines.network import NetworkChoice, choose_network
from epam_bench import pipeline as timing
from epam_bench.commands.app import app
from epam_bench.pipeline import PipelineOutcome
from epam_bench.records import PipelineRecord, read_records

QUICK = ("--backend", "eager", "--samples", "2", "--persons", "1", "--size", "64x36", "--threads", "1")


@pytest.fixture
def thin(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thin network in the place of the one that is named."""

    def choose(model: str | None, **_: object) -> NetworkChoice:
        assert model == "x_shiftnet_pose"
        return choose_network(
            model,
            options={"stem_channels": 8, "stage_blocks": (1, 1)},
            clip=ClipSize(pose_frames=12, heatmap_side=16),
        )

    monkeypatch.setattr(network, "choose_network", choose)


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["pipeline", *arguments])


def test_help_teaches() -> None:
    output = " ".join(invoke("--help").output.split())
    assert "Example: epam-bench pipeline epam_net --backend openvino --persons 1,4 --seconds 2,8" in output
    assert "Ctrl-C, or a scheduler's SIGTERM, ends it early and keeps what was measured" in output
    assert "kill -9, out of memory) leaves nothing" in output


def test_drawn_videos_are_timed_put_on_record_and_told_in_words(thin: None, tmp_path: Path) -> None:
    records = tmp_path / "records.jsonl"
    result = invoke("x_shiftnet_pose", *QUICK, "--frames", "12,14", "--records", str(records))
    assert result.exit_code == 0, result.output
    known, _ = read_records(records)
    assert [record.video_frames for record in known if isinstance(record, PipelineRecord)] == [12, 14]
    assert "whole, by its own clock" in result.stdout
    assert "dominates" in result.stdout
    assert "keypoints given" in result.stdout
    assert "drawing 2 videos" in result.stderr


def test_a_run_that_is_stopped_at_once_says_that_nothing_was_written(
    thin: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    nothing = PipelineOutcome(records=(), interrupted=True)
    monkeypatch.setattr(timing, "measure_pipeline", lambda *_, **__: nothing)
    records = tmp_path / "records.jsonl"
    result = invoke("x_shiftnet_pose", *QUICK, "--frames", "12", "--records", str(records))
    assert result.exit_code == 130
    assert "stopped before any video was timed: nothing was written" in result.stderr
    assert not records.read_text()


def test_json_has_both_tables_and_the_records(thin: None, tmp_path: Path) -> None:
    options = ("--frames", "12", "--format", "json", "--records", str(tmp_path / "records.jsonl"))
    result = invoke("x_shiftnet_pose", *QUICK, *options)
    assert "drawing 1 video\n" in result.stderr
    document = json.loads(result.stdout)
    assert [table["name"] for table in document["tables"]] == ["pipeline_steps", "pipeline"]
    assert [record["kind"] for record in document["records"]] == ["pipeline"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--seconds", "2", "--frames", "60"), "--seconds and --frames"),
        (("--persons", "1;2"), "--persons '1;2': write numbers of at least 1"),
        (("--size", "wide"), "--size 'wide': write width × height"),
        (("--size", "65x36"), "give even sides"),
        (("--video", "clip.mp4", "--persons", "2"), "--persons: only of drawn videos"),
        (("--annotations", "a.pkl"), "--annotations: only of a video of yours"),
        (("--video", "missing.mp4"), "missing.mp4: no such file"),
        (("--poses", "rtmlip"), "unknown pose estimator 'rtmlip'; did you mean 'rtmlib'"),
        (("--device", "tpu"), "unknown device 'tpu'"),
    ],
)
def test_nonsense_is_one_line(options: Sequence[str], message: str, tmp_path: Path) -> None:
    records = ("--records", str(tmp_path / "records.jsonl"))
    result = invoke("x_shiftnet_pose", "--backend", "eager", *options, *records)
    assert result.exit_code != 0
    assert message in str(result.exception)
