"""Everything that a run needs to go on as if it had never stopped: tensors by name, and facts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from pydantic import Field, NonNegativeInt, ValidationError
from torch import Tensor, nn

from epam.errors import CheckpointError, printable
from epam.training.checkpoint_folder import JSON, SavedState
from epam.training.gradient_steps import GradientSteps, PendingUpdate
from epam.training.strict_model import StrictModel, first_problem

MODEL, MOMENTUM, GRADIENT = "model/", "momentum/", "gradient/"
"""Prefixes of the three kinds of tensors; the rest is the name of a weight or buffer."""

MOMENTUM_ENTRY = "momentum_buffer"
"""Where PyTorch's SGD keeps a weight's momentum."""


class EpochSums(StrictModel):
    """What the log will say of the epoch that is being trained, over all processes.

    Attributes:
        loss: sum of the clips' losses.
        hits: clips predicted right, as they were trained on.
        samples: clips.
        skipped: samples that could not be used.
    """

    loss: float = 0.0
    hits: NonNegativeInt = 0
    samples: NonNegativeInt = 0
    skipped: NonNegativeInt = 0


class BestModel(StrictModel):
    """The evaluation that ``best`` is of.

    Attributes:
        metric: what models are compared by.
        value: its value; the first of equals is the best.
        epoch: from 1.
        step: steps made by then.
    """

    metric: str
    value: float
    epoch: NonNegativeInt
    step: NonNegativeInt


class TrainingFacts(StrictModel):
    """All of the state that is no tensor.

    What is random is no part of it: batches follow from (seed, epoch), clips from (seed, epoch,
    sample), dropout from (seed, step, process), the learning rate from the step.

    Attributes:
        step: steps made; an epoch has always the same number.
        evaluated: whether the epoch that ended with this step has been evaluated, if it was to be.
        sums: of the epoch so far.
        best: none before the first evaluation.
        pending_samples: clips whose gradients wait for an update of the weights.
        pending_names: their ids, to be named if the update diverges.
        scaler: of fp16's loss; empty for other precisions.
        log_position: lines of the log that belong to the run up to here.
        run: what must be the same for the run to be the same, by name.
        surroundings: what may change, and change the bits (versions, threads), by name.
    """

    step: NonNegativeInt = 0
    evaluated: bool = True
    sums: EpochSums = EpochSums()
    best: BestModel | None = None
    pending_samples: NonNegativeInt = 0
    pending_names: list[str] = Field(default_factory=list)
    scaler: dict[str, int | float] = Field(default_factory=dict)
    log_position: NonNegativeInt = 0
    run: dict[str, Any] = Field(default_factory=dict)
    surroundings: dict[str, str] = Field(default_factory=dict)


def read_facts(saved: SavedState) -> TrainingFacts:
    """The facts of a saved state.

    Raises:
        CheckpointError: not facts of this program's.
    """
    try:
        facts = TrainingFacts.model_validate(saved.facts)
    except ValidationError as error:
        raise CheckpointError(
            f"{saved.path}: not a state of this program's ({first_problem(error, TrainingFacts)}); start "
            "again with --overwrite, or in another folder"
        ) from None
    if facts.step != saved.step:
        raise CheckpointError(f"{saved.path}: says that it is of step {facts.step}; give it its name back")
    return facts


def facts_as_json(facts: TrainingFacts) -> dict[str, JSON]:
    """The facts as they are saved; :func:`read_facts` reads them back equal."""
    return facts.model_dump(mode="json")


def collect_tensors(steps: GradientSteps) -> dict[str, Tensor]:
    """Weights, buffers, momentum, and gradients that wait for an update; views, not copies."""
    tensors = {MODEL + name: value for name, value in steps.module.state_dict().items()}
    for name, parameter in steps.module.named_parameters():
        momentum = steps.optimizer.state.get(parameter, {}).get(MOMENTUM_ENTRY)
        if momentum is not None:
            tensors[MOMENTUM + name] = momentum
        if steps.pending.samples and parameter.grad is not None:
            tensors[GRADIENT + name] = parameter.grad
    return tensors


def restore(
    steps: GradientSteps, tensors: Mapping[str, Tensor], facts: TrainingFacts, *, origin: Path
) -> None:
    """Put a state back: each tensor in the memory format of its weight, as the optimizer made it.

    Args:
        steps: of a network that was built as the saved one was.
        tensors: of the state, on any device.
        facts: of the state.
        origin: the state's file, for messages.

    Raises:
        CheckpointError: tensors of another network; then the network must not be used.
    """
    parts = {prefix: _below(prefix, tensors) for prefix in (MODEL, MOMENTUM, GRADIENT)}
    parameters = dict(steps.module.named_parameters())
    _check_fits(parts[MODEL], steps.module.state_dict(), complete=True, origin=origin)
    for prefix in (MOMENTUM, GRADIENT):
        _check_fits(parts[prefix], parameters, complete=False, origin=origin)
    steps.module.load_state_dict(parts[MODEL])
    for name, value in parts[MOMENTUM].items():
        steps.optimizer.state[parameters[name]][MOMENTUM_ENTRY] = _laid_out_as(parameters[name], value)
    for name, value in parts[GRADIENT].items():
        parameters[name].grad = _laid_out_as(parameters[name], value)
    steps.pending = PendingUpdate(facts.pending_samples, list(facts.pending_names))
    if steps.scaler.is_enabled():
        # The interval between growths stays an integer: as a float, PyTorch's kernel refuses it.
        steps.scaler.load_state_dict(facts.scaler)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {key.removeprefix(prefix): value for key, value in tensors.items() if key.startswith(prefix)}


def _laid_out_as(parameter: nn.Parameter, value: Tensor) -> Tensor:
    """The same numbers in the weight's memory format: another one may round differently."""
    return torch.empty_like(parameter, requires_grad=False).copy_(value)


def _check_fits(
    found: Mapping[str, Tensor], wanted: Mapping[str, Tensor], *, complete: bool, origin: Path
) -> None:
    for name, value in found.items():
        if name not in wanted or wanted[name].shape != value.shape:
            expected = tuple(wanted[name].shape) if name in wanted else "nothing of that name"
            raise CheckpointError(
                f"{origin}: another network's state: {printable(name)} is {tuple(value.shape)}, the network "
                f"has {expected}; resume with the model that the run began with"
            )
    missing = [name for name in wanted if name not in found] if complete else []
    if missing:
        raise CheckpointError(
            f"{origin}: another network's state: {missing[0]} is missing, and {len(missing) - 1} more; "
            "resume with the model that the run began with"
        )
