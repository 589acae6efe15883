"""From a batch to a change of the weights: forward, backward, accumulate, clip, update."""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from epam.data.clip_dataset import ClipBatch
from epam.errors import EpamError, InputError, printable
from epam.streams import stream_logits, training_losses
from epam.training.distributed import Processes, keep_gradients_local
from epam.training.recipe import Precision, Recipe

SMALLEST_SCALE = 1.0
"""fp16 gradients that overflow at this loss scale would overflow at any: the run has diverged."""

LISTED_SAMPLES = 32
"""A message names this many samples, then counts the rest."""


class TrainingDiverged(EpamError):  # noqa: N818 - what happened, as ``EpamError``'s others tell a problem
    """A loss, a gradient or a weight that is not finite.

    Attributes:
        samples: ids of the clips that it came from, of all processes; empty for a weight.
    """

    def __init__(self, what: str, samples: Sequence[str] = ()) -> None:
        self.samples = tuple(samples)
        more = len(samples) - LISTED_SAMPLES
        names = ", ".join(map(printable, samples[:LISTED_SAMPLES])) + (
            f" and {more} more" if more > 0 else ""
        )
        super().__init__(
            what
            + (f"; its clips: {names}" if samples else "")
            + "; look at them, or lower optimizer.learning_rate; last and best are from before"
        )


@dataclass(frozen=True, kw_only=True)
class StepOutcome:
    """One step, over the clips of all processes.

    Attributes:
        samples: clips.
        loss_sum: of the clips' losses.
        hits: clips whose best class, by the first stream, is the label.
        gradient_norm: global L2 norm before clipping; none where the weights did not change.
    """

    samples: int = 0
    loss_sum: float = 0.0
    hits: int = 0
    gradient_norm: float | None = None


@dataclass
class PendingUpdate:
    """Steps since the weights last changed.

    Attributes:
        samples: their clips, over all processes; the gradients are a sum over these.
        names: ids of this process's.
    """

    samples: int = 0
    names: list[str] = field(default_factory=list)


class GradientSteps:
    """A network, its optimizer, and the arithmetic between them.

    ::

        batch ─ forward ─ Σ streams' cross-entropy ─ backward ─┬─ (more steps of the update)
                                                               └─ mean ─ clip ─ SGD

    The gradient of an update is the mean over all its clips, of all steps and processes, each
    counted once: several small batches do what a large one does, also where one of them is short.

    Args:
        module: with its weights, on the processes' device, in the memory format to train in.
        recipe: optimizer, precision, batch size and clipping.
        processes: those that share the batch.
        default_stream: name of the logits where the network has one stream.

    Raises:
        InputError: a precision that the device cannot train in.
    """

    def __init__(
        self, module: nn.Module, recipe: Recipe, processes: Processes, *, default_stream: str
    ) -> None:
        self.module = module
        self.processes = processes
        self.pending = PendingUpdate()
        self._network = processes.in_step(module)
        self._default_stream = default_stream
        self._batch_size = recipe.training.batch_size
        self._clip_norm = recipe.training.clip_norm
        self._dtype = _autocast_dtype(recipe.training.precision, processes.device)
        self.scaler = torch.amp.GradScaler(processes.device.type, enabled=self._dtype is torch.float16)
        self.optimizer = torch.optim.SGD(
            [parameter for parameter in module.parameters() if parameter.requires_grad],
            lr=recipe.optimizer.learning_rate,
            momentum=recipe.optimizer.momentum,
            weight_decay=recipe.optimizer.weight_decay,
            nesterov=recipe.optimizer.nesterov,
        )

    def take(self, batch: ClipBatch, *, learning_rate: float, updates: bool) -> StepOutcome:
        """Make one step.

        A batch without clips adds nothing. (With several processes all of them need clips, or none
        has any: DDP averages what each has.)

        Args:
            batch: this process's clips.
            learning_rate: used if the weights change.
            updates: whether they do, after this step.

        Raises:
            TrainingDiverged: loss or gradient is not finite, in every process alike; the weights
                did not change.
        """
        loss_sum, hits = self._accumulate(batch, last=updates) if batch.samples else (0.0, 0)
        self.pending.names += batch.samples
        totals = self.processes.total([loss_sum, hits, len(batch.samples)])
        if not math.isfinite(totals[0]):
            raise self._diverged("the loss", batch.samples if not math.isfinite(loss_sum) else [])
        self.pending.samples += int(totals[2])
        norm = self._update(learning_rate) if updates and self.pending.samples else None
        if updates:
            self.pending = PendingUpdate()
        return StepOutcome(
            samples=int(totals[2]), loss_sum=totals[0], hits=int(totals[1]), gradient_norm=norm
        )

    def _accumulate(self, batch: ClipBatch, *, last: bool) -> tuple[float, int]:
        """Add the gradients of a batch's clips; returns the sum of their losses, and the hits."""
        device = self.processes.device
        inputs = [tensor.to(device, non_blocking=True) for tensor in batch.inputs]
        labels = batch.labels.to(device, non_blocking=True)
        with nullcontext() if last else keep_gradients_local(self._network):
            with torch.autocast(device.type, self._dtype, enabled=self._dtype is not None):
                output = self._network(*inputs)
                losses = training_losses(output, labels, default=self._default_stream)
                loss = torch.stack(list(losses.values())).sum()
            self.scaler.scale(loss * (len(batch.samples) / self._batch_size)).backward()
        logits = next(iter(stream_logits(output, default=self._default_stream).values()))
        # One wait for the device, not two.
        mean_loss, hits = torch.stack([loss.detach().double(), _count_hits(logits, labels)]).tolist()
        return mean_loss * len(batch.samples), int(hits)

    def _update(self, learning_rate: float) -> float:
        """Turn the sum of gradients into their mean, clip it, and change the weights."""
        self.scaler.unscale_(self.optimizer)
        self._average()
        parameters = [parameter for parameter in self.module.parameters() if parameter.grad is not None]
        norm = float(nn.utils.clip_grad_norm_(parameters, self._clip_norm))
        overflow_expected = self.scaler.is_enabled() and self.scaler.get_scale() > SMALLEST_SCALE
        if not (math.isfinite(norm) or overflow_expected):
            raise self._diverged("the gradient's norm", self.pending.names)
        for group in self.optimizer.param_groups:
            group["lr"] = learning_rate
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad(set_to_none=True)
        return norm

    def _average(self) -> None:
        """Each step weighed its mean by clips / batch size, and DDP took the mean over processes."""
        factor = self._batch_size * self.processes.world_size / self.pending.samples
        if factor != 1:
            gradients = [p.grad for p in self.module.parameters() if p.grad is not None]
            torch._foreach_mul_(gradients, factor)

    def _diverged(self, what: str, own_samples: list[str]) -> TrainingDiverged:
        samples = [name for names in self.processes.gather(own_samples) for name in names]
        return TrainingDiverged(f"{what} is not finite", samples)


def _count_hits(logits: Tensor, labels: Tensor) -> Tensor:
    return (logits.detach().argmax(dim=1) == labels).sum().double()


def _autocast_dtype(precision: Precision, device: torch.device) -> torch.dtype | None:
    if precision == "fp16" and device.type != "cuda":
        raise InputError(
            f"training.precision is fp16 and the device {device}: half floats train on a GPU; "
            "use --device cuda, or bf16 or fp32"
        )
    return {"fp32": None, "bf16": torch.bfloat16, "fp16": torch.float16}[precision]
