"""One job done for many names by processes that live and die with the process that they work for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from multiprocessing import connection
from multiprocessing.connection import Connection
from typing import Any, TypeVar

from epam.errors import InputError, printable

Result = TypeVar("Result")

_WAITING_PER_WORKER = 4
_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def work_through(
    job: Callable[[str], Result], names: Sequence[str], *, workers: int
) -> Generator[tuple[str, Result], None, None]:
    """Do a job for every name, and yield each name with its result as it is done.

    Processes of their own, not forks: a fork of a program with threads may hang. Who stops to take
    results stops the workers at once, in the middle of what they do: a job writes its files whole
    or not at all.

    Args:
        job: picklable; sent to each worker once.
        names: what it is done for.
        workers: processes; 1 is this one.

    Raises:
        InputError: fewer than one worker, or one that was killed or crashed.
        Exception: what the job raises; nothing more is done then.
    """
    if workers < 1:
        raise InputError(f"workers is {workers}; give 1 or more")
    if workers == 1:
        for name in names:
            yield name, job(name)
        return
    reader, writer = multiprocessing.Pipe(duplex=False)
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, context, initializer=_begin, initargs=(job, reader))
    try:
        yield from _take_results(pool, names, waiting=workers * _WAITING_PER_WORKER)
    except BaseException:
        writer.send_bytes(b"stop")
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        reader.close()
        writer.close()


def _take_results(
    pool: ProcessPoolExecutor, names: Sequence[str], *, waiting: int
) -> Iterator[tuple[str, Any]]:
    """Keep the workers busy without queueing all names at once."""
    left = iter(names)
    jobs: dict[Future[Any], str] = {}
    while True:
        with _signals_held():
            for name in left:
                jobs[pool.submit(_do, name)] = name
                if len(jobs) >= waiting:
                    break
        if not jobs:
            return
        for done in wait(jobs, return_when=FIRST_COMPLETED).done:
            yield jobs[done], _result_of(done, jobs)
            del jobs[done]


def _result_of(done: Future[Any], jobs: dict[Future[Any], str]) -> Any:
    try:
        return done.result()
    except BrokenProcessPool:
        names = ", ".join(sorted(map(printable, jobs.values())))
        raise InputError(
            f"a worker process was killed or crashed while at one of {names}; was there too little memory? "
            "Run it again with fewer workers: it goes on where it stopped"
        ) from None


@contextmanager
def _signals_held() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM waiting; processes started meanwhile inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


# --- In a worker ------------------------------------------------------------------------------------

_job: Callable[[str], Any]


def _begin(job: Callable[[str], Any], stop: Connection) -> None:
    """Leave stopping to the parent, compute in one thread, and keep the job."""
    global _job
    _job = job
    # Receiving the job has imported what it needs.
    if "torch" in sys.modules:
        sys.modules["torch"].set_num_threads(1)
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    threading.Thread(target=_leave_with, args=(stop,), daemon=True).start()


def _leave_with(stop: Connection) -> None:
    """End this process when its parent says so, or is gone: its end of the pipe closes with it."""
    connection.wait([stop])
    os._exit(0)


def _do(name: str) -> Any:
    return _job(name)
