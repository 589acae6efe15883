"""The `epam-bench` command: its subcommands by name, and errors in one line."""

from __future__ import annotations

import io
import os
import signal
import sys

import typer

from epam.errors import EpamError
from epam_bench.commands.claims import claims
from epam_bench.commands.flops import flops
from epam_bench.commands.latency import latency
from epam_bench.commands.models import models
from epam_bench.commands.reproduce import reproduce
from epam_bench.commands.tables import tables

USER_ERROR = 2

app = typer.Typer(
    name="epam-bench",
    help=(
        "Count, time and compare EPAM-Net and its baselines, and judge what was claimed of them.\n\n"
        "Start with: epam-bench reproduce --quick"
    ),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (models, flops, latency, tables, claims, reproduce):
    app.command()(command)


def main() -> None:
    """Run the command; a problem that the user can mend is one line and exit status 2."""
    # What was measured so far is written when a scheduler stops us, as when the user does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # An ASCII terminal gets `?` for `×`, not a traceback after minutes of measuring.
            stream.reconfigure(errors="replace")
    try:
        app()
    except EpamError as error:
        print(f"epam-bench: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
    except BrokenPipeError:
        # The reader (`| head`) has seen enough; the interpreter must not flush into it at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"epam-bench: {error}", file=sys.stderr)
        sys.exit(USER_ERROR)
