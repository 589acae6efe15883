"""What tests share: weights that make every part of a network matter, and one thread."""

from __future__ import annotations

import signal
from collections.abc import Callable

import pytest
import torch
from torch import nn


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
