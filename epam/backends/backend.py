"""What a backend is: a way to run a trained network, with what it needs and what it promises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, Protocol

import torch
from torch import Tensor, nn

from epam.epam_net import EPAMLogits
from epam.errors import InputError

Precision = Literal["fp32", "bf16", "fp16", "int8"]

Inputs = tuple[Tensor, ...]

Output = Tensor | EPAMLogits

DTYPES: dict[Precision, torch.dtype] = {
    "fp32": torch.float32,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
    "int8": torch.float32,
}
"""Of a network's floating-point weights; an int8 network is given as float32 and quantised."""


class BackendError(InputError):
    """A backend that cannot be used here: a library, precision, device or network that it lacks."""


@dataclass(frozen=True, kw_only=True)
class Request:
    """What a network is to be prepared for.

    Attributes:
        example_inputs: float32 tensors in the order of ``forward``, on ``device``; their shapes are
            the only ones that the prepared network need take.
        device: where inputs come from and logits go to.
        precision: of the arithmetic; inputs and logits are float32 whatever it is.
        threads: of a CPU.
        calibration: real inputs for post-training quantisation, each as ``example_inputs``; empty
            unless the precision is int8.
        cache: a folder that only forms of this same network, weights, shapes and precision are kept in, by
            one backend: what it finds there it need not make again. It need not exist.
    """

    example_inputs: Inputs
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    precision: Precision = "fp32"
    threads: int = 1
    calibration: tuple[Inputs, ...] = ()
    cache: Path | None = None


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """A network ready to run.

    Attributes:
        call: float32 inputs of the request's shapes to float32 logits, in the type that the network's
            own ``forward`` returns. Converting inputs and logits is part of the call.
        weights_bytes: what its weights take in the form that is run; none where that is not known.
        notes: sentences that a figure of it must be read with.
        spared_seconds: of preparing it, what need not be done where a cache has it.
        keeping_seconds: besides, what writing into the cache took.
    """

    call: Callable[..., Output]
    weights_bytes: int | None = None
    notes: tuple[str, ...] = ()
    spared_seconds: float = 0.0
    keeping_seconds: float = 0.0


class Backend(Protocol):
    """One way to run a network; an instance named ``BACKEND`` in a file of its own."""

    @property
    def name(self) -> str:
        """What is typed: ``onnxruntime``."""

    @property
    def summary(self) -> str:
        """One sentence: what it does to the network."""

    @property
    def precisions(self) -> Mapping[str, tuple[Precision, ...]]:
        """By kind of device (``cpu``, ``cuda``), what it can compute in; no entry: not on that device."""

    def missing(self) -> str | None:
        """What to install, as one line to type and why; none where everything is there. Imports little."""

    def refuses(self, model: nn.Module) -> str | None:
        """Why this network cannot be run, where that is known without trying; else none."""

    def prepare(self, model: nn.Module, request: Request) -> Prepared:
        """Make the network ready; ``model`` is in evaluation mode, float32, and is not changed.

        Raises:
            BackendError: it cannot be done, with the reason and what to do.
        """
