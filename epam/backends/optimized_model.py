"""`epam.optimize`: a trained network made ready to run fast, by the name of a backend."""

from __future__ import annotations

import copy
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from epam.backends.backend import Backend, BackendError, Inputs, Output, Precision, Prepared, Request
from epam.backends.registry import find_backend
from epam.devices import check_device
from epam.epam_net import EPAMNet
from epam.errors import EpamError, InputError, UnknownNameError
from epam.x_shiftnet import XShiftNetRecognizer

PUBLISHED_SHAPES = {"rgb": (1, 3, 16, 224, 224), "pose": (1, 17, 48, 56, 56)}
"""One clip as the paper has it."""


@dataclass(frozen=True, kw_only=True, eq=False)
class OptimizedModel:
    """A network ready to run; call it as the network itself.

    Attributes:
        backend: what runs it.
        precision: of its arithmetic.
        device: where inputs come from and logits go to.
        shapes: of the inputs that it takes.
        preparation_seconds: what making it ready took; compiling is in it, running it and writing into the
            cache are not.
        notes: sentences that a figure of it must be read with.
    """

    prepared: Prepared
    backend: str
    precision: Precision
    device: torch.device
    shapes: tuple[tuple[int, ...], ...]
    preparation_seconds: float

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences that a figure of it must be read with."""
        return self.prepared.notes

    def __call__(self, *inputs: Tensor) -> Output:
        """Float32 inputs of ``shapes`` to float32 logits, as the network's own ``forward``.

        Raises:
            InputError: inputs of other shapes than it was made ready for, of another type or elsewhere.
        """
        shapes = tuple(tuple(tensor.shape) for tensor in inputs)
        if shapes != self.shapes:
            raise InputError(
                f"inputs of shapes {shapes}: this network was made ready for {self.shapes}; call "
                "epam.optimize again with example_inputs of the new shapes"
            )
        for tensor in inputs:
            if tensor.dtype is not torch.float32 or tensor.device.type != self.device.type:
                raise InputError(
                    f"an input of {tensor.dtype} on {tensor.device}: this network takes float32 on "
                    f"{self.device}, whatever it computes in; convert it with .to()"
                )
        return self.prepared.call(*inputs)


def optimize(
    model: nn.Module,
    *,
    backend: str = "fused",
    precision: Precision = "fp32",
    example_inputs: Sequence[Tensor] | None = None,
    device: str | torch.device = "cpu",
    threads: int | None = None,
    calibration: Iterable[Sequence[Tensor]] = (),
    cache: Path | None = None,
) -> OptimizedModel:
    """Make a trained network ready to run fast, for inputs of one shape; the network is not changed.

    Args:
        model: with its weights; it is run as in evaluation mode.
        backend: one of :func:`epam.backends.list_backends`.
        precision: of the arithmetic.
        example_inputs: tensors of the shapes to make it ready for, in the order of ``forward``; none:
            one clip of the paper's size, for EPAM-Net and its two streams.
        device: ``cpu``, ``cuda`` or ``cuda:N``.
        threads: of a CPU; none: as many as PyTorch uses.
        calibration: for int8, some dozens of real inputs.
        cache: a folder for this same network, weights, shapes, backend, precision and calibration alone,
            which is not checked: OpenVINO and ONNX Runtime keep their converted network there, and the
            next call that is given it finds it. None: it is converted anew.

    Raises:
        UnknownNameError: no such backend or precision.
        BackendError: the backend lacks a library (the message says what to install), the precision or
            the device, or cannot run this network.
        InputError: no example inputs for a network of other inputs than the paper's, or such as it cannot
            take; weights that are not finite; fewer than one thread.
    """
    if threads is not None and threads < 1:
        raise InputError(f"threads {threads}: at least 1 is needed")
    chosen = find_backend(backend)
    where = check_device(str(device))
    check_backend(chosen, precision=precision, device=where)
    _check_finite(model)
    network = copy.deepcopy(model).to(device=where, dtype=torch.float32).eval().requires_grad_(False)
    if reason := chosen.refuses(network):
        raise BackendError(f"backend {backend}: {reason}")
    inputs = _published_inputs(model) if example_inputs is None else tuple(example_inputs)
    given = _on(where, inputs)
    _check_shapes(network, given)
    samples = tuple(_on(where, sample) for sample in calibration) if precision == "int8" else ()
    if precision == "int8" and not samples:
        raise BackendError(
            f"backend {backend}: int8 needs real inputs to find the ranges of its numbers; give calibration="
        )
    request = Request(
        example_inputs=given,
        device=where,
        precision=precision,
        threads=threads or torch.get_num_threads(),
        calibration=samples,
        cache=cache,
    )
    start = time.perf_counter()
    with torch.inference_mode():
        prepared = chosen.prepare(network, request)
    seconds = time.perf_counter() - start - prepared.keeping_seconds
    return OptimizedModel(
        prepared=prepared,
        backend=backend,
        precision=precision,
        device=where,
        shapes=tuple(tuple(tensor.shape) for tensor in given),
        preparation_seconds=seconds,
    )


def check_backend(backend: Backend, *, precision: str, device: torch.device) -> None:
    """Raise unless the backend can compute in that precision on that device, here.

    Raises:
        UnknownNameError: no backend knows the precision.
        BackendError: this one lacks it, or the device, or a library.
    """
    known = ("fp32", "bf16", "fp16", "int8")
    if precision not in known:
        raise UnknownNameError("precision", precision, known)
    if device.type not in backend.precisions:
        raise BackendError(
            f"backend {backend.name}: does not run on {device.type}, only on {', '.join(backend.precisions)}"
        )
    if precision not in backend.precisions[device.type]:
        raise BackendError(
            f"backend {backend.name}: has no {precision} on {device.type}; it has "
            f"{', '.join(backend.precisions[device.type])}"
        )
    if missing := backend.missing():
        raise BackendError(f"backend {backend.name}: {missing}")


def _check_finite(model: nn.Module) -> None:
    """Refuse weights that no backend could be held to: what is compared with not a number is never equal."""
    statistics = [item for item in model.named_buffers() if item[0].endswith(("running_mean", "running_var"))]
    for name, tensor in (*model.named_parameters(), *statistics):
        if not torch.isfinite(tensor).all():
            raise InputError(f"{type(model).__name__}: {name} is not finite; check the checkpoint's training")


def _check_shapes(network: nn.Module, inputs: Inputs) -> None:
    """Refuse inputs that the network itself cannot take; mostly no number is computed for it."""
    try:
        with torch.inference_mode():
            copy.deepcopy(network).to("meta")(*(tensor.to("meta") for tensor in inputs))
    except EpamError:
        raise
    # A forward that makes tensors of its own, or has operations without a form for shapes alone: run it.
    except Exception:
        _run_once(network, inputs)


def _run_once(network: nn.Module, inputs: Inputs) -> None:
    try:
        with torch.inference_mode():
            network(*inputs)
    # Whatever its forward raises at inputs that do not fit.
    except Exception as error:
        shapes = ", ".join(str(tuple(tensor.shape)) for tensor in inputs)
        reason = str(error).partition("\n")[0]
        raise InputError(
            f"{type(network).__name__}: cannot take inputs of shapes {shapes} ({reason}); give tensors "
            "in the order and of the shapes of its forward"
        ) from error


def _published_inputs(model: nn.Module) -> Inputs:
    if isinstance(model, EPAMNet):
        return torch.zeros(PUBLISHED_SHAPES["rgb"]), torch.zeros(PUBLISHED_SHAPES["pose"])
    if isinstance(model, XShiftNetRecognizer):
        return (torch.zeros(PUBLISHED_SHAPES[model.stream]),)
    raise InputError(
        f"{type(model).__name__}: give example_inputs, tensors of the shapes that it is to take; only "
        "EPAM-Net and its two streams have a published size to fall back on"
    )


def _on(device: torch.device, sample: Sequence[Tensor]) -> Inputs:
    """Float32, on the device; the caller's own tensors where they are that already."""
    return tuple(tensor.detach().to(device, torch.float32) for tensor in sample)
