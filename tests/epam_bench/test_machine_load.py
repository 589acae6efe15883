from __future__ import annotations

import os
from types import SimpleNamespace

import psutil

from epam_bench import machine_load
from epam_bench.machine_load import LoadReading, busy_caveat, others_cpu_fraction, read_load

CORES = psutil.cpu_count() or 1


def reading(wall: float, busy: float, own: float) -> LoadReading:
    return LoadReading(wall, busy, own, load_average=None)


def test_what_others_took_is_all_but_our_own() -> None:
    # Ten seconds of wall time; we took 4 processor seconds of the 4 + CORES that were used.
    fraction = others_cpu_fraction(reading(0, 100, 50), reading(10, 104 + CORES, 54))
    assert fraction == 0.1


def test_alone_on_the_machine_is_no_load_and_no_caveat() -> None:
    fraction = others_cpu_fraction(reading(0, 0, 0), reading(10, 9.9, 10))
    assert fraction == 0
    assert busy_caveat(fraction) == ()


def test_busy_machine_is_a_sentence_on_the_row() -> None:
    assert "took 50% of its processor time" in busy_caveat(0.5)[0]


def test_no_time_is_no_load() -> None:
    assert others_cpu_fraction(reading(5, 0, 0), reading(5, 1, 0)) == 0


def test_counters_only_go_up() -> None:
    before, after = read_load(), read_load()
    assert after.wall_seconds >= before.wall_seconds
    assert after.own_seconds >= before.own_seconds > 0


def test_children_s_time_is_our_own_and_one_that_is_gone_has_none(monkeypatch) -> None:
    seconds = {os.getpid(): 5.0, 77: 2.0}

    def process(pid: int) -> SimpleNamespace:
        if pid not in seconds:
            raise psutil.NoSuchProcess(pid)
        return SimpleNamespace(cpu_times=lambda: SimpleNamespace(user=seconds[pid], system=0.5))

    monkeypatch.setattr(machine_load.psutil, "Process", process)
    assert read_load().own_seconds == 5.5
    assert read_load([77, 88]).own_seconds == 8.0
