"""Records are sorted by what was measured, the newest of each setting."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from epam_bench.records import AblationTrial, AccuracyRecord, CountRecord, LatencyRecord
from epam_reports.measurements import (
    cite,
    describe_form,
    describe_input,
    gather,
    is_apart,
    main_entries,
    main_runs,
    most_common_setting,
    setting_of,
)

Count = Callable[..., CountRecord]
Latency = Callable[..., LatencyRecord]


def test_newer_count_replaces_older_of_the_same_counter(count: Count) -> None:
    (entry,) = gather([count(gmacs=1.0), count(gmacs=2.0), count(gmacs=3.0, counter="fvcore")])
    assert {counter: record.macs for counter, record in entry.counts.items()} == {
        "torch": 2 * 10**9,
        "fvcore": 3 * 10**9,
    }


def test_other_input_is_another_entry(count: Count) -> None:
    entries = gather([count("c3d"), count("c3d", inputs={"rgb": (3, 8, 112, 112)})])
    assert [describe_input(entry.card) for entry in entries] == ["rgb 3×16×112×112", "rgb 3×8×112×112"]


def test_torch_stands_for_a_model_but_not_when_it_counted_nothing(count: Count) -> None:
    (entry,) = gather([count(gmacs=8.0, counter="thop"), count(gmacs=7.0)])
    assert entry.preferred_count is not None
    assert entry.preferred_count.counter == "torch"
    (entry,) = gather([count(gmacs=8.0, counter="thop"), count(gmacs=0.0)])
    assert entry.preferred_count is not None
    assert entry.preferred_count.counter == "thop"


def test_setting_that_most_models_were_timed_in_wins(latency: Latency) -> None:
    entries = gather([latency("c3d", threads=1), latency("c3d"), latency("s3d")])
    setting = most_common_setting(entries)
    assert setting is not None
    assert setting.sentence == "cpu, fp32, batch 1, 2 threads, eager, on Test CPU (2 logical cores)"
    assert most_common_setting([]) is None


def test_machines_are_different_settings_and_the_newest_of_equals_wins(latency: Latency) -> None:
    old = latency("c3d")
    new = latency(
        "c3d",
        created=old.created + timedelta(days=1),
        environment={"processor": "New CPU", "accelerator": "Some GPU"},
    )
    setting = most_common_setting(gather([new, old]))
    assert setting is not None
    assert setting.machine == "New CPU (2 logical cores) + Some GPU"
    assert setting_of(old) != setting_of(new)


def test_backends_batches_and_tasks_do_not_change_which_latency_stands_for_a_model(latency: Latency) -> None:
    plain = [latency(name) for name in ("c3d", "s3d")]
    day = timedelta(days=1)
    later = {"created": plain[0].created + day}
    others = [
        latency(name, **later, **setting)
        for name in ("c3d", "s3d", "r3d_18")
        for setting in (
            {"backend": "openvino"},
            {"backend": "reference"},
            {"task": "training"},
            {"l2_cold": True},
            {"backend": "openvino", "precision": "int8"},
        )
    ]
    others += [latency(name, **later, batch_size=8) for name in ("c3d", "s3d")]
    others += [latency(name, **later, precision="bf16") for name in ("c3d", "s3d")]
    assert most_common_setting(gather([*plain, *others])) == setting_of(plain[0])
    assert most_common_setting(gather(others[:1])) == setting_of(others[0])


def test_setting_says_what_is_unusual_of_it(latency: Latency) -> None:
    odd = setting_of(latency(task="training", l2_cold=True, backend="fused"))
    assert odd.sentence == (
        "cpu, fp32, batch 1, 2 threads, fused, training steps, caches emptied before every call, "
        "on Test CPU (2 logical cores)"
    )
    assert setting_of(latency()).conditions == "cpu, batch 1, 2 threads, on Test CPU (2 logical cores)"


def test_a_form_is_named_by_what_sets_it_apart(latency: Latency) -> None:
    assert describe_form(latency()) == "epam_net"
    odd = latency(backend="openvino", precision="int8", task="training")
    assert describe_form(odd) == "epam_net (openvino, int8, training)"


@pytest.mark.parametrize(
    ("runs", "apart"),
    [
        (("", "", ""), ()),
        (("a", "a", "a"), ()),
        (("a", "a", "b"), ("r3d_18",)),
        (("a", "", "a"), ("s3d",)),
        (("", "", "a"), ("c3d", "s3d")),
    ],
)
def test_latency_of_another_run_than_most_is_apart(
    latency: Latency, runs: tuple[str, ...], apart: tuple[str, ...]
) -> None:
    records = [latency(name, run=run) for name, run in zip(("c3d", "s3d", "r3d_18"), runs, strict=True)]
    main = main_runs(gather(records))
    assert tuple(record.model.name for record in records if is_apart(record, main)) == apart


def test_runs_of_different_settings_are_not_apart(latency: Latency) -> None:
    records = [latency("c3d", run="a"), latency("c3d", run="b", threads=1)]
    main = main_runs(gather(records))
    assert not any(is_apart(record, main) for record in records)


def test_class_count_is_named_only_where_it_tells_rows_apart(count: Count) -> None:
    names = [entry.title for entry in gather([count(), count(num_classes=120), count("c3d")])]
    assert names == ["EPAM-Net (60 classes)", "EPAM-Net (120 classes)", "C3D"]
    other_input = count(num_classes=120, inputs={"rgb": (3, 8, 8, 8)})
    assert [entry.title for entry in gather([count(), other_input])] == ["EPAM-Net", "EPAM-Net"]


def test_accuracies_and_trials_are_neither_counts_nor_latencies(
    count: Count, accuracy: Callable[..., AccuracyRecord], trial: Callable[..., AblationTrial]
) -> None:
    (entry,) = gather([accuracy(), count("c3d"), trial()])
    assert entry.name == "c3d"


def test_every_kind_of_record_can_be_cited(
    count: Count,
    latency: Latency,
    accuracy: Callable[..., AccuracyRecord],
    trial: Callable[..., AblationTrial],
) -> None:
    when = "2026-01-02 12:00:00 UTC, 0123456789ab"
    assert [cite(record) for record in (count(), latency(), accuracy(), trial(seed=2))] == [
        f"count record (torch), {when}",
        f"latency record (perf_counter), {when}",
        f"accuracy record (cpu, fp32), {when}",
        f"ablation record (fused, tiny_multimodal, seed 2), {when}",
    ]


def test_of_a_model_on_several_inputs_the_timed_one_stands_for_it(count: Count, latency: Latency) -> None:
    other = {"rgb": (3, 8, 112, 112)}
    entries = gather([count("c3d"), count("c3d", inputs=other), latency("c3d", inputs=other), count("s3d")])
    assert [(entry.name, entry.card.inputs) for entry in main_entries(entries)] == [
        ("c3d", other),
        ("s3d", {"rgb": (3, 16, 224, 224)}),
    ]


def test_else_the_one_that_most_counters_counted_or_all_of_equals(count: Count) -> None:
    other = {"rgb": (3, 8, 112, 112)}
    equals = [count("c3d"), count("c3d", inputs=other)]
    assert len(main_entries(gather(equals))) == 2
    (entry,) = main_entries(gather([*equals, count("c3d", counter="fvcore")]))
    assert entry.card.inputs == {"rgb": (3, 16, 112, 112)}


def test_our_own_counter_comes_first_and_misses_are_judged_by_it(count: Count) -> None:
    counts = [count(gmacs=gmacs, counter=name) for name, gmacs in (("thop", 9.0), ("torch", 5.0))]
    (entry,) = gather([*counts, count(gmacs=7.618, counter="consensus")])
    assert entry.preferred_count is not None
    assert entry.preferred_count.counter == "consensus"
    assert [record.counter for record in entry.incomplete_counts] == ["torch"]


def test_record_without_a_commit_says_so_in_full(count: Count) -> None:
    assert cite(count(environment={"git_commit": None})).endswith("UTC, unknown commit")
