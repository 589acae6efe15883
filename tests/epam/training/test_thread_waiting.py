"""Threads that spin briefly: set before PyTorch is there, and never against the user's choice."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from epam.training.thread_waiting import SPIN_VARIABLE, SPINS, USERS_CHOICES, spin_briefly

START_TRAINING = """
import os
from epam_baselines import train_command
train_command.run_command = lambda name, app: print(os.environ.get("GOMP_SPINCOUNT"))
train_command.main()
"""


def _run(code: str, **variables: str) -> str:
    environment = {name: value for name, value in os.environ.items() if name not in USERS_CHOICES}
    command = [sys.executable, "-c", code]
    done = subprocess.run(
        command,
        env=environment | variables,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=True,
    )
    return done.stdout.strip()


def test_training_has_its_threads_spin_briefly() -> None:
    assert _run(START_TRAINING) == str(SPINS)


@pytest.mark.parametrize(
    ("variable", "value"), [("OMP_WAIT_POLICY", "active"), ("GOMP_SPINCOUNT", "infinity")]
)
def test_the_users_choice_stays(variable: str, value: str) -> None:
    assert _run(START_TRAINING, **{variable: value}) == ("infinity" if variable == SPIN_VARIABLE else "None")


def test_it_is_too_late_once_torch_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in USERS_CHOICES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setitem(sys.modules, "torch", object())
    assert not spin_briefly()
    assert SPIN_VARIABLE not in os.environ


@pytest.mark.skipif(sys.platform != "linux", reason="PyTorch's wheels bring libgomp on Linux alone")
def test_the_openmp_library_takes_the_number() -> None:
    code = "from epam.training.thread_waiting import spin_briefly; spin_briefly(); import torch"
    shown = _run(code, OMP_DISPLAY_ENV="verbose")
    if "SPINCOUNT" not in shown:
        pytest.skip("PyTorch's OpenMP library is not libgomp")
    assert f"GOMP_SPINCOUNT = '{SPINS}'" in shown
