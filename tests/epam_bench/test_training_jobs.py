from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from epam_bench import training_jobs
from epam_bench.training_jobs import TrainingJob, run_jobs

WRITE_NAME = """
import os, sys, time
name, file, status, seconds = sys.argv[1], sys.argv[2], int(sys.argv[3]), float(sys.argv[4])
with open(file, "a") as log:
    log.write(f"begin {name}\\n")
time.sleep(seconds)
with open(file, "a") as log:
    log.write(f"end {name} {os.environ['OMP_NUM_THREADS']}\\n")
print("first line")
print(f"{name} says goodbye")
sys.exit(status)
"""


@pytest.fixture(autouse=True)
def _script_for_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(training_jobs, "_TRAIN", WRITE_NAME)


@pytest.fixture
def told(tmp_path: Path) -> Path:
    return tmp_path / "told"


def job(
    name: str, told: Path, *, after: tuple[str, ...] = (), status: int = 0, seconds: float = 0.0
) -> TrainingJob:
    return TrainingJob(
        name=name,
        arguments=(name, str(told), str(status), str(seconds)),
        log=told.parent / f"{name}.log",
        after=after,
    )


def test_a_job_starts_after_those_that_it_starts_from(told: Path) -> None:
    jobs = [job("c", told, after=("a", "b")), job("a", told, seconds=0.2), job("b", told)]
    outcome = run_jobs(jobs, parallel=2, threads=3)
    lines = told.read_text().splitlines()
    assert outcome.failures == {}
    assert set(outcome.seconds) == {"a", "b", "c"}
    assert lines[-2:] == ["begin c", "end c 3"]


def test_no_more_run_side_by_side_than_allowed(told: Path) -> None:
    run_jobs([job(name, told, seconds=0.1) for name in "abc"], parallel=1, threads=1)
    words = [line.split()[:2] for line in told.read_text().splitlines()]
    assert [first for first, _ in words] == ["begin", "end"] * 3
    assert all(begin[1] == end[1] for begin, end in zip(words[::2], words[1::2], strict=True))


def test_the_first_in_the_list_that_can_goes_first(told: Path) -> None:
    jobs = [job("a", told), job("of a", told, after=("a",)), job("b", told)]
    run_jobs(jobs, parallel=1, threads=1)
    begun = [line for line in told.read_text().splitlines() if line.startswith("begin")]
    assert begun == ["begin a", "begin of a", "begin b"]


def test_a_failure_costs_only_those_that_need_it(told: Path) -> None:
    jobs = [
        job("a", told, status=2),
        job("b", told),
        job("of a", told, after=("a",)),
        job("of both", told, after=("of a", "b")),
    ]
    outcome = run_jobs(jobs, parallel=2, threads=1)
    assert set(outcome.seconds) == {"b"}
    assert outcome.failures["a"].startswith("exit status 2: a says goodbye")
    assert "starts from a" in outcome.failures["of a"]
    assert "starts from of a" in outcome.failures["of both"]
    assert "begin of a" not in told.read_text()


def test_what_a_job_prints_is_kept(told: Path) -> None:
    run_jobs([job("a", told)], parallel=1, threads=1)
    run_jobs([job("a", told)], parallel=1, threads=1)
    assert (told.parent / "a.log").read_text() == "first line\na says goodbye\n" * 2


def test_each_is_told_as_it_ends(told: Path) -> None:
    ended: list[str] = []
    run_jobs(
        [job("a", told), job("b", told, after=("a",)), job("c", told, status=1)],
        parallel=1,
        threads=1,
        on_done=lambda done, seconds: ended.append(f"{done.name} {seconds > 0}"),
    )
    assert ended == ["a True", "b True"]


def test_ctrl_c_asks_the_jobs_to_leave_and_starts_no_other(told: Path) -> None:
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    jobs = [job("a", told, seconds=60), job("b", told, after=("a",))]

    def interrupt() -> None:
        while not told.exists():
            time.sleep(0.02)
        os.kill(os.getpid(), signal.SIGINT)

    begun = time.monotonic()
    threading.Thread(target=interrupt, daemon=True).start()
    try:
        with pytest.raises(KeyboardInterrupt):
            run_jobs(jobs, parallel=1, threads=1)
    finally:
        signal.signal(signal.SIGINT, handler)
    assert time.monotonic() - begun < 30
    assert told.read_text() == "begin a\n"
