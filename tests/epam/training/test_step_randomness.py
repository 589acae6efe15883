from __future__ import annotations

import random

import numpy as np
import torch

from epam.training.step_randomness import seed_step


def draw(seed: int, step: int, rank: int = 0) -> tuple[float, float, float]:
    seed_step(seed, step, rank)
    return float(torch.rand(())), float(np.random.rand()), random.random()  # noqa: NPY002


def test_a_step_draws_the_same_whatever_was_drawn_before() -> None:
    first = draw(100, 7)
    torch.rand(1000), random.random()
    assert draw(100, 7) == first


def test_seeds_steps_and_processes_draw_differently_from_every_generator() -> None:
    draws = [draw(100, 7), draw(101, 7), draw(100, 8), draw(100, 7, 1), draw(7, 100)]
    for generator in zip(*draws, strict=True):
        assert len(set(generator)) == len(draws)
