"""The forms in which a training step can be timed: the 3-D twin, the network as it is, and epam-train's."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import nn

from epam.errors import UnknownNameError
from epam.reference import build_twin
from epam.training.freed_memory import keep_freed_memory

TrainingForm = Literal["reference", "eager", "fused"]


def prepare_training(model: nn.Module, form: TrainingForm) -> nn.Module:
    """Make a network ready for training steps in a form; the weights are the model's own, or equal.

    Args:
        model: in training mode, on its device.
        form: ``reference``, the 3-D twin; ``eager``, the network as it is built; ``fused``, as
            ``epam-train`` trains it: weights in channels-last order, and on a CPU the memory of one step
            kept for the next, which holds for the process from then on.

    Raises:
        UnknownNameError: another form.
        InputError: the reference of a network that has none.
    """
    match form:
        case "reference":
            return build_twin(model)
        case "eager":
            return model
        case "fused":
            if next(model.parameters()).device.type == "cpu":
                keep_freed_memory()
            return in_channels_last(model)
    raise UnknownNameError("training form", form, get_args(TrainingForm))


def in_channels_last(module: nn.Module) -> nn.Module:
    """Lay out the weights of 2-D convolutions as they compute fastest; those of 3-D ones stay.

    Activations follow the weights' order, whatever the clip's is.
    """
    for parameter in module.parameters():
        if parameter.dim() == 4:
            parameter.data = parameter.data.contiguous(memory_format=torch.channels_last)
    return module
