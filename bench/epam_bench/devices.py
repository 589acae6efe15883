"""Where and how a network is timed: the setting, checked before the first model is built."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch

from epam.backends.backend import DTYPES
from epam.devices import check_device
from epam.errors import InputError, UnknownNameError
from epam_bench.records import Precision


@dataclass(frozen=True)
class Setting:
    """Device, precision, batch and threads of one timing.

    Raises:
        UnknownNameError: an unknown precision.
        InputError: a device that this machine lacks, or a count below 1.
    """

    device: str = "cpu"
    precision: Precision = "fp32"
    batch_size: int = 1
    threads: int = 1

    def __post_init__(self) -> None:
        if self.precision not in DTYPES:
            raise UnknownNameError("precision", self.precision, DTYPES)
        if self.batch_size < 1:
            raise InputError(f"batch size {self.batch_size}: at least 1 is needed")
        if self.threads < 1:
            raise InputError(f"{self.threads} threads: at least 1 is needed")
        check_device(self.device)

    @property
    def dtype(self) -> torch.dtype:
        """Of weights and inputs both; of an int8 network, before it is quantised."""
        return DTYPES[self.precision]

    @property
    def uses_cuda(self) -> bool:
        """Whether calls return before the device is done."""
        return torch.device(self.device).type == "cuda"

    def synchronise(self) -> None:
        """Wait until the device has done everything asked of it."""
        if self.uses_cuda:
            torch.cuda.synchronize(self.device)


@contextmanager
def honest_arithmetic(setting: Setting) -> Iterator[None]:
    """Set the threads, and make fp32 mean fp32; both are put back afterwards.

    By default PyTorch lets CUDA convolutions round their inputs to TF32's ten-bit mantissa.
    """
    threads = torch.get_num_threads()
    convolution = torch.backends.cudnn.conv  # type: ignore[attr-defined]  # made at run time
    matmul = torch.backends.cuda.matmul
    before = convolution.fp32_precision, matmul.fp32_precision
    torch.set_num_threads(setting.threads)
    if setting.uses_cuda:
        convolution.fp32_precision = matmul.fp32_precision = "ieee"
    try:
        yield
    finally:
        torch.set_num_threads(threads)
        if setting.uses_cuda:
            convolution.fp32_precision, matmul.fp32_precision = before
