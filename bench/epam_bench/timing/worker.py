"""The measuring process's side: children are started, asked, and, where they fail, explained in a line."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

import psutil

from epam.errors import EpamError, printable
from epam_bench.timing.messages import Message, parse_message, write_message
from epam_bench.timing.nursery import LONGEST_ORDER

NURSERY = "epam_bench.timing.nursery"

START_SECONDS = 180.0
"""A process that has not imported PyTorch by then hangs."""

READ_BYTES = 1 << 16
TAIL_BYTES = 4096
"""Of what a child prints, this much of the end is kept, for it may say why it died."""

LONGEST_ANSWER_BYTES = 1 << 24
LAST_MOMENTS, MOMENT_SECONDS = 100, 0.05


class WorkerError(EpamError):
    """A child that gave no result; the message says how it failed."""


class Nursery:
    """A fresh process that splits off children; all end with it, and it ends with this process.

    Args:
        compiled: folder where compilers leave what they have made, so that the next generation's children
            find it and the next run's do not: what compiling takes is measured once a run.

    Raises:
        WorkerError: the system refuses to start it.
    """

    def __init__(self, compiled: Path | None = None) -> None:
        self._complaints: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # closed with the process
        ours, theirs = socket.socketpair()
        self._control = ours
        self._workers: list[Worker] = []
        with theirs:
            try:
                self._process = subprocess.Popen(
                    # Without the working directory in front: what lies there stands in for no library.
                    [sys.executable, "-P", "-m", NURSERY, str(theirs.fileno()), str(os.getpid())],
                    pass_fds=[theirs.fileno()],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=self._complaints,
                    env=_environment(compiled),
                    start_new_session=True,
                )
            except OSError as error:
                ours.close()
                self._complaints.close()
                raise WorkerError(f"the system starts no process ({error.strerror})") from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Of all processes that are there for measuring."""
        return [self._process.pid, *(worker.pid for worker in self._workers if worker.alive)]

    def wait_until_ready(self) -> None:
        """Wait for the libraries to be imported.

        Raises:
            WorkerError: they cannot be.
        """
        self._answer(START_SECONDS)

    def split(self) -> Worker:
        """Start a child.

        Raises:
            WorkerError: the nursery is gone.
        """
        order_end, orders = os.pipe()
        answers, answer_end = os.pipe()
        output, output_end = os.pipe()
        theirs = [order_end, answer_end, output_end]
        try:
            # Where nobody listens any more, the missing answer says why.
            with suppress(ConnectionError):
                socket.send_fds(self._control, [json.dumps({"do": "split"}).encode()], theirs)
            pid = self._answer(START_SECONDS)["pid"]
        except (OSError, WorkerError):
            for pipe in (orders, answers, output):
                os.close(pipe)
            raise
        finally:
            for pipe in theirs:
                os.close(pipe)
        worker = Worker(self, pid, orders, answers, output)
        self._workers.append(worker)
        return worker

    def wait_for_end(self, pid: int) -> int:
        """Exit status of a child that has ended, minus the signal's number where one ended it."""
        with suppress(OSError, WorkerError):
            self._control.sendall(json.dumps({"do": "wait", "pid": pid}).encode())
            return int(self._answer(START_SECONDS)["status"])
        return -signal.SIGKILL

    def close(self) -> None:
        """End every child, and the nursery."""
        for worker in self._workers:
            worker.close()
        self._control.close()
        self._process.kill()
        self._process.wait()
        self._complaints.close()

    def _answer(self, seconds: float) -> Message:
        self._control.settimeout(seconds)
        try:
            text = self._control.recv(LONGEST_ORDER)
        except TimeoutError:
            raise WorkerError(f"no child process could be started within {seconds:.0f} s") from None
        except OSError:
            text = b""
        if not text:
            self._complaints.seek(0)
            raise WorkerError(
                f"the process that starts the children has ended: {_last_line(self._complaints.read())}"
            )
        return parse_message(text)


def _environment(compiled: Path | None) -> dict[str, str]:
    """This process's, with what it can import."""
    own = {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    caches = {} if compiled is None else {"TORCHINDUCTOR_CACHE_DIR": str(compiled)}
    return caches | os.environ | own


class Worker:
    """One child: it idles on a pipe until it is asked, and answers one question at a time."""

    def __init__(self, nursery: Nursery, pid: int, orders: int, answers: int, output: int) -> None:
        self.pid = pid
        self.alive = True
        self._nursery = nursery
        self._orders, self._answers, self._output = orders, answers, output
        self._unread = b""
        self._printed = b""
        self._doing = ""

    def ask(self, order: Mapping[str, Any], *, seconds: float) -> Message:
        """Send an order and wait for its result, asleep, while what the child prints is read and dropped.

        Raises:
            WorkerError: the child failed, died, or did not answer in time; it is ended.
        """
        self._doing = str(order["do"])
        try:
            return self._wait_for_result(order, seconds)
        except WorkerError:
            self.close()
            raise

    def close(self) -> None:
        """End the child and what it started, if it has not ended by itself.

        Its number stays taken until the nursery ends: no other process gets it and is ended by mistake.
        """
        if not self.alive:
            return
        self.alive = False
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGKILL)
        for pipe in (self._orders, self._answers, self._output):
            os.close(pipe)

    def _wait_for_result(self, order: Mapping[str, Any], seconds: float) -> Message:
        try:
            write_message(self._orders, order)
        except OSError:
            raise WorkerError(self._obituary()) from None
        until = time.monotonic() + seconds
        waiting = select.poll()
        for pipe in (self._answers, self._output):
            waiting.register(pipe, select.POLLIN)
        while True:
            left = until - time.monotonic()
            ready = [pipe for pipe, _ in waiting.poll(1000 * left)] if left > 0 else []
            if not ready:
                raise WorkerError(f"gave no answer within {seconds:.0f} s ({self._doing}); it was stopped")
            if self._output in ready and not self._drain():
                waiting.unregister(self._output)
            if self._answers in ready and (result := self._read_answers()) is not None:
                return result

    def _drain(self) -> bool:
        """Read what the child printed and keep its end; false when it can print no more."""
        text = os.read(self._output, READ_BYTES)
        self._printed = (self._printed + text)[-TAIL_BYTES:]
        return bool(text)

    def _read_answers(self) -> Message | None:
        """The result, if it is there by now."""
        text = os.read(self._answers, READ_BYTES)
        if not text:
            raise WorkerError(self._obituary())
        self._unread += text
        if len(self._unread) > LONGEST_ANSWER_BYTES:
            raise WorkerError("its answer has no end")
        *lines, self._unread = self._unread.split(b"\n")
        for line in lines:
            try:
                message = parse_message(line)
            except ValueError:
                raise WorkerError(f"something else wrote on its pipe: {_last_line(line)}") from None
            if "failed" in message:
                raise WorkerError(message["failed"])
            if "doing" in message:
                self._doing = message["doing"]
            else:
                return message
        return None

    def _obituary(self) -> str:
        """What a child died of, with the last words that it printed."""
        if not self._has_ended():
            return f"closed its pipe and went on ({self._doing}); it was stopped"
        status = self._nursery.wait_for_end(self.pid)
        with suppress(OSError):
            while select.select([self._output], [], [], 0)[0] and self._drain():
                pass
        words = f": {_last_line(self._printed)}" if self._printed.strip() else ""
        if status == -signal.SIGKILL:
            return f"its process was killed ({self._doing}), most likely for want of memory{words}"
        if status < 0:
            return f"its process crashed ({signal.Signals(-status).name}, {self._doing}){words}"
        return f"its process ended with exit status {status} ({self._doing}){words}"

    def _has_ended(self) -> bool:
        """Whether the process is gone, now or in a moment: its pipes are closed a little before."""
        # Where the nursery died too, and its children with it, there is not even a zombie left.
        with suppress(psutil.NoSuchProcess):
            for _ in range(LAST_MOMENTS):
                if psutil.Process(self.pid).status() == psutil.STATUS_ZOMBIE:
                    return True
                time.sleep(MOMENT_SECONDS)
            return False
        return True


def _last_line(text: bytes) -> str:
    lines = text.decode(errors="replace").strip().splitlines()
    return printable(lines[-1].strip()) if lines else "it said nothing"
