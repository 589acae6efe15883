"""A network's forward pass taken apart beside this machine's peaks: one roofline, one record."""

from __future__ import annotations

import functools
import random
import time
from collections.abc import Callable, Sequence
from statistics import median

import torch
from torch import Tensor, nn

from epam.backends.backend import DTYPES, BackendError, Inputs
from epam.backends.equality import check_equality, describe_wrong_logits, reference_logits
from epam.epam_net import EPAMLogits
from epam_baselines import ModelSpec, example_inputs
from epam_bench.environment import describe_environment
from epam_bench.machine_load import busy_caveat, others_cpu_fraction, read_load
from epam_bench.model_card import describe_model
from epam_bench.records import MachinePeaks, OperationTime, Precision, RooflineRecord
from epam_bench.roofline.bounds import limits_of
from epam_bench.roofline.causes import name_causes
from epam_bench.roofline.operation import BETWEEN, OperationGroup, OperationPass, group_calls
from epam_bench.roofline.peaks import better_peaks, measure_peaks
from epam_bench.roofline.profilers import Profile, find_profiler
from epam_bench.timing.weights import build_lively

ENOUGH_COVERED = 0.9
"""Parts that sum to less of the whole leave too much unexplained, and the record says so."""

TOO_MUCH_COVERED = 1.15
"""Parts that sum to more were slowed by being taken apart, or by others."""

WARMUP_PASSES = 2

PEAK_DTYPES: dict[Precision, torch.dtype] = {**DTYPES, "int8": torch.int8}
"""Of the arithmetic whose peak an operation is held against."""

Report = Callable[[str], None]
"""Told in words what was just done, once a step."""


def count_steps(passes: int) -> int:
    """How often :func:`measure_roofline` reports."""
    return 4 + passes


class BuiltNetwork:
    """A network that several backends are asked for: built once, its reference logits worked out once.

    Args:
        spec: the network and its inputs.
        batch_size: clips a call.
        device: where its inputs are.
    """

    def __init__(self, spec: ModelSpec, *, batch_size: int = 1, device: str = "cpu") -> None:
        self.spec, self.batch_size, self.device = spec, batch_size, torch.device(device)

    @functools.cached_property
    def model(self) -> nn.Module:
        """With weights that let every part matter, on the CPU."""
        return build_lively(self.spec)

    @functools.cached_property
    def inputs(self) -> Inputs:
        """On the device."""
        return example_inputs(self.spec, self.batch_size, device=self.device)

    @functools.cached_property
    def reference(self) -> tuple[str, list[dict[str, Tensor]]]:
        """Name of the reference, and its logits in float64."""
        return reference_logits(self.model, [tuple(tensor.cpu() for tensor in self.inputs)])


def measure_roofline(
    network: BuiltNetwork,
    *,
    backend: str = "eager",
    precision: Precision = "fp32",
    threads: int = 1,
    passes: int = 10,
    peak_seconds: float = 4.0,
    report: Report = lambda done: None,
) -> RooflineRecord:
    """Time a network whole and taken apart, in turns, and hold each operation against the peaks.

    The peaks are measured before and after, in the same process, threads and precision; of each the
    better counts. Logits are compared with the reference first: nothing is said of a form that is wrong.

    Args:
        network: with its inputs, batch and device.
        backend: one that has a profiler.
        precision: of its arithmetic, and of the peak.
        threads: of a CPU.
        passes: of each kind.
        peak_seconds: that the peaks may take, each time.
        report: told after every step.

    Raises:
        BackendError: the backend is not to be had, cannot be taken apart, or gives other logits.
    """
    spec, where = network.spec, network.device
    profiler = find_profiler(backend, where.type)
    before_threads = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        profile = profiler.prepare(
            network.model,
            network.inputs,
            backend=backend,
            precision=precision,
            device=str(where),
            threads=threads,
        )
        try:
            report(f"{spec.name}: prepared by {backend}")
            _check_logits(network, profile, backend, precision)
            report(f"{spec.name}: logits compared")
            before = read_load()
            peaks = measure_peaks(where, PEAK_DTYPES[precision], seconds=peak_seconds)
            report("peaks measured")
            whole_ms = _take_turns(profile, where, passes, report)
            peaks = better_peaks(peaks, measure_peaks(where, PEAK_DTYPES[precision], seconds=peak_seconds))
            report("peaks measured again")
            others = others_cpu_fraction(before, read_load())
            taken = profile.passes()
            launch = profile.launch_microseconds
        finally:
            profile.close()
    finally:
        torch.set_num_threads(before_threads)
    if not taken:
        raise BackendError(f"{spec.name}: no two of its passes do the same operations, so none can be timed")
    if launch is not None:
        peaks = peaks.model_copy(update={"launch_microseconds": launch})
    groups = _with_the_rest(group_calls(taken), taken, whole_ms)
    record = RooflineRecord(
        model=describe_model(spec, network.model, spec.num_classes),
        environment=describe_environment(),
        device=str(where),
        precision=precision,
        batch_size=network.batch_size,
        backend=backend,
        threads=threads,
        peaks=peaks,
        operations=tuple(_to_operation(group, peaks) for group in groups),
        whole_ms=tuple(whole_ms),
        passes=len(taken),
        causes=name_causes(groups, peaks),
        caveats=(*busy_caveat(others), *profile.notes),
    )
    return record.model_copy(update={"caveats": (*record.caveats, *_coverage_caveats(record))})


def _check_logits(network: BuiltNetwork, profile: Profile, backend: str, precision: Precision) -> None:
    """Raise BackendError unless the prepared network gives the reference's logits."""
    name, expected = network.reference

    def call(*_: Tensor) -> Tensor | EPAMLogits:
        logits: Tensor | EPAMLogits = profile.run_whole()
        return logits

    found = check_equality(call, [network.inputs], reference=name, expected=expected, precision=precision)
    if not found.holds:
        wrong = describe_wrong_logits(found, precision)
        raise BackendError(f"backend {backend}: {wrong}; nothing is said of a form that is wrong")


def _take_turns(profile: Profile, device: torch.device, passes: int, report: Report) -> list[float]:
    """Whole passes and those that are taken apart, in random order; milliseconds of the whole ones."""
    order = random.Random(0)
    for _ in range(WARMUP_PASSES):
        _time_whole(profile, device)
    whole_ms: list[float] = []
    for number in range(1, passes + 1):
        if order.random() < 0.5:
            whole_ms.append(_time_whole(profile, device))
            profile.run_pass()
        else:
            profile.run_pass()
            whole_ms.append(_time_whole(profile, device))
        report(f"pass {number} of {passes}")
    return whole_ms


def _time_whole(profile: Profile, device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    profile.run_whole()
    _wait(device)
    return 1e3 * (time.perf_counter() - start)


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _with_the_rest(
    groups: Sequence[OperationGroup], passes: Sequence[OperationPass], whole_ms: Sequence[float]
) -> tuple[OperationGroup, ...]:
    """With what lies between the operations: measured, or where it cannot be, the whole less the parts."""
    if any(taken.between_ms is not None for taken in passes):
        return tuple(groups)
    left = max(0.0, median(whole_ms) - sum(group.ms for group in groups))
    return (*groups, OperationGroup(operation=BETWEEN, calls=1, ms=left))


def _to_operation(group: OperationGroup, peaks: MachinePeaks) -> OperationTime:
    operation, limits = group.operation, limits_of(group.operation, peaks)
    return OperationTime(
        operation=operation.name,
        kind=operation.kind,
        shape=operation.shape,
        calls=group.calls,
        macs=group.macs,
        bytes=group.calls * operation.bytes,
        time_ms=group.ms,
        bound=limits.bound,
        bound_ms=group.calls * limits.bound_ms,
    )


def _coverage_caveats(record: RooflineRecord) -> tuple[str, ...]:
    covered = record.covered
    if covered < ENOUGH_COVERED:
        return (f"the parts sum to {covered:.0%} of the whole: the rest is unexplained",)
    if covered > TOO_MUCH_COVERED:
        return (
            f"the parts sum to {covered:.0%} of the whole: passes were slowed by being taken apart, or by "
            "other processes",
        )
    return ()
