"""Speed-ups are over the right base, of the same run where it can be, and say what they are made from."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from epam_bench.records import CountRecord, LatencyRecord
from epam_reports.measurements import gather
from epam_reports.speedups import (
    best_forms,
    compare_latencies,
    find_base,
    find_form,
    latency_interval,
    realised_figures,
    speedup_figures,
)

Latency = Callable[..., LatencyRecord]


def test_factor_is_the_bases_time_over_the_records_and_its_interval_stands_the_right_way_round(
    interleaved: Latency,
) -> None:
    slow, fast = interleaved(milliseconds=300), interleaved(backend="fused", milliseconds=100, noise=0.004)
    found = compare_latencies(fast, slow)
    assert found.factor == pytest.approx(3, rel=0.01)
    assert found.interval is not None
    assert found.interval[0] <= found.factor <= found.interval[1]
    assert found.verdict == "faster"
    assert compare_latencies(slow, fast).verdict == "slower"
    assert "turn by turn: 12 turns in 4 processes" in found.evidence.working


def test_records_of_other_runs_are_compared_and_it_is_said(interleaved: Latency) -> None:
    found = compare_latencies(interleaved(backend="fused", milliseconds=50), interleaved(run="two"))
    assert found.note == "not interleaved with epam_net, which was timed in another run"
    assert found.verdict == "faster"


def test_rows_of_one_run_that_memory_held_apart_are_not_called_neighbours(interleaved: Latency) -> None:
    base, apart = interleaved(), interleaved(backend="fused", milliseconds=50)
    later = tuple(block.model_copy(update={"process": block.process + 100}) for block in apart.blocks)
    found = compare_latencies(apart.model_copy(update={"blocks": later}), base)
    assert found.note == "not interleaved with epam_net, which was timed apart from it, for want of memory"
    assert "of the medians" in found.evidence.working
    assert "turn by turn" not in found.evidence.working
    assert found.verdict == "faster"


def test_one_process_gives_a_factor_and_no_interval(interleaved: Latency, latency: Latency) -> None:
    fast, old = interleaved(backend="fused", milliseconds=50, processes=1), latency(samples_ms=(100.0,))
    found = compare_latencies(fast, old)
    assert found.factor == pytest.approx(2)
    assert (found.interval, found.verdict, found.smallest_detectable) == (None, "cannot tell", None)
    assert latency_interval(fast) is None
    assert latency_interval(old) is None


def test_interval_of_a_median_holds_it(interleaved: Latency) -> None:
    record = interleaved(noise=0.01)
    interval = latency_interval(record)
    assert interval is not None
    assert interval[0] <= record.median_ms <= interval[1]


def test_twin_comes_before_the_eager_form_and_its_own_run_before_a_newer_one(interleaved: Latency) -> None:
    fast = interleaved(backend="fused")
    newer = {"created": fast.created + timedelta(days=1), "run": "two"}
    twin, eager = interleaved(backend="reference"), interleaved()
    later = interleaved(backend="reference", **newer)
    assert find_base(fast, [eager, later, twin]) is twin
    assert find_base(fast, [eager, later]) is later
    assert find_base(fast, [eager]) is eager
    assert find_base(fast, [interleaved(precision="bf16"), interleaved("c3d"), fast]) is None


def test_base_is_of_the_same_batch_task_threads_and_clip(interleaved: Latency) -> None:
    others = [
        interleaved(batch_size=8),
        interleaved(task="training"),
        interleaved(threads=1),
        interleaved(l2_cold=True),
        interleaved(inputs={"rgb": (3, 8, 224, 224), "heatmaps": (17, 24, 56, 56)}),
        interleaved(num_classes=120),
    ]
    assert find_base(interleaved(backend="fused"), others) is None


def test_record_that_is_the_base_says_so_and_one_without_says_what_is_missing(interleaved: Latency) -> None:
    eager = interleaved()
    assert speedup_figures(eager, [eager])["speedup_verdict"] == "base"
    lone = interleaved(backend="fused")
    missing = "no float32 latency of epam_net by reference or eager in this setting"
    assert speedup_figures(lone, [lone])["speedup_notes"] == missing


def test_best_form_is_the_fastest_backend_in_each_circumstances(interleaved: Latency) -> None:
    records = [
        interleaved(milliseconds=300),
        interleaved(backend="fused", milliseconds=100),
        interleaved(backend="openvino", precision="bf16", milliseconds=50),
        interleaved(batch_size=8, milliseconds=900),
    ]
    forms = best_forms(gather(records))
    told = [
        (form.record.backend, form.record.precision, form.record.batch_size, form.rivals) for form in forms
    ]
    assert told == [("openvino", "bf16", 1, 0), ("fused", "fp32", 1, 1), ("eager", "fp32", 8, 0)]
    assert find_form(forms, "epam_net", forms[1]) is forms[1]
    assert find_form(forms, "c3d", forms[1]) is None


def test_share_realised_is_speed_over_what_fewer_multiply_adds_promise(
    interleaved: Latency, count: Callable[..., CountRecord]
) -> None:
    records = [interleaved(milliseconds=100), interleaved("c3d", milliseconds=200)]
    counts = [count(gmacs=8.0), count("c3d", 40.0)]
    ours, c3d = best_forms(gather([*records, *counts]))
    figures = realised_figures(ours, [ours, c3d])
    assert figures["fewer_macs_than_c3d"] == pytest.approx(5)
    assert figures["realised_percent"] == pytest.approx(40, rel=0.01)
    uncounted, other = best_forms(gather([*records, counts[0]]))
    figures = realised_figures(uncounted, [uncounted, other])
    assert "realised_percent" not in figures
    assert figures["realised_notes"] == "no count record of c3d: epam-bench flops c3d"
