"""What the machine tells, read from made-up files, and trials that were drawn."""

from __future__ import annotations

from pathlib import Path

import pytest

from epam_bench import doctor
from epam_bench.calibration import Generation, Recording
from epam_bench.doctor import (
    Check,
    check_clock,
    check_governor,
    check_memory,
    check_neighbours,
    check_quota,
    check_recording,
    check_steadiness,
    check_steal,
    check_swap,
    check_threads,
    check_timer,
    check_turbo,
    examine,
    overall_grade,
    read_steal,
)
from epam_bench.machine_load import LoadReading
from epam_bench.timing.worker import WorkerError


def write(root: Path, place: str, text: str) -> None:
    path = root / place
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("place", "text", "grade"),
    [
        ("sys/fs/cgroup/cpu.max", "max 100000\n", "good"),
        ("sys/fs/cgroup/cpu.max", "150000 100000\n", "poor"),
        ("sys/fs/cgroup/cpu.max", "400000 100000\n", "good"),
        ("sys/fs/cgroup/cpu.max", "words\n", "unknown"),
        ("sys/fs/cgroup/cpu.max", "words 100\n", "unknown"),
    ],
)
def test_a_quota_below_the_threads_is_poor(tmp_path: Path, place: str, text: str, grade: str) -> None:
    write(tmp_path, place, text)
    assert check_quota(2, tmp_path).grade == grade


def test_the_older_control_groups_are_read_too(tmp_path: Path) -> None:
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "100000\n")
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_period_us", "100000\n")
    assert check_quota(2, tmp_path).grade == "poor"
    assert check_quota(1, tmp_path).grade == "good"
    write(tmp_path, "sys/fs/cgroup/cpu/cpu.cfs_quota_us", "50000\n")
    assert "whenever 1 thread uses that up" in check_quota(1, tmp_path).advice


def test_governor_and_turbo_are_told_where_they_can_be_read(tmp_path: Path) -> None:
    assert check_governor(tmp_path).grade == check_turbo(tmp_path).grade == "unknown"
    assert check_quota(2, tmp_path).grade == "unknown"
    write(tmp_path, "sys/devices/system/cpu/cpu0/cpufreq/scaling_governor", "performance\n")
    write(tmp_path, "sys/devices/system/cpu/cpufreq/boost", "0\n")
    assert check_governor(tmp_path).grade == check_turbo(tmp_path).grade == "good"
    write(tmp_path, "sys/devices/system/cpu/cpu1/cpufreq/scaling_governor", "powersave\n")
    write(tmp_path, "sys/devices/system/cpu/cpufreq/boost", "1\n")
    assert check_governor(tmp_path).grade == check_turbo(tmp_path).grade == "fair"
    assert check_governor(tmp_path).seen == "performance, powersave"


def test_stolen_time_is_a_share_of_all_time(tmp_path: Path) -> None:
    write(tmp_path, "proc/stat", "cpu  100 0 0 800 0 0 0 0 0 0\ncpu0 1 2 3\n")
    before = read_steal(tmp_path)
    write(tmp_path, "proc/stat", "cpu  180 0 0 900 0 0 0 20 0 0\n")
    assert check_steal(before, read_steal(tmp_path)).seen == "10.0% of the time"
    assert check_steal(before, read_steal(tmp_path)).grade == "poor"
    assert check_steal(before, before).grade == "unknown"
    assert read_steal(tmp_path / "elsewhere") is None


def test_neighbours_threads_swap_and_clock_have_bounds() -> None:
    before = LoadReading(0.0, 0.0, 0.0, None)
    assert check_neighbours(before, LoadReading(10.0, 0.0, 0.0, 0.1)).grade == "good"
    assert check_neighbours(before, LoadReading(10.0, 1e4, 0.0, 9.0)).grade == "poor"
    assert check_threads(1).grade == "good"
    assert check_threads(1).seen.startswith("1 thread, ")
    assert check_threads(10_000).grade == "poor"
    assert check_swap(0, 1).grade == "poor"
    assert check_swap(1, 1).grade == "good"
    assert check_clock(2000, 2010).grade == "good"
    assert check_clock(2000, 2400).grade == "fair"
    assert check_clock(None, 2000).grade == "unknown"
    assert check_timer().grade in ("good", "fair")
    assert "GB" in check_memory().seen


def test_a_quiet_machine_calls_equals_equal_and_finds_the_slowdown(drawn_recording: Recording) -> None:
    checks = check_recording(drawn_recording.header, drawn_recording.generations[:9])
    assert {check.name: check.grade for check in checks} == {
        "harness": "good",
        "steadiness": "good",
        "equal models": "good",
        "planted slowdown": "good",
    }
    assert "0 false alarms in 4 trials" in checks[2].seen


def test_too_few_trials_tell_nothing_and_a_slowdown_that_is_not_there_is_not_found(
    drawn_recording: Recording,
) -> None:
    first = drawn_recording.generations[0]
    few = check_recording(drawn_recording.header, [first])
    assert [check.grade for check in few] == ["good", "unknown", "unknown"]
    assert [check.grade for check in check_recording(drawn_recording.header, [])] == ["unknown"] * 2
    none_planted = [
        one.model_copy(update={"samples_ms": one.samples_ms | {"slowed": one.samples_ms["again"]}})
        for one in drawn_recording.generations[:6]
    ]
    assert check_recording(drawn_recording.header, none_planted)[3].grade == "poor"


def test_a_machine_that_is_slower_for_minutes_is_no_steady_one(drawn_recording: Recording) -> None:
    first, second = drawn_recording.generations[:2]
    slower = second.model_copy(
        update={
            "samples_ms": {
                name: tuple(tuple(1.5 * sample for sample in turn) for turn in turns)
                for name, turns in second.samples_ms.items()
            }
        }
    )
    check = check_steadiness(Recording(drawn_recording.header, (first, slower)))
    assert check.grade == "fair"
    assert "within one run" in check.advice
    assert check_steadiness(Recording(drawn_recording.header, (first,))).grade == "good"


def test_the_whole_is_as_good_as_its_worst_known_part() -> None:
    def grade(*grades: str) -> str:
        return overall_grade([Check(name="x", grade=one, seen="") for one in grades])  # type: ignore[arg-type]

    assert grade("good", "unknown") == "good"
    assert grade("good", "fair", "unknown") == "fair"
    assert grade("poor", "fair") == "poor"
    assert grade("unknown") == "unknown"
    lacking = Check(name="equal models", grade="unknown", seen="", is_needed=True)
    assert overall_grade([Check(name="x", grade="good", seen=""), lacking]) == "unknown"
    assert overall_grade([Check(name="x", grade="fair", seen=""), lacking]) == "fair"


def test_processes_that_fail_are_a_finding_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> Generation:
        raise WorkerError("no processes today")

    monkeypatch.setattr(doctor, "prepare_header", fail)
    monkeypatch.setattr(doctor, "WATCHED_SECONDS", 0.01)
    checks = examine(seconds=1.0, threads=1)
    assert checks[-1].grade == "poor"
    assert "no processes today" in checks[-1].seen
    assert len({check.name for check in checks}) == len(checks)
