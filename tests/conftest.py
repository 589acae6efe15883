"""What tests share: weights that make every part of a network matter, and a drawn recording of turns."""

from __future__ import annotations

import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import nn

if TYPE_CHECKING:
    from epam_bench.calibration import Calibration, Recording


def pytest_configure() -> None:
    # A shell starts what runs behind `&` with Ctrl-C ignored, and every program that a test starts
    # would inherit that: tests of stopping would wait for ever.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True)
def fixed_seed() -> None:
    torch.manual_seed(0)


@pytest.fixture
def lively() -> Callable[[nn.Module], nn.Module]:
    """Draw norms at random and switch dropout off.

    Fresh blocks end in a norm of weight 0, so that they do nothing: a wrong shift or a wrong
    squeeze would pass every comparison.
    """

    def make_lively(model: nn.Module) -> nn.Module:
        for part in model.modules():
            if isinstance(part, nn.modules.batchnorm._BatchNorm):
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias, std=0.1)
                nn.init.normal_(part.running_mean, std=0.1)
                nn.init.uniform_(part.running_var, 0.5, 1.5)
            if isinstance(part, nn.Dropout):
                part.p = 0.0
        return model

    return make_lively


@pytest.fixture(scope="session")
def drawn_recording() -> Recording:
    """A 4 ms model whose processes differ by half a per cent, on a machine whose speed wanders by one."""
    from epam_bench.calibration import Generation, Header, Recording
    from epam_bench.records import Environment

    generator = np.random.default_rng(0)
    environment = Environment(
        system="Linux",
        processor="Drawn CPU",
        physical_cores=2,
        logical_cores=2,
        memory_bytes=8 * 1024**3,
        accelerator=None,
        versions={"torch": "2.0"},
        git_commit=None,
        git_dirty=None,
    )
    created = datetime(2026, 1, 2, 12, tzinfo=UTC)
    header = Header(created=created, environment=environment, threads=2, frames=8, slowdown=0.05)
    generations = []
    for _ in range(144):
        speed = np.exp(generator.normal(0, 0.01, (3, 1)))
        samples = {
            name: 4.0 * speed * np.exp(generator.normal(0, 0.005) + generator.normal(0, 0.01, (3, 8)))
            for name in ("model", "again", "slowed")
        }
        samples["slowed"] *= 1 + header.slowdown
        samples["empty"] = np.full((3, 8), 0.003)
        turns = {name: tuple(map(tuple, values.tolist())) for name, values in samples.items()}
        generations.append(
            Generation.model_validate(
                {"session": 0, "seconds": 5.0, "others_cpu_fraction": 0.01, "samples_ms": turns}
            )
        )
    return Recording(header, tuple(generations))


@pytest.fixture(scope="session")
def drawn_calibration(drawn_recording: Recording) -> Calibration:
    """What the drawn recording says."""
    from epam_bench.calibration import evaluate_calibration

    return evaluate_calibration(drawn_recording)
