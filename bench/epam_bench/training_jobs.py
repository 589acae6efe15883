"""Trainings run as processes of their own, some side by side, each after those that it starts from."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock

THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")
"""What PyTorch and its libraries read when they choose their number of threads."""

SECONDS_TO_LEAVE = 60.0
"""How long a stopped training may take to save itself before it is ended."""

_TRAIN = "from epam_baselines.train_command import main; main()"


@dataclass(frozen=True, kw_only=True)
class TrainingJob:
    """One ``epam-train``.

    Attributes:
        name: what progress and failures call it.
        arguments: of the command.
        log: file that gets what it prints.
        after: names of the jobs whose weights it starts from.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path
    after: tuple[str, ...] = ()


@dataclass
class JobsOutcome:
    """What became of the jobs: seconds of those that ended well, and why others did not."""

    seconds: dict[str, float] = field(default_factory=dict)
    failures: dict[str, str] = field(default_factory=dict)


def run_jobs(
    jobs: Sequence[TrainingJob],
    *,
    parallel: int,
    threads: int,
    on_done: Callable[[TrainingJob, float], None] = lambda job, seconds: None,
) -> JobsOutcome:
    """Run every job once those before it are done; one that fails costs only those that need it.

    Ctrl-C asks the trainings to save and leave, waits for that, and goes on as KeyboardInterrupt.

    Args:
        jobs: each name once; ``after`` names jobs of this list.
        parallel: how many run side by side.
        threads: of each.
        on_done: called in this thread for each that ended well, with its seconds.
    """
    outcome = JobsOutcome()
    waiting = {job.name: job for job in jobs}
    running: dict[Future[tuple[int, float]], TrainingJob] = {}
    children = _Children(threads)
    with ThreadPoolExecutor(max_workers=parallel) as pool:
        try:
            while waiting or running:
                # Only as many as can run: of those that wait, the first in the list goes first.
                for job in _ready(waiting, outcome)[: parallel - len(running)]:
                    running[pool.submit(children.run, job)] = waiting.pop(job.name)
                if not running:
                    continue
                done, _ = wait(running, return_when=FIRST_COMPLETED)
                for future in done:
                    _settle(running.pop(future), *future.result(), outcome, on_done)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            children.stop()
            raise
    return outcome


def _ready(waiting: dict[str, TrainingJob], outcome: JobsOutcome) -> list[TrainingJob]:
    """Jobs that can start now; those whose start is lost are settled as failures."""
    for job in list(waiting.values()):
        lost = [name for name in job.after if name in outcome.failures]
        if lost:
            outcome.failures[job.name] = f"not trained, for it starts from {', '.join(lost)}"
            del waiting[job.name]
    return [job for job in waiting.values() if all(name in outcome.seconds for name in job.after)]


def _settle(
    job: TrainingJob,
    status: int,
    seconds: float,
    outcome: JobsOutcome,
    on_done: Callable[[TrainingJob, float], None],
) -> None:
    if status == 0:
        outcome.seconds[job.name] = seconds
        on_done(job, seconds)
    else:
        outcome.failures[job.name] = f"exit status {status}: {_last_words(job.log)} (all of it: {job.log})"


def _last_words(log: Path) -> str:
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    return lines[-1] if lines else "it said nothing"


class _Children:
    """The processes that are running, so that they can be asked to leave."""

    def __init__(self, threads: int) -> None:
        self._environment = os.environ | dict.fromkeys(THREAD_VARIABLES, str(threads))
        self._running: set[subprocess.Popen[bytes]] = set()
        self._lock = Lock()
        self._stopped = False

    def run(self, job: TrainingJob) -> tuple[int, float]:
        """Exit status and seconds."""
        job.log.parent.mkdir(parents=True, exist_ok=True)
        begun = time.monotonic()
        with job.log.open("ab") as log:
            with self._lock:
                if self._stopped:
                    return -signal.SIGTERM, 0.0
                # A session of its own: Ctrl-C reaches the parent alone, which asks once.
                child = subprocess.Popen(
                    [sys.executable, "-c", _TRAIN, *job.arguments],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    env=self._environment,
                    start_new_session=True,
                )
                self._running.add(child)
            try:
                return child.wait(), time.monotonic() - begun
            finally:
                with self._lock:
                    self._running.discard(child)

    def stop(self) -> None:
        """Ask all to save and leave; end those that don't."""
        with self._lock:
            self._stopped = True
            children = list(self._running)
        for child in children:
            child.terminate()
        deadline = time.monotonic() + SECONDS_TO_LEAVE
        for child in children:
            with suppress(subprocess.TimeoutExpired):
                child.wait(max(0.0, deadline - time.monotonic()))
                continue
            child.kill()
