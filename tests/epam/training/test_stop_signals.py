from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from epam.training.stop_signals import Stopped, StopSignals

BOTH = pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@BOTH
def test_a_signal_is_raised_at_once_where_nothing_needs_saving(number: int, status: int) -> None:
    with pytest.raises(Stopped) as stopped, StopSignals():
        send(number)
    assert stopped.value.exit_status == status


@BOTH
def test_a_deferred_signal_waits_to_be_asked_for(number: int, status: int) -> None:
    with StopSignals() as stop:
        with stop.deferred():
            send(number)
            assert stop.requested
        with pytest.raises(Stopped) as stopped:
            stop.leave()
    assert stopped.value.exit_status == status


def test_without_a_signal_nothing_is_requested() -> None:
    with StopSignals() as stop, stop.deferred():
        assert not stop.requested
        stop.leave()


def test_earlier_handlers_come_back() -> None:
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with StopSignals():
        assert signal.getsignal(signal.SIGTERM) != before[0]
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before


@BOTH
def test_a_second_signal_ends_the_process_at_once(number: int, status: int) -> None:
    code = (
        "import os, time\n"
        "from epam.training.stop_signals import StopSignals\n"
        "with StopSignals(repeat_seconds=0) as stop, stop.deferred():\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    print('first', flush=True)\n"
        f"    os.kill(os.getpid(), {int(number)})\n"
        "    time.sleep(1)\n"
        "    print('never', flush=True)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=False
    )
    assert (done.returncode, done.stdout) == (-number, "first\n")


@BOTH
def test_the_same_request_twice_in_a_row_is_one(number: int, status: int) -> None:
    with StopSignals() as stop, stop.deferred():
        send(number)
        send(number)
        assert stop.requested


def test_an_interrupt_counts_where_the_shell_had_it_ignored() -> None:
    code = (
        "import os, signal\n"
        "from epam.training.stop_signals import Stopped, StopSignals\n"
        "signal.signal(signal.SIGINT, signal.SIG_IGN)\n"
        "try:\n"
        "    with StopSignals():\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "except Stopped as stopped:\n"
        "    print(stopped.exit_status)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "130\n"
