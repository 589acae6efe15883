"""Records are sorted by what was measured, the newest of each setting."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import CountRecord, LatencyRecord
from epam_reports.measurements import describe_input, gather, most_common_setting

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
    assert setting.sentence == "cpu, fp32, batch 1, 2 threads, eager"
    assert most_common_setting([]) is None
