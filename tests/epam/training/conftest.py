"""What tests of training share: a manifest of small trained weights, and several processes of one run."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from epam.training.recipe import load_recipe
from epam.training.trained_model import TrainedModel, TrainedRecipe

SHA = "0123456789abcdef" * 4
SECONDS = 120

Outputs = list[subprocess.CompletedProcess[str]]


@pytest.fixture
def describe_training() -> Callable[..., TrainedModel]:
    """Build a manifest as a run of ``tiny_pose`` would, with the given fields instead."""

    def describe(**fields: Any) -> TrainedModel:
        recipe = load_recipe("tiny_pose")
        facts = {
            "weights_sha256": SHA,
            "model": recipe.model.name,
            "options": recipe.model.options,
            "num_classes": 12,
            "clip": recipe.clip,
            "dataset": "embedded",
            "protocol": "xsub",
            "split_sha256": SHA,
            "label_map_sha256": SHA,
            "recipe": TrainedRecipe.of(recipe),
            "epoch": 3,
            "step": 144,
            "metrics": {"pose/top1": 0.5},
            "versions": {"torch": "2.10.0"},
            "threads": 1,
        }
        return TrainedModel(**{**facts, **fields})

    return describe


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@pytest.fixture
def run_together() -> Callable[[str, int], Outputs]:
    """Run a program in several processes that can meet, as torchrun does; what each printed, by rank."""

    def run(code: str, world_size: int) -> Outputs:
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free_port()), "WORLD_SIZE": str(world_size)}
        started = [
            subprocess.Popen(
                [sys.executable, "-c", code],
                env=os.environ | place | {"RANK": str(rank), "LOCAL_RANK": str(rank), "OMP_NUM_THREADS": "1"},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in range(world_size)
        ]
        try:
            texts = [process.communicate(timeout=SECONDS) for process in started]
        finally:
            for process in started:
                process.kill()
                process.wait()
        return [
            subprocess.CompletedProcess(process.args, process.returncode, out, err)
            for process, (out, err) in zip(started, texts, strict=True)
        ]

    return run
