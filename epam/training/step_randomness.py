"""What is random inside a step (dropout, mostly), as a function of seed, step and process."""

from __future__ import annotations

import random

import numpy as np
import torch


def seed_step(seed: int, step: int, rank: int = 0) -> None:
    """Seed the global generators of PyTorch (every device), NumPy and Python for one step.

    So no generator has a state to save: a step draws the same numbers whether the steps before it
    were made in this process or in one that was killed, and whatever an evaluation drew between.
    """
    sequence = np.random.SeedSequence([seed, step, rank])
    own, numpys, pythons = sequence.generate_state(3, np.uint64).tolist()
    # PyTorch takes the bits of a signed number.
    torch.manual_seed(own >> 1)
    np.random.seed(numpys & 0xFFFFFFFF)  # noqa: NPY002 - a user's network may draw from it
    random.seed(pythons)
