"""Run by test_checkpoint_folder.py: writers killed at random moments, and what a reader then finds.

One process forks them all, because importing torch for each would take most of the time. Prints one
JSON line: how many were killed, and a list of what was not as promised.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch
from torch import nn

from epam.checkpoints import load_checkpoint
from epam.training.checkpoint_folder import CheckpointFolder
from epam.training.trained_model import TrainedModel, read_trained_model

SAVES = 400
"""A writer ends by itself after so many, should nobody kill it."""


def write_states(folder: CheckpointFolder, first: int, template: TrainedModel, told: int) -> None:
    module = nn.Linear(16, 16)
    for step in range(first, first + SAVES):
        nn.init.constant_(module.weight, step)
        folder.save_state({"weight": module.weight, "bias": module.bias}, {"step": step}, step=step)
        os.write(told, f"{step}\n".encode())
        folder.save_model("last", module, template.model_copy(update={"step": step}))


def complaints_of(folder: CheckpointFolder, written: int) -> list[str]:
    """What is not as it must be, ``written`` being the last step that the writer said was saved."""
    found = []
    state = folder.load_newest()
    if state is None or state.step not in (written, written + 1):
        found.append(f"step {written} was saved, and {state and state.step} is found")
    elif state.complaints:
        found.append(state.complaints[0])
    elif state.facts["step"] != state.step or not bool((state.tensors["weight"] == state.step).all()):
        found.append(f"step {state.step} holds another step's contents")
    last = folder.run / "last.safetensors"
    if last.exists():
        manifest, module = read_trained_model(last), nn.Linear(16, 16)
        load_checkpoint(module, last)
        if manifest is None or not bool((module.weight == manifest.step).all()):
            found.append("last's manifest is not that of its weights")
    return found


def main(run: Path, kills: int) -> None:
    torch.set_num_threads(1)
    draw = random.Random(0)
    folder = CheckpointFolder(run)
    template = TrainedModel.model_validate_json((run / "template.json").read_text())
    found: list[str] = []
    written = 0
    for _ in range(kills):
        read_end, write_end = os.pipe()
        child = os.fork()
        if child == 0:
            write_states(folder, written + 1, template, write_end)
            os._exit(0)
        os.close(write_end)
        with os.fdopen(read_end) as told:
            first = told.readline()
            time.sleep(draw.uniform(0, 0.04))
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            written = int((told.read().split() or [first])[-1])
        try:
            found += complaints_of(folder, written)
            state = folder.load_newest()
            written = state.step if state else written
        except Exception as error:
            found.append(f"{type(error).__name__}: {error}")
        # Every second run starts as training does; the others find what the killed one left.
        if draw.random() < 0.5:
            folder.clean_up()
    folder.clean_up()
    left = [path.name for path in run.rglob("*.tmp")]
    print(json.dumps({"killed": kills, "found": found, "left": left}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
