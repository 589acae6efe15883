"""The commands behind inference/test.py, inference/test_multimodal.py and epam-predict: parse, run, exit.

Everything that needs torch is imported after parsing, so that ``--help`` is instant.
"""

from __future__ import annotations

import errno
import inspect
import os
import signal
import sys
from typing import Any, get_type_hints

import typer

from epam.command_line import replace_unprintable
from epam.errors import EpamError
from epam_inference.options import ExitCode, MultimodalRequest, PredictRequest, Request, UnimodalRequest
from epam_inference.stopwatch import Stopwatch
from epam_inference.terminal_output import readable

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
"""What a full disk says."""


def multimodal() -> None:
    """Run ``inference/test_multimodal.py``."""
    _run_app(MultimodalRequest)


def unimodal() -> None:
    """Run ``inference/test.py``."""
    _run_app(UnimodalRequest)


def predict() -> None:
    """Run ``epam-predict``."""
    _run_app(PredictRequest)


_AnyRequest = type[MultimodalRequest] | type[UnimodalRequest] | type[PredictRequest]


def _run_app(request_type: _AnyRequest) -> None:
    replace_unprintable()
    # A scheduler's stop is the user's: what was evaluated so far is told and written.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    build_app(request_type)()


def build_app(request_type: _AnyRequest) -> typer.Typer:
    """Make the request's fields the command's options, so that each is written down once."""

    def command(**options: Any) -> None:
        raise typer.Exit(_run_in_time(request_type(**options)))

    command.__doc__ = request_type.__doc__
    command.__annotations__ = get_type_hints(request_type, include_extras=True)
    command.__signature__ = inspect.signature(request_type, eval_str=True)  # type: ignore[attr-defined]
    app = typer.Typer(add_completion=False, rich_markup_mode="markdown")
    app.command()(command)
    return app


def _run_in_time(request: Request | PredictRequest) -> int:
    """Return the exit code; the time that the libraries take to load counts as a step."""
    stopwatch = Stopwatch()
    try:
        with stopwatch.step("imports"):
            from epam_inference.run import run_predict, run_request
    except ImportError as error:
        return _complain(f"{error}; run `make setup`, then `.venv/bin/python {' '.join(sys.argv)}`")
    except KeyboardInterrupt:
        return _interrupted()
    try:
        exit_code = (
            run_predict(request, stopwatch)
            if isinstance(request, PredictRequest)
            else run_request(request, stopwatch)
        )
        print(end="", flush=True)  # what cannot be written is told here, not by the interpreter at exit
        return exit_code
    except BrokenPipeError:
        # The reader (`| head`) has seen enough.
        _discard_output()
        return ExitCode.DONE
    except EpamError as error:
        return _complain(str(error))
    except OSError as error:
        if error.errno in NO_ROOM and not error.filename:
            _discard_output()
            return _complain(f"standard output: {error.strerror}; free some disk, or write it elsewhere")
        return _complain(str(error))
    except KeyboardInterrupt:
        return _interrupted()


def _discard_output() -> None:
    """What is not yet written goes nowhere: the interpreter must not try again at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _complain(message: str) -> ExitCode:
    print(f"error: {readable(message)}", file=sys.stderr)
    return ExitCode.BAD_INPUT


def _interrupted() -> ExitCode:
    print("interrupted", file=sys.stderr)
    return ExitCode.INTERRUPTED
