"""What our commands share: one line for what the user can mend, and no traceback for a terminal's limits."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable

from epam.errors import EpamError

USER_ERROR = 2


def run_command(name: str, command: Callable[[], object]) -> None:
    """Run a command; a problem that the user can mend is one line and exit status 2."""
    replace_unprintable()
    # A scheduler's stop is the user's: what was done so far is written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        command()
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; the interpreter must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except (EpamError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)


def replace_unprintable() -> None:
    """Let an ASCII terminal show `?` for `×`, rather than fail after minutes of work."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
