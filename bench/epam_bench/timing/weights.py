"""Fresh weights with which every part of a network matters to its logits."""

from __future__ import annotations

import random

import numpy as np
import torch
from torch import nn

from epam_baselines import ModelSpec

NORMS = (nn.modules.batchnorm._BatchNorm, nn.LayerNorm, nn.GroupNorm)


def build_lively(spec: ModelSpec, *, seed: int = 0) -> nn.Module:
    """The network in evaluation mode, the same in every process that asks with the same seed.

    A fresh network's norms have seen nothing and scale nothing, and some branches end in a gain of zero:
    a form that dropped them would give the same logits. So gains, means and variances are drawn.
    """
    with torch.random.fork_rng(devices=[]):
        # A network of the user's may draw from any of the three.
        random.seed(seed)
        np.random.seed(seed)  # noqa: NPY002  # what others' code draws from
        torch.manual_seed(seed)
        model = spec.build(num_classes=spec.num_classes).eval()
        with torch.no_grad():
            draw_norms(model)
    return model


def draw_norms(model: nn.Module) -> None:
    """Draw every norm's gain, shift, mean and variance, and what else is all zero."""
    for part in model.modules():
        if isinstance(part, NORMS):
            _draw_norm(part)
    for name, parameter in model.named_parameters():
        if not name.endswith("bias") and parameter.is_floating_point() and not parameter.any():
            nn.init.normal_(parameter, std=0.05)


def _draw_norm(norm: nn.Module) -> None:
    gain, shift = getattr(norm, "weight", None), getattr(norm, "bias", None)
    if gain is not None:
        nn.init.uniform_(gain, 0.5, 1.5)
    if shift is not None:
        nn.init.normal_(shift, std=0.1)
    mean, variance = getattr(norm, "running_mean", None), getattr(norm, "running_var", None)
    if mean is not None and variance is not None:
        nn.init.normal_(mean, std=0.1)
        nn.init.uniform_(variance, 0.5, 1.5)
