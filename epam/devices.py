"""The device that a name such as ``cuda:1`` means, if this machine has it, and how to compute on it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from epam.errors import InputError, UnknownNameError


def check_device(name: str) -> torch.device:
    """Return the device of that name.

    Args:
        name: ``cpu``, ``cuda`` or ``cuda:N``.

    Raises:
        UnknownNameError: another kind of device.
        InputError: not a device's name, or a device that this machine lacks.
    """
    kind = name.partition(":")[0]
    if kind not in ("cpu", "cuda"):
        raise UnknownNameError("device", name, ["cpu", "cuda"])
    try:
        device = torch.device(name)
    except RuntimeError:
        raise InputError(f"device {name!r}: write cpu, cuda, or cuda:0, cuda:1, …") from None
    if kind == "cuda":
        _check_cuda(name, device)
    return device


def _check_cuda(name: str, device: torch.device) -> None:
    if not torch.cuda.is_available():
        built = "without CUDA" if torch.version.cuda is None else f"for CUDA {torch.version.cuda}"
        raise InputError(
            f"device {name!r}: PyTorch finds no CUDA device on this machine (it was built {built}); "
            "use --device cpu, or check `nvidia-smi`"
        )
    if device.index is not None and device.index >= torch.cuda.device_count():
        raise InputError(
            f"device {name!r}: this machine has {torch.cuda.device_count()} CUDA device(s), numbered from 0"
        )


def cores_left_by(workers: int) -> int:
    """How many threads may compute beside so many busy workers, at least one.

    Threads that wait for each other at every layer lose more than a core to whoever shares one
    with a worker. ``OMP_NUM_THREADS`` and the like stay in force: never more than PyTorch's own choice.

    Args:
        workers: processes that load data, one thread each.
    """
    return max(1, min(torch.get_num_threads(), _usable_cores() - workers))


@contextmanager
def compute_threads(count: int) -> Iterator[None]:
    """Compute with so many threads while entered; what was set before comes back."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def repeatable_convolutions() -> Iterator[None]:
    """Let cuDNN take no algorithm whose bits differ from run to run; what was set before comes back."""
    cudnn = torch.backends.cudnn
    before = cudnn.deterministic, cudnn.benchmark
    cudnn.deterministic, cudnn.benchmark = True, False
    try:
        yield
    finally:
        cudnn.deterministic, cudnn.benchmark = before


def _usable_cores() -> int:
    """Cores that this process may run on, where the system says so."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
