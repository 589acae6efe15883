"""The form in which a network is exported: plain tensors in and out, float32 whatever it computes in."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from epam.backends.backend import DTYPES, Precision
from epam.backends.frame_major import frame_major


class ExportForm(nn.Module):
    """A network that takes float32 clips and gives a tuple of float32 logits.

    Files know tensors alone: what our own types of logits are, their card has to say.

    Args:
        network: gives logits, or a tuple of them.
        dtype: that it computes in.
    """

    def __init__(self, network: nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.network = network.to(dtype)
        self.dtype = dtype

    def forward(self, *clips: Tensor) -> tuple[Tensor, ...]:
        """``(N, C, T, H, W)`` each → ``(N, K)`` each."""
        output = self.network(*(clip.to(self.dtype) for clip in clips))
        logits = output if isinstance(output, tuple) else (output,)
        return tuple(entry.float() for entry in logits)


def export_form(model: nn.Module, precision: Precision) -> ExportForm:
    """A copy of the network as it is exported; EPAM-Net and its streams in their frame-major form."""
    network = copy.deepcopy(model).float().cpu().eval().requires_grad_(False)
    return ExportForm(frame_major(network) or network, DTYPES[precision]).eval()
