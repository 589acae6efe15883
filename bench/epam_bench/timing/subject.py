"""What is timed: a model in one form, and which of the forms that are asked for there are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import nn

from epam.backends.backend import BackendError
from epam.backends.optimized_model import check_backend
from epam.backends.registry import find_backend
from epam.devices import check_device
from epam.epam_net import EPAMNet
from epam.errors import InputError, UnknownNameError
from epam.x_shiftnet import XShiftNetRecognizer
from epam_baselines import ModelSpec
from epam_bench.records import Precision, Task

REFERENCE = "reference"
"""The backend that runs a network's plain 3-D twin, which ratios are to."""

TRAINING_FORMS = (REFERENCE, "eager", "fused")
"""The forms in which a network can be trained; the others only infer."""

TRAINING_PRECISIONS = ("fp32", "bf16")


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """One model in one form on one device; another one of the same is another subject.

    Attributes:
        l2_cold: whether caches are emptied before every call.
    """

    spec: ModelSpec
    backend: str = "eager"
    precision: Precision = "fp32"
    batch_size: int = 1
    task: Task = "inference"
    device: str = "cpu"
    threads: int = 1
    l2_cold: bool = False

    @property
    def label(self) -> str:
        """How a message calls it: the model, and what is not as usual."""
        unusual = (
            (self.backend, self.backend != "eager"),
            (self.precision, self.precision != "fp32"),
            (f"batch {self.batch_size}", self.batch_size != 1),
            (self.task, self.task != "inference"),
        )
        return ", ".join((self.spec.name, *(text for text, told in unusual if told)))

    @property
    def network(self) -> tuple[object, ...]:
        """What subjects share that are forms of one network on the same inputs."""
        return self.spec.name, tuple(self.spec.inputs.items()), self.batch_size, self.device


@dataclass(frozen=True)
class SubjectPlan:
    """What can be timed of what was asked for.

    Attributes:
        remarks: a line for each combination that cannot be timed here, and for what is timed besides.
    """

    subjects: tuple[Subject, ...]
    remarks: tuple[str, ...] = ()


def plan_subjects(
    specs: Sequence[ModelSpec],
    *,
    backends: Sequence[str] = ("eager",),
    precisions: Sequence[str] = ("fp32",),
    batch_sizes: Sequence[int] = (1,),
    task: Task = "inference",
    device: str = "cpu",
    threads: int = 1,
    l2_cold: bool = False,
) -> SubjectPlan:
    """Cross models, batch sizes, backends and precisions, forms of one network next to each other.

    Where a network with a twin is asked for in several backends, the twin is timed too.

    Raises:
        UnknownNameError: no such backend, precision or kind of device.
        InputError: a device that this machine lacks, a count below 1, or nothing that can be timed.
    """
    where = check_device(device)
    for what, count in (("batch size", min(batch_sizes)), ("threads", threads)):
        if count < 1:
            raise InputError(f"{what} {count}: at least 1 is needed")
    usable, remarks = _usable_forms(backends, precisions, task, where)
    subjects: list[Subject] = []
    for spec in specs:
        forms, told = _forms_of(spec, usable, alone=len(backends) == 1)
        remarks.extend(told)
        subjects.extend(
            Subject(
                spec=spec,
                backend=backend,
                precision=precision,
                batch_size=batch_size,
                task=task,
                device=device,
                threads=threads,
                l2_cold=l2_cold,
            )
            for batch_size in batch_sizes
            for backend, precision in forms
        )
    remarks = list(dict.fromkeys(remarks))
    if not subjects:
        raise InputError("; ".join(remarks) or "no model to time")
    return SubjectPlan(tuple(subjects), tuple(remarks))


Form = tuple[str, Precision]


def _usable_forms(
    backends: Sequence[str], precisions: Sequence[str], task: Task, device: torch.device
) -> tuple[list[Form], list[str]]:
    usable: list[Form] = []
    remarks: list[str] = []
    for backend, precision in product(dict.fromkeys(backends), dict.fromkeys(precisions)):
        try:
            _check_form(backend, precision, task, device)
        except BackendError as error:
            remarks.append(str(error))
        else:
            usable.append((backend, precision))  # type: ignore[arg-type]  # it was just checked
    return usable, remarks


def _check_form(backend: str, precision: str, task: Task, device: torch.device) -> None:
    """Raise BackendError where this backend lacks what is asked, UnknownNameError where nobody has it."""
    chosen = find_backend(backend)
    if task == "inference":
        check_backend(chosen, precision=precision, device=device)
        return
    if backend not in TRAINING_FORMS:
        raise BackendError(f"backend {backend}: cannot train; {', '.join(TRAINING_FORMS)} can")
    if precision not in ("fp32", "bf16", "fp16", "int8"):
        raise UnknownNameError("precision", precision, TRAINING_PRECISIONS)
    if precision not in TRAINING_PRECISIONS:
        raise BackendError(f"training in {precision}: not timed; {' and '.join(TRAINING_PRECISIONS)} are")


def _forms_of(spec: ModelSpec, usable: Sequence[Form], *, alone: bool) -> tuple[list[Form], list[str]]:
    """The forms that this network has, its twin first where it stands beside others."""
    network = _without_weights(spec)
    refusals = dict(_refusals(network, usable))
    forms = [form for form in usable if form[0] not in refusals]
    remarks = [f"{spec.name}: backend {name}: {reason}" for name, reason in refusals.items()]
    twin: Form = (REFERENCE, "fp32")
    if alone or not _has_twin(network):
        return forms, remarks
    if twin not in forms:
        remarks.append(f"{spec.name}: its plain 3-D twin (reference) is timed too, for ratios to be to it")
    return [twin, *(form for form in forms if form != twin)], remarks


def _refusals(network: nn.Module | None, forms: Sequence[Form]) -> Iterator[tuple[str, str]]:
    for name in dict.fromkeys(backend for backend, _ in forms):
        if network is None or (name == REFERENCE and _has_twin(network)):
            continue
        if reason := find_backend(name).refuses(network):
            yield name, reason


def _has_twin(network: nn.Module | None) -> bool:
    """Whether the network is EPAM-Net or one of its streams: its twin is not built only to be asked."""
    return isinstance(network, EPAMNet | XShiftNetRecognizer)


def _without_weights(spec: ModelSpec) -> nn.Module | None:
    """The network on the meta device, only to be asked what it is; none where it cannot be made so."""
    try:
        with torch.random.fork_rng(devices=[]), torch.device("meta"):
            return spec.build(num_classes=spec.num_classes).eval()
    # Whatever keeps it from being made, its own process will say it, on its own row.
    except Exception:
        return None
