from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from epam_bench.records import (
    AblationTrial,
    AccuracyRecord,
    ClassResult,
    CountRecord,
    Environment,
    GroupResult,
    LatencyRecord,
    ModelCard,
    PipelineRecord,
    PipelineStep,
    RecordError,
    SkippedEntry,
    StreamResult,
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


def way(**changes: object) -> PipelineRecord:
    fields: dict[str, object] = {
        "model": CARD,
        "environment": MACHINE,
        "device": "cpu",
        "precision": "fp32",
        "backend": "eager",
        "threads": 1,
        "persons": 1,
        "video_frames": 60,
        "video_size": (640, 360),
        "steps": (PipelineStep(name="decode", samples_ms=(1.0,)),),
        "whole_ms": (1.0,),
    }
    return PipelineRecord(**(fields | changes))  # type: ignore[arg-type]


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


def stream(name: str = "fused", **changes: object) -> StreamResult:
    """Four samples, three of them right."""
    fields: dict[str, object] = {
        "stream": name,
        "samples": 4,
        "top1_hits": 3,
        "top5_hits": 4,
        "mean_class_accuracy": 0.75,
        "mean_class_accuracy_present": 0.75,
        "top1_interval": (0.3, 0.95),
        "mean_class_interval": (0.5, 1.0),
    }
    return StreamResult(**(fields | changes))  # type: ignore[arg-type]


def class_result(name: str, samples: int, hits: int, streams: tuple[str, ...] = ("fused",)) -> ClassResult:
    return ClassResult(name=name, samples=samples, hits=dict.fromkeys(streams, hits))  # type: ignore[arg-type]


CLASSES = (class_result("sit", 2, 2), class_result("stand", 2, 1), class_result("wave", 0, 0))


def accuracy(**changes: object) -> AccuracyRecord:
    """Of five samples four were evaluated: both of class 0 right, one of two of class 1 taken for 2."""
    fields: dict[str, object] = {
        "model": CARD.model_copy(update={"num_classes": 3}),
        "environment": MACHINE,
        "dataset": "ntu60",
        "protocol": "xsub",
        "split": "xsub_val",
        "part": "test",
        "split_samples": 5,
        "evaluated": 4,
        "skipped": (SkippedEntry(sample="s5", reason="damaged video"),),
        "streams": (stream(),),
        "classes": CLASSES,
        "confusion": ((0, 0, 2), (1, 1, 1), (1, 2, 1)),
        "views": 1,
        "checkpoint": "best.safetensors",
        "checkpoint_sha256": "a" * 64,
        "weights_sha256": "b" * 64,
        "split_sha256": "c" * 64,
        "label_map_sha256": "d" * 64,
        "device": "cpu",
        "precision": "fp32",
        "batch_size": 8,
    }
    return AccuracyRecord(**(fields | changes))  # type: ignore[arg-type]


GROUPS = (
    GroupResult(name="movement", samples=6, hits=3),
    GroupResult(name="order", samples=4, hits=4),
)


def trial(**changes: object) -> AblationTrial:
    fields: dict[str, object] = {
        "model": CARD,
        "environment": MACHINE,
        "variant": "fused without shift",
        "seed": 0,
        "recipe": "tiny_multimodal",
        "epochs": 5,
        "training_samples": 30,
        "dataset": "embedded",
        "protocol": "xsub",
        "split_sha256": "c" * 64,
        "samples": 10,
        "hits": 7,
        "groups": GROUPS,
        "training_seconds": 12.5,
        "device": "cpu",
        "precision": "fp32",
        "weights_sha256": "b" * 64,
    }
    return AblationTrial(**(fields | changes))  # type: ignore[arg-type]


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
    written = [count(), timed((1.5, 2.5)), accuracy(), trial()]
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


def test_row_that_failed_does_not_replace_a_finished_one() -> None:
    now = datetime.now(UTC)
    finished = timed((1.0, 1.1), created=now - timedelta(hours=1))
    failed = timed((9.0,), created=now, failed=True)
    assert latest_records([finished, failed]) == [finished]
    assert latest_records([failed]) == [failed]


def test_a_stopped_pipeline_does_not_replace_a_finished_one() -> None:
    now = datetime.now(UTC)
    finished = way(created=now - timedelta(hours=1))
    stopped = way(created=now, interrupted=True)
    assert latest_records([finished, stopped]) == [finished]


def test_two_machines_do_not_overwrite_each_other() -> None:
    here, there = timed((1.0,)), timed((2.0,), environment=MACHINE.model_copy(update={"processor": "other"}))
    assert latest_records([here, there]) == [here, there]


def test_shares_are_of_the_evaluated_samples() -> None:
    assert (accuracy().main.top1, accuracy().main.top5) == (0.75, 1.0)
    assert trial().top1 == 0.7
    assert [group.accuracy for group in trial().groups] == [0.5, 1.0]


def test_a_name_with_a_line_separator_in_it_stays_in_its_line(tmp_path: Path) -> None:
    record = accuracy(skipped=(SkippedEntry(sample="a\u2028b\x85", reason="missing video"),))
    append_record(tmp_path / "records.jsonl", record)
    assert read_records(tmp_path / "records.jsonl") == ([record], [])


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"top1_hits": 5}, "top1_hits 5 are more than top5_hits 4"),
        ({"samples": 3}, "top5_hits 4 are more than samples 3"),
        ({"top1_interval": (0.8, 0.9)}, r"top1 0\.75 is outside its interval \(0\.8, 0\.9\)"),
        ({"mean_class_interval": (0.6, 0.5)}, "ends before it begins"),
        ({"mean_class_accuracy": 1.1}, "less than or equal to 1"),
        ({"mean_class_accuracy": float("nan")}, "finite"),
        ({"samples": 0}, "greater than 0"),
        ({"stream": "depth"}, "'fused', 'rgb' or 'pose'"),
    ],
)
def test_a_stream_that_contradicts_itself_is_no_result(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        stream(**changes)


def test_a_class_has_no_more_hits_than_samples() -> None:
    with pytest.raises(ValidationError, match="class 'sit': fused hits 3 are more than samples 2"):
        class_result("sit", 2, 3)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"streams": ()}, "at least 1 item"),
        ({"streams": (stream(), stream())}, "a stream occurs twice: fused, fused"),
        ({"evaluated": 5}, "stream fused has 4 samples, and 5 were evaluated"),
        ({"classes": CLASSES[:2]}, "2 classes, and the network has 3 outputs"),
        ({"streams": (stream(), stream("rgb"))}, "class 'sit' has hits of fused"),
        (
            {"classes": (class_result("sit", 3, 2), *CLASSES[1:])},
            "the classes have 5 samples, and 4 were evaluated",
        ),
        (
            {"classes": (class_result("sit", 2, 1), *CLASSES[1:])},
            "the classes have 2 hits of stream fused, and its top1_hits are 3",
        ),
        ({"confusion": ((0, 0, 2), (1, 1, 1), (1, 3, 1))}, "confusion of class 3, of 3 from 0"),
        ({"confusion": ((0, 0, 1), (0, 0, 1), (1, 1, 2))}, "confusion of classes 0 and 0 occurs twice"),
        ({"confusion": ((0, 0, 2), (1, 1, 1))}, "confusion has 1 samples of class 'stand', which has 2"),
        (
            {"confusion": ((0, 0, 2), (1, 0, 1), (1, 2, 1))},
            "confusion has 0 hits of class 'stand', which has 1",
        ),
        (
            {"skipped": (SkippedEntry(sample="s5", reason="damaged video"),) * 2, "split_samples": 6},
            "a sample is skipped twice",
        ),
        ({"split_samples": 4}, "4 evaluated and 1 skipped are more than the split's 4 samples"),
        ({"split_samples": 6}, "4 evaluated and 1 skipped are fewer than the split's 6 samples"),
        ({"checkpoint": None}, "checkpoint and checkpoint_sha256 belong together"),
        ({"weights_sha256": "b" * 63}, "String should match pattern"),
    ],
)
def test_an_accuracy_that_contradicts_itself_is_no_record(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        accuracy(**changes)


def test_a_stopped_run_may_leave_samples_open() -> None:
    assert accuracy(split_samples=60, interrupted=True).split_samples == 60


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"groups": (GROUPS[0], GROUPS[0])}, "a kind of class occurs twice: movement, movement"),
        ({"hits": 11}, "hits 11 are more than samples 10"),
        ({"samples": 11}, "the kinds of class have 10 samples, and the trial 11"),
        ({"hits": 6}, "the kinds of class have 7 hits, and the trial 6"),
        ({"training_seconds": -1.0}, "greater than or equal to 0"),
    ],
)
def test_a_trial_that_contradicts_itself_is_no_record(changes: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        trial(**changes)


def test_a_kind_of_class_has_no_more_hits_than_samples() -> None:
    with pytest.raises(ValidationError, match="order: hits 5 are more than samples 4"):
        GroupResult(name="order", samples=4, hits=5)


def test_accuracies_of_other_weights_views_or_splits_stand_side_by_side() -> None:
    others = [accuracy(weights_sha256="e" * 64), accuracy(views=10), accuracy(split_sha256="e" * 64)]
    first = accuracy()
    assert latest_records([first, *others]) == [first, *others]


def test_an_accuracy_found_on_another_machine_replaces_the_older() -> None:
    now = datetime.now(UTC)
    elsewhere = MACHINE.model_copy(update={"processor": "other"})
    old, new = accuracy(created=now - timedelta(hours=1)), accuracy(created=now, environment=elsewhere)
    assert latest_records([old, new]) == [new]
    stopped = accuracy(created=now + timedelta(hours=1), interrupted=True)
    assert latest_records([old, stopped]) == [old]


def test_trials_of_other_seeds_and_variants_stand_side_by_side() -> None:
    trials = [trial(), trial(seed=1), trial(variant="fused")]
    assert latest_records(trials) == trials
    again = trial(hits=7, training_seconds=1.0, created=datetime.now(UTC) + timedelta(hours=1))
    assert latest_records([*trials, again]) == [again, *trials[1:]]
