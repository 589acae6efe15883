"""The recording behind a calibration, made as `epam-bench latency` measures.

Each generation has fresh processes, which take turns in random order. What is recorded is on the disk when
its generation is over, and a later call goes on with it.
"""

from __future__ import annotations

import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

from epam.errors import InputError
from epam_bench.calibration import MODEL, SLOWDOWN, SUBJECTS, Generation, Header, Recording, read_recording
from epam_bench.calibration_models import specify
from epam_bench.environment import describe_environment
from epam_bench.machine_load import others_cpu_fraction, read_load
from epam_bench.records import Environment
from epam_bench.timing.model_lookup import describe_spec
from epam_bench.timing.worker import Nursery, Worker, WorkerError

AIMED_MS = 4.0
"""The clip is as long as makes a call take about this."""

FIRST_FRAMES, FEWEST_FRAMES, MOST_FRAMES = 8, 1, 64
ROUNDS, CALLS = 6, 25
"""Turns of each in a generation, and timed calls a turn: a tenth of a second of a 4 ms model."""

WARMUP_CALLS = 10
ANSWER_SECONDS = 120.0
MOST_FAILURES = 3
"""Generations in a row that gave nothing before the recording is given up."""

Report = Callable[[str], None]


def record(path: Path, *, seconds: float, threads: int, report: Report = lambda done: None) -> Recording:
    """Record for so long, going on with what the file has; every generation is on the disk when it is over.

    Raises:
        InputError: the file is of another machine, other libraries or another number of threads.
        WorkerError: processes cannot be started, or give no samples.
    """
    until = time.monotonic() + seconds
    environment = describe_environment()
    session = 0
    if path.exists() and path.stat().st_size:
        known = read_recording(path)
        header = known.header
        _check_same(path, header, environment, threads)
        session = 1 + max((generation.session for generation in known.generations), default=-1)
    else:
        report("finding a clip that takes 4 ms")
        header = prepare_header(environment, threads)
        _append(path, header)
    failures, order = 0, random.Random(len(path.read_bytes()))
    last = 0.0
    while time.monotonic() + last < until:
        start = time.monotonic()
        try:
            generation = record_generation(header, session, order)
        except WorkerError:
            failures += 1
            if failures == MOST_FAILURES:
                raise
            report("a generation that failed is left out")
            continue
        failures, last = 0, time.monotonic() - start
        _append(path, generation)
        report(f"generation of {generation.seconds:.1f} s")
    return read_recording(path)


def record_generation(header: Header, session: int, order: random.Random) -> Generation:
    """Time every subject in fresh processes, turn about in random order.

    Raises:
        WorkerError: a process failed.
    """
    start = time.monotonic()
    samples: dict[str, list[tuple[float, ...]]] = {name: [] for name in SUBJECTS}
    with _workers(header.frames, header.threads) as (workers, pids):
        before = read_load(pids)
        for _ in range(ROUNDS):
            for name in order.sample(list(workers), len(workers)):
                answer = workers[name].ask({"do": "take a turn", "calls": CALLS}, seconds=ANSWER_SECONDS)
                # A tenth of a microsecond is beyond what the clock tells: the file need not hold more.
                samples[name].append(tuple(max(round(one, 4), 1e-4) for one in answer["samples_ms"]))
        others = others_cpu_fraction(before, read_load(pids))
    return Generation(
        session=session,
        seconds=time.monotonic() - start,
        others_cpu_fraction=others,
        samples_ms={name: tuple(turns) for name, turns in samples.items()},  # type: ignore[misc]  # our names
    )


def prepare_header(environment: Environment, threads: int) -> Header:
    """Find how long a clip takes 4 ms.

    Raises:
        WorkerError: a process failed.
    """
    with Nursery() as nursery:
        nursery.wait_until_ready()
        frames = FIRST_FRAMES
        for _ in range(2):
            # The quickest: a busy moment must not make the model a small one for good.
            quickest = min(_time_model(nursery, frames, threads))
            frames = min(MOST_FRAMES, max(FEWEST_FRAMES, round(frames * AIMED_MS / quickest)))
    return Header(
        created=datetime.now(UTC),
        environment=environment,
        threads=threads,
        frames=frames,
        slowdown=SLOWDOWN,
    )


def _time_model(nursery: Nursery, frames: int, threads: int) -> list[float]:
    """Milliseconds of calls, in a process that takes turns as those of a generation do."""
    worker = _start(nursery, MODEL, frames, threads)
    samples: list[float] = []
    for _ in range(ROUNDS):
        samples += worker.ask({"do": "take a turn", "calls": CALLS}, seconds=ANSWER_SECONDS)["samples_ms"]
    worker.close()
    return samples


@contextmanager
def _workers(frames: int, threads: int) -> Iterator[tuple[dict[str, Worker], list[int]]]:
    """A process for each subject, ready for its turns, and the numbers of all processes."""
    with Nursery() as nursery:
        nursery.wait_until_ready()
        yield {name: _start(nursery, name, frames, threads) for name in SUBJECTS}, nursery.pids


def _start(nursery: Nursery, name: str, frames: int, threads: int) -> Worker:
    """A process that is ready for its turns: its logits are right, and it is warm."""
    order = {
        "model": describe_spec(specify(name, SUBJECTS[name], frames)),
        "backend": "eager",
        "precision": "fp32",
        "batch_size": 1,
        "task": "inference",
        "device": "cpu",
        "threads": threads,
        "l2_cold": False,
        "clips": 1,
        "warmup_calls": WARMUP_CALLS,
    }
    with tempfile.TemporaryDirectory(prefix="epam-bench-") as folder:
        reference = str(Path(folder) / "reference.pt")
        worker = nursery.split()
        worker.ask(order | {"do": "compute reference", "file": reference}, seconds=ANSWER_SECONDS)
        worker.ask(order | {"do": "prepare", "reference": reference}, seconds=ANSWER_SECONDS)
    return worker


def _check_same(path: Path, header: Header, environment: Environment, threads: int) -> None:
    """Raise InputError unless a recording may be gone on with here."""
    before, now = header.environment, environment
    differing = {
        "processor": (before.processor, now.processor),
        "number of cores": (before.logical_cores, now.logical_cores),
        "libraries": (before.versions, now.versions),
        "number of threads": (header.threads, threads),
    }
    for what, (old, new) in differing.items():
        if old != new:
            raise InputError(
                f"{path}: was recorded with another {what}; name another folder with --output, or delete it"
            )


def _append(path: Path, line: Header | Generation) -> None:
    """Write one line and put it on the disk; what a killed run left unfinished is cut off first."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("ab+") as file:
        file.seek(0)
        written = file.read()
        file.truncate(written.rfind(b"\n") + 1)
        file.write(line.model_dump_json().encode() + b"\n")
        file.flush()
        os.fsync(file.fileno())
