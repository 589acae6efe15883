"""Jobs are Python's own functions: a worker has to import them, and it can't import a test."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from epam.data.preparation.worker_pool import work_through
from epam.errors import InputError

PARENT = """
import sys
from epam.data.preparation.worker_pool import work_through

NAME = '''
import os, pathlib, time
pathlib.Path({folder!r}, str(os.getpid())).touch()
time.sleep(100)
'''

if __name__ == "__main__":
    for _ in work_through(exec, [NAME.format(folder=sys.argv[1])] * 4, workers=2):
        pass
"""


@pytest.mark.parametrize("workers", [1, 2])
def test_every_name_comes_back_once_with_its_result(workers: int) -> None:
    names = [f"name {number}" for number in range(20)]
    results = dict(work_through(str.upper, names, workers=workers))
    assert results == {name: name.upper() for name in names}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_of_the_job_ends_it(workers: int) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        list(work_through(int, ["1", "x", "2"], workers=workers))


def test_a_worker_that_crashes_is_told_with_what_it_was_at() -> None:
    with pytest.raises(InputError, match=r"was killed or crashed while at one of .*os\._exit"):
        list(work_through(exec, ["import os; os._exit(9)"], workers=2))


def test_no_workers_are_refused() -> None:
    with pytest.raises(InputError, match="workers is 0"):
        list(work_through(str.upper, [], workers=0))


def test_who_stops_taking_results_stops_the_workers_in_the_middle() -> None:
    begin = time.monotonic()
    with closing(work_through(exec, ["1", *["import time; time.sleep(100)"] * 7], workers=2)) as results:
        next(results)
    assert time.monotonic() - begin < 60


def wait_until(holds, seconds: float = 60) -> bool:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if holds():
            return True
        time.sleep(0.05)
    return False


def is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="looks processes up in /proc")
def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    (tmp_path / "parent.py").write_text(PARENT)
    (tmp_path / "pids").mkdir()
    parent = subprocess.Popen(
        [sys.executable, tmp_path / "parent.py", tmp_path / "pids"], stderr=subprocess.DEVNULL
    )
    pids: list[int] = []
    try:
        assert wait_until(lambda: len(list((tmp_path / "pids").iterdir())) == 2)
        pids = [int(path.name) for path in (tmp_path / "pids").iterdir()]
        parent.kill()
        parent.wait(timeout=10)
        assert wait_until(lambda: not any(map(is_alive, pids)), seconds=20)
    finally:
        parent.kill()
        for pid in filter(is_alive, pids):
            os.kill(pid, signal.SIGKILL)
