"""Tensors to arrays and back, for engines that know nothing of PyTorch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from epam.backends.backend import Output
from epam.epam_net import EPAMLogits

if TYPE_CHECKING:
    from numpy.typing import NDArray


def as_array(tensor: Tensor) -> NDArray:
    """The tensor's own memory as an array, copied only where it is not in C order."""
    return tensor.detach().contiguous().numpy()


def as_output(arrays: Sequence[NDArray]) -> Output:
    """Logits of a network's outputs, copied: an engine's next call writes over its own.

    One output is ``(N, K)`` logits, two are those of EPAM-Net's streams.
    """
    logits = [torch.from_numpy(array.copy()) for array in arrays]
    return logits[0] if len(logits) == 1 else EPAMLogits(*logits)
