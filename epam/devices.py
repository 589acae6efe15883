"""The device that a name such as ``cuda:1`` means, if this machine has it."""

from __future__ import annotations

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
