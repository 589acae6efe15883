"""Programs run as the processes of one run, as torchrun starts them."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable

import pytest

SECONDS = 120

Outputs = list[subprocess.CompletedProcess[str]]


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def run_together() -> Callable[[str, int], Outputs]:
    """Run the same program in several processes that can meet; returns what each printed, by rank."""

    def run(code: str, world_size: int) -> Outputs:
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(world_size)}
        started = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=os.environ | place | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(world_size)
        ]
        try:
            texts = [process.communicate(timeout=SECONDS) for process in started]
        finally:
            for process in started:
                process.kill()
                process.wait()
        return [
            subprocess.CompletedProcess(process.args, process.returncode, out, err)
            for process, (out, err) in zip(started, texts, strict=True)
        ]

    return run
