"""The process that imports the libraries once and splits off a child for each model: run with ``-m``.

Importing PyTorch takes seconds, splitting off a process that has it milliseconds. Nothing is computed
here, and no device is touched, so that no thread and no driver is there to be torn in two.
"""

from __future__ import annotations

import ctypes
import gc
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

PIPES_OF_A_CHILD = 3
LONGEST_ORDER = 65536


def main(control: socket.socket, parent: int) -> None:
    """Split off children and wait for their ends, as the parent asks, until it is gone."""
    # Ctrl-C is the parent's to handle: a terminal sends it to everyone.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent(parent)
    from epam_bench.timing.child import serve

    # Children share what is imported: a collection that looked at it all would copy it, page by page.
    gc.freeze()
    control.sendall(b'{"ready": true}')
    while True:
        text, pipes, _, _ = socket.recv_fds(control, LONGEST_ORDER, PIPES_OF_A_CHILD)
        if not text:
            return
        order = json.loads(text)
        if order["do"] == "split":
            own = os.getpid()
            pid = os.fork()
            if pid == 0:
                control.close()
                die_with_parent(own)
                _become(serve, *pipes)
            for pipe in pipes:
                os.close(pipe)
            answer = {"pid": pid}
        else:
            _, status = os.waitpid(order["pid"], 0)
            answer = {"status": os.waitstatus_to_exitcode(status)}
        control.sendall(json.dumps(answer).encode())


def die_with_parent(parent: int) -> None:
    """Have the system end this process when the one that started it is gone, however that came about."""
    set_parent_death_signal = 1
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(set_parent_death_signal, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)


def _become(serve: Callable[[int, int], None], orders: int, answers: int, output: int) -> NoReturn:
    """Be a child from here on; never come back into the nursery's code."""
    status = 1
    try:
        # A group of its own, so that whatever it starts in its turn is ended with it.
        os.setpgid(0, 0)
        for stream in (1, 2):
            os.dup2(output, stream)
        os.close(output)
        _go_first_when_memory_is_short()
        serve(orders, answers)
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        with suppress(BaseException):
            sys.stdout.flush()
            sys.stderr.flush()
        # Not by the usual way out: libraries' last words have hung others.
        os._exit(status)


def _go_first_when_memory_is_short() -> None:
    """Where memory runs out, the system is to end this process and no other."""
    with suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000")


if __name__ == "__main__":
    with socket.socket(fileno=int(sys.argv[1])) as inherited:
        main(inherited, int(sys.argv[2]))
