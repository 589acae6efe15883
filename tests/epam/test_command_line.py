from __future__ import annotations

import os
import subprocess
import sys

import pytest

RUN = "from epam.command_line import run_command; run_command('tool', {command})"


def run(command: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = (
        "import os, signal, sys\nfrom epam.errors import InputError\n"
        + command
        + "\n"
        + RUN.format(command="command")
    )
    return subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("InputError('clip 0: at least 1')", "tool: clip 0: at least 1\n"),
        ("PermissionError(13, 'Permission denied', 'out')", "tool: [Errno 13] Permission denied: 'out'\n"),
    ],
)
def test_what_the_user_can_mend_is_one_line_and_exit_status_2(error: str, line: str) -> None:
    done = run(f"def command():\n    raise {error}")
    assert (done.returncode, done.stderr) == (2, line)


def test_our_own_mistake_keeps_its_traceback() -> None:
    done = run("def command():\n    raise KeyError('ours')")
    assert done.returncode == 1
    assert "Traceback" in done.stderr


def test_a_terminal_without_our_signs_gets_others() -> None:
    assert run("def command():\n    print('3×4')", PYTHONIOENCODING="ascii").stdout == "3?4\n"


def test_a_reader_that_leaves_early_is_no_error() -> None:
    done = run("def command():\n    raise BrokenPipeError")
    assert (done.returncode, done.stderr) == (0, "")


def test_a_schedulers_stop_is_the_users() -> None:
    stop = "def command():\n    try:\n        os.kill(os.getpid(), signal.SIGTERM)\n"
    done = run(stop + "    except KeyboardInterrupt:\n        print('kept')")
    assert done.stdout == "kept\n"
