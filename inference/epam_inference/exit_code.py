"""What the exit status of the commands says."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """Exit statuses; 2 is also what typer gives for an option that does not exist."""

    DONE = 0
    BAD_INPUT = 2
    SKIPPED_SAMPLES = 3
    INTERRUPTED = 130  # 128 + SIGINT, as shells report it
