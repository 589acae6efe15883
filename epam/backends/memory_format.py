"""The order of a tensor's numbers in memory that a network computes fastest in, found by trying both."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from epam.backends.backend import Inputs, Output

FormatName = Literal["contiguous", "channels-last"]

TRIAL_ROUNDS = 3
TRIAL_SECONDS = 5.0
"""Each format is run once to warm up, then both in turn, so often and not begun again after so long."""


def try_formats(
    calls: Mapping[FormatName, Callable[..., Output]], inputs: Inputs
) -> tuple[FormatName, dict[FormatName, float]]:
    """Name the faster format, and give each one's fastest call in milliseconds.

    Args:
        calls: the network in each format.
        inputs: to call it with.
    """
    fastest: dict[FormatName, float] = {}
    begin = time.perf_counter()
    for call in calls.values():
        _run_ms(call, inputs)
    for turn in range(TRIAL_ROUNDS):
        if turn and time.perf_counter() - begin > TRIAL_SECONDS:
            break
        for name, call in calls.items():
            fastest[name] = min(fastest.get(name, float("inf")), _run_ms(call, inputs))
    return min(fastest, key=fastest.__getitem__), fastest


def lay_out(module: nn.Module, name: FormatName) -> nn.Module:
    """Put the weights of 2-D and 3-D convolutions in a format; they change in place."""
    for parameter in module.parameters():
        parameter.data = lay_out_tensor(parameter.data, name)
    return module


def lay_out_tensor(tensor: Tensor, name: FormatName) -> Tensor:
    """A tensor of four or five axes in a format; of others itself."""
    if name == "channels-last" and tensor.dim() == 4:
        return tensor.contiguous(memory_format=torch.channels_last)
    if name == "channels-last" and tensor.dim() == 5:
        return tensor.contiguous(memory_format=torch.channels_last_3d)
    return tensor.contiguous()


def _run_ms(call: Callable[..., Output], inputs: Inputs) -> float:
    start = time.perf_counter()
    output = call(*inputs)
    if inputs and inputs[0].is_cuda:
        torch.cuda.synchronize(inputs[0].device)
    del output
    return 1e3 * (time.perf_counter() - start)
