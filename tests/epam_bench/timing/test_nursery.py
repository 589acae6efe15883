"""The process that splits off children, asked by hand; test_worker.py asks it as measuring does."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys

from epam_bench.timing.messages import parse_message, write_message
from epam_bench.timing.worker import NURSERY


def test_children_are_split_off_waited_for_and_untouched_by_ctrl_c() -> None:
    ours, theirs = socket.socketpair()
    command = [sys.executable, "-m", NURSERY, str(theirs.fileno()), str(os.getpid())]
    with ours, subprocess.Popen(command, pass_fds=[theirs.fileno()]) as running:
        theirs.close()
        ours.settimeout(180)
        assert json.loads(ours.recv(1000)) == {"ready": True}

        (order_end, orders), (answers, answer_end), (output, output_end) = (os.pipe() for _ in range(3))
        socket.send_fds(ours, [b'{"do": "split"}'], [order_end, answer_end, output_end])
        pid = json.loads(ours.recv(1000))["pid"]
        for end in (order_end, answer_end, output_end):
            os.close(end)

        os.kill(pid, signal.SIGINT)
        write_message(orders, {"do": "sing"})
        with os.fdopen(answers, "rb") as lines:
            assert "unknown order" in parse_message(lines.readline())["failed"]
            # No more orders: the child has done its work, and ends.
            os.close(orders)
            ours.sendall(json.dumps({"do": "wait", "pid": pid}).encode())
            assert json.loads(ours.recv(1000)) == {"status": 0}
        os.close(output)
        ours.shutdown(socket.SHUT_RDWR)
        assert running.wait(timeout=30) == 0
