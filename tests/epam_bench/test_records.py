from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from epam_bench.records import (
    CountRecord,
    Environment,
    LatencyRecord,
    ModelCard,
    RecordError,
    append_record,
    latest_records,
    read_records,
)

CARD = ModelCard(
    name="net",
    title="Net",
    paper="A, 2025",
    year=2025,
    modalities=("rgb",),
    inputs={"rgb": (3, 4, 8, 8)},
    clips=5,
    crops=2,
    num_classes=10,
    parameters=7,
)
MACHINE = Environment(
    system="Linux",
    processor="cpu",
    physical_cores=1,
    logical_cores=2,
    memory_bytes=1,
    accelerator=None,
    versions={"torch": "2"},
    git_commit=None,
    git_dirty=None,
)


def count(macs: int = 100, counter: str = "torch", **changes: object) -> CountRecord:
    fields: dict[str, object] = {
        "model": CARD,
        "environment": MACHINE,
        "counter": counter,
        "counter_version": "1",
        "convention": "all",
        "macs": macs,
        "macs_by_operation": {"conv": macs},
    }
    return CountRecord(**(fields | changes))  # type: ignore[arg-type]


def timed(samples_ms: tuple[float, ...], **changes: object) -> LatencyRecord:
    fields: dict[str, object] = {
        "model": CARD,
        "environment": MACHINE,
        "device": "cpu",
        "precision": "fp32",
        "batch_size": 2,
        "threads": 1,
        "warmup_calls": 1,
        "clock": "perf_counter",
        "samples_ms": samples_ms,
        "weights_bytes": 28,
        "peak_memory_bytes": None,
        "peak_memory_scope": "not read",
        "load_average_before": None,
        "load_average_after": None,
    }
    return LatencyRecord(**(fields | changes))  # type: ignore[arg-type]


def test_a_multiply_add_is_two_flops_and_a_video_is_all_its_views() -> None:
    assert count(100).flops == 200
    assert count(100).macs_per_video == 100 * 5 * 2


def test_summaries_are_of_the_raw_samples() -> None:
    record = timed((10.0, 20.0, 30.0, 40.0, 50.0))
    assert record.median_ms == 30.0
    assert record.interquartile_range_ms == (20.0, 40.0)
    # Two clips a call: 2 in 30 ms.
    assert record.clips_per_second == pytest.approx(66.667, abs=1e-3)


def test_p90_is_withheld_below_64_samples() -> None:
    assert timed(tuple(map(float, range(1, 64)))).p90_ms is None
    assert timed(tuple(map(float, range(1, 102)))).p90_ms == 91.0


def test_one_sample_has_no_spread_and_none_is_no_record() -> None:
    assert timed((4.0,)).interquartile_range_ms == (4.0, 4.0)
    with pytest.raises(ValidationError):
        timed(())


def test_records_come_back_as_they_were(tmp_path: Path) -> None:
    written = [count(), timed((1.5, 2.5))]
    for record in written:
        append_record(tmp_path / "deep" / "records.jsonl", record)
    assert read_records(tmp_path / "deep" / "records.jsonl") == (written, [])


def test_line_that_a_killed_run_left_is_said_and_swallows_nothing(tmp_path: Path) -> None:
    path = tmp_path / "records.jsonl"
    append_record(path, count(1))
    path.write_bytes(path.read_bytes() + path.read_bytes()[:50])
    append_record(path, count(2))
    records, left_out = read_records(path)
    assert [record.macs for record in records if isinstance(record, CountRecord)] == [1, 2]
    assert left_out == [f"{path}, line 2: unfinished (a run was killed); left out"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"macs": "many"}, r"line 1: field 'count\.macs'"),
        ({"kind": "guess"}, "line 1"),
        ({"surprise": 1}, r"'count\.surprise'"),
        ({"macs": -5}, r"'count\.macs'"),
        ({"schema_version": 99}, r"'count\.schema_version'.*reads schema 1"),
        ({"created": "2026-01-01T00:00:00"}, r"'count\.created'"),
    ],
)
def test_foreign_line_is_an_error_that_names_file_line_and_field(
    tmp_path: Path, change, message: str
) -> None:
    path = tmp_path / "records.jsonl"
    path.write_text(json.dumps(json.loads(count().model_dump_json()) | change) + "\n")
    with pytest.raises(RecordError, match=message):
        read_records(path)


@pytest.mark.parametrize("samples", [(0.0,), (-1.0,), (float("nan"),), (float("inf"),)])
def test_time_that_cannot_be_is_no_sample(samples: tuple[float, ...]) -> None:
    with pytest.raises(ValidationError):
        timed(samples)


@pytest.mark.parametrize("content", ["# A page of text\n", "1,2,3\n", "[]\n"])
def test_another_kind_of_file_is_refused_not_skipped_line_by_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "records.jsonl").write_text(content)
    with pytest.raises(RecordError, match="line 1: "):
        read_records(tmp_path / "records.jsonl")


def test_empty_file_holds_no_record(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_text("\n")
    with pytest.raises(RecordError, match="holds no record"):
        read_records(tmp_path / "records.jsonl")


def test_missing_file_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RecordError, match="epam-bench reproduce"):
        read_records(tmp_path / "none.jsonl")


def test_binary_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "records.jsonl").write_bytes(b"\xff\xfe\x00\x01")
    with pytest.raises(RecordError, match="cannot be read"):
        read_records(tmp_path / "records.jsonl")


def test_latest_of_the_same_setting_wins_wherever_it_stands() -> None:
    now = datetime.now(UTC)
    old = timed((1.0,), created=now - timedelta(hours=1))
    new = timed((2.0,), created=now)
    other = timed((3.0,), threads=2)
    assert latest_records([old, new, other]) == [new, other]
    assert latest_records([new, old, other]) == [new, other]


def test_stopped_run_does_not_replace_a_finished_one() -> None:
    now = datetime.now(UTC)
    finished = timed((1.0, 1.1), created=now - timedelta(hours=1))
    stopped = timed((9.0,), created=now, interrupted=True)
    assert latest_records([finished, stopped]) == [finished]
    assert latest_records([stopped]) == [stopped]


def test_two_machines_do_not_overwrite_each_other() -> None:
    here, there = timed((1.0,)), timed((2.0,), environment=MACHINE.model_copy(update={"processor": "other"}))
    assert latest_records([here, there]) == [here, there]
