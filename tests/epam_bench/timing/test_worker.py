"""Children that are processes: what becomes of them, and that none is left."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import psutil
import pytest

from epam_bench.timing.worker import Nursery, Worker, WorkerError


@pytest.fixture(scope="module")
def nursery() -> Iterator[Nursery]:
    with Nursery() as one:
        one.wait_until_ready()
        yield one


@pytest.fixture
def worker(nursery: Nursery) -> Iterator[Worker]:
    one = nursery.split()
    yield one
    one.close()


def test_failure_in_a_child_is_one_line_and_its_end(worker: Worker, nursery: Nursery) -> None:
    assert worker.pid in nursery.pids
    with pytest.raises(WorkerError, match="unknown order 'sing'"):
        worker.ask({"do": "sing"}, seconds=30)
    assert not worker.alive
    assert worker.pid not in nursery.pids
    assert nursery.wait_for_end(worker.pid) == -signal.SIGKILL


def test_death_between_turns_is_told_at_the_next_one(worker: Worker) -> None:
    os.kill(worker.pid, signal.SIGKILL)
    with pytest.raises(WorkerError, match=r"was killed \(sing\), most likely for want of memory"):
        worker.ask({"do": "sing"}, seconds=30)


def test_stopped_child_is_not_waited_for_longer_than_said(worker: Worker) -> None:
    os.kill(worker.pid, signal.SIGSTOP)
    with pytest.raises(WorkerError, match=r"gave no answer within 0 s \(sing\); it was stopped"):
        worker.ask({"do": "sing"}, seconds=0.2)
    assert not worker.alive


def test_waiting_parent_does_not_spin(worker: Worker) -> None:
    os.kill(worker.pid, signal.SIGSTOP)
    before = sum(psutil.Process().cpu_times()[:2])
    with pytest.raises(WorkerError):
        worker.ask({"do": "sing"}, seconds=0.5)
    assert sum(psutil.Process().cpu_times()[:2]) - before <= 0.1


KILLED_PARENT = """
import time
from epam_bench.timing.worker import Nursery
with Nursery() as nursery:
    nursery.wait_until_ready()
    workers = [nursery.split(), nursery.split()]
    print(*nursery.pids, flush=True)
    time.sleep(600)
"""


def test_no_child_outlives_a_parent_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", KILLED_PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        children = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        parent.kill()
    assert len(children) == 3
    assert psutil.wait_procs(children, timeout=10)[1] == []


def test_libraries_that_cannot_be_imported_are_told(monkeypatch) -> None:
    monkeypatch.setattr("epam_bench.timing.worker.NURSERY", "epam_bench.no_such_module")
    with Nursery() as broken, pytest.raises(WorkerError, match=r"has ended: .*no_such_module"):
        broken.wait_until_ready()


def test_nursery_that_has_ended_splits_off_no_child(monkeypatch) -> None:
    monkeypatch.setattr("epam_bench.timing.worker.NURSERY", "epam_bench.no_such_module")
    with Nursery() as broken:
        for ask in (broken.wait_until_ready, broken.split):
            with pytest.raises(WorkerError, match="has ended"):
                ask()


def test_system_that_starts_no_process_is_told(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    with pytest.raises(WorkerError, match=r"starts no process \(No such file"):
        Nursery()
