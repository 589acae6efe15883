"""One step of training as a call: forward, loss, backward, update."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from epam.backends.backend import DTYPES, Inputs, Precision
from epam.streams import training_losses

LEARNING_RATE = 1e-6
"""So small that thousands of steps on one batch leave the weights, and so the time, as they were."""

MOMENTUM = 0.9


def build_training_call(
    model: nn.Module, inputs: Inputs, *, num_classes: int, precision: Precision
) -> Callable[[], None]:
    """A step on these inputs and drawn labels; the model is switched to training mode.

    Half precision is autocast's, as in ``epam-train``: weights and their update stay float32.
    """
    device = inputs[0].device
    generator = torch.Generator().manual_seed(0)
    labels = torch.randint(num_classes, (len(inputs[0]),), generator=generator).to(device)
    model.train().requires_grad_(True)
    optimizer = torch.optim.SGD(model.parameters(), lr=LEARNING_RATE, momentum=MOMENTUM)

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with autocast(device, precision):
            output = model(*inputs)
        loss = torch.stack(list(training_losses(output, labels).values())).sum()
        loss.backward()
        optimizer.step()

    return step


def build_evaluation_call(model: nn.Module, precision: Precision) -> Callable[..., Tensor]:
    """The same network's logits in evaluation mode, to be compared before it is trained."""
    model.eval()

    def evaluate(*inputs: Tensor) -> Tensor:
        with torch.no_grad(), autocast(inputs[0].device, precision):
            logits: Tensor = model(*inputs)
        return logits

    return evaluate


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """Autocast to the precision; switched off for float32."""
    return torch.autocast(device.type, dtype=DTYPES[precision], enabled=precision != "fp32")
