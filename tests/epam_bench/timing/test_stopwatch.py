from __future__ import annotations

import time

import pytest
import torch

from epam_bench.devices import Setting
from epam_bench.timing import stopwatch
from epam_bench.timing.stopwatch import CLOCK, EVENTS, SYNCHRONISED_CLOCK, Stopwatch


def test_sleep_of_five_milliseconds_takes_them() -> None:
    watch = Stopwatch(Setting())
    assert 5.0 <= watch.time_ms(lambda: time.sleep(0.005)) < 500.0
    assert watch.name == CLOCK


def test_cold_caches_are_filled_before_the_clock_starts(monkeypatch) -> None:
    monkeypatch.setattr(stopwatch, "last_cache_bytes", lambda device: 100)
    watch = Stopwatch(Setting(), l2_cold=True)
    watch.time_ms(lambda: None)
    watch.time_ms(lambda: None)
    assert watch._filler is not None
    assert watch._filler.tolist() == [2] * 200


@pytest.mark.parametrize(("by_events", "name"), [(9.9, EVENTS), (1.0, SYNCHRONISED_CLOCK)])
def test_events_that_miss_most_of_the_time_are_not_believed(monkeypatch, by_events: float, name: str) -> None:
    watch = Stopwatch(Setting())
    watch.name = EVENTS
    monkeypatch.setattr(watch, "_by_events", lambda call: by_events)
    monkeypatch.setattr(watch, "clock_ms", lambda call: 10.0)
    watch.distrust_events(lambda: None)
    assert watch.name == name


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_events_of_a_gpu_agree_with_the_clock() -> None:
    watch = Stopwatch(Setting(device="cuda"), l2_cold=True)
    matrix = torch.randn(4096, 4096, device="cuda")
    for _ in range(3):
        watch.time_ms(lambda: matrix @ matrix)
    watch.distrust_events(lambda: matrix @ matrix)
    assert watch.name == EVENTS
