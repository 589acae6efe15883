"""Forward passes timed, with models interleaved so that a noisy minute hits them all."""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from epam_baselines import ModelSpec, example_inputs
from epam_bench.devices import Setting, honest_arithmetic
from epam_bench.environment import describe_environment
from epam_bench.machine_load import LoadReading, busy_caveat, others_cpu_fraction, read_load
from epam_bench.model_card import describe_model
from epam_bench.peak_memory import SCOPE, measure_peak_memory
from epam_bench.records import LatencyRecord, ModelCard

CUDA_SCOPE = "CUDA allocator: this model's weights and the peak that one call adds to them"

Report = Callable[[str], None]
"""Told in words what was just done, once a step."""


@dataclass
class Subject:
    """One model under the clock."""

    card: ModelCard
    model: nn.Module
    inputs: tuple[Tensor, ...]
    samples_ms: list[float] = field(default_factory=list)
    peak_memory_bytes: int | None = None
    failure: str | None = None

    @property
    def weights_bytes(self) -> int:
        """Parameters and buffers."""
        tensors = [*self.model.parameters(), *self.model.buffers()]
        return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


@dataclass(frozen=True)
class Outcome:
    """Records of the models that ran, and what went wrong with the others.

    Attributes:
        failures: one line for each model that has no record, by its name.
        interrupted: the user stopped it; the records hold what was done by then.
    """

    records: tuple[LatencyRecord, ...]
    failures: dict[str, str]
    interrupted: bool


def count_steps(models: int, *, warmup_calls: int, samples: int) -> int:
    """How often :func:`measure_latency` reports."""
    return models * (1 + warmup_calls + samples)


def measure_latency(
    specs: Sequence[ModelSpec],
    setting: Setting,
    *,
    samples: int,
    warmup_calls: int = 3,
    seed: int = 0,
    report: Report = lambda done: None,
) -> Outcome:
    """Time the forward pass of each model, all in one run.

    Each round calls every model once, in random order. Warm-up and device synchronisation cannot
    be switched off. A model that fails costs only its own row.

    Args:
        specs: what to time; each is built with the class count of its published checkpoint.
        setting: device, precision, batch size and threads.
        samples: timed calls a model.
        warmup_calls: untimed calls a model before the first round, at least one.
        seed: of the rounds' order.
        report: told after every step, :func:`count_steps` times if nothing fails.
    """
    warmup_calls = max(1, warmup_calls)
    subjects: list[Subject] = []
    interrupted = False
    failures: dict[str, str] = {}
    with honest_arithmetic(setting), torch.inference_mode():
        before = read_load()
        try:
            for spec in specs:
                _prepare(spec, setting, warmup_calls, subjects, failures, report)
            before = read_load()
            _time_rounds(subjects, setting, samples, random.Random(seed), report)
        except KeyboardInterrupt:
            interrupted = True
        after = read_load()
    failures |= {subject.card.name: subject.failure for subject in subjects if subject.failure}
    done = [subject for subject in subjects if subject.samples_ms and not subject.failure]
    run = uuid.uuid4().hex[:12]
    records = [
        _to_record(subject, done, setting, samples, warmup_calls, before, after, run) for subject in done
    ]
    return Outcome(tuple(records), failures, interrupted)


def _prepare(
    spec: ModelSpec,
    setting: Setting,
    warmup_calls: int,
    subjects: list[Subject],
    failures: dict[str, str],
    report: Report,
) -> None:
    """Build and warm up one model, and take its peak memory."""
    report(f"{spec.name}: building")
    try:
        subject = _build(spec, setting)
        for _ in range(warmup_calls):
            _call(subject, setting)
            report(f"{spec.name}: warming up")
        subject.peak_memory_bytes = _peak_memory(spec, subject, setting)
    # Whatever a model raises, out of memory and missing kernels included, costs its own row only.
    except Exception as error:
        failures[spec.name] = _first_line(error)
        return
    subjects.append(subject)


def _build(spec: ModelSpec, setting: Setting) -> Subject:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = spec.build(num_classes=spec.num_classes)
    card = describe_model(spec, model, spec.num_classes)
    model = model.to(setting.device, setting.dtype).eval()
    inputs = example_inputs(spec, setting.batch_size, device=setting.device, dtype=setting.dtype)
    return Subject(card, model, inputs)


def _call(subject: Subject, setting: Setting) -> float:
    """Milliseconds of one forward pass, the device idle before and after."""
    setting.synchronise()
    start = time.perf_counter()
    subject.model(*subject.inputs)
    setting.synchronise()
    return 1000.0 * (time.perf_counter() - start)


def _peak_memory(spec: ModelSpec, subject: Subject, setting: Setting) -> int | None:
    if not setting.uses_cuda:
        return measure_peak_memory(spec, setting)
    torch.cuda.reset_peak_memory_stats(setting.device)
    before = torch.cuda.memory_allocated(setting.device)
    _call(subject, setting)
    return subject.weights_bytes + torch.cuda.max_memory_allocated(setting.device) - before


def _time_rounds(
    subjects: Sequence[Subject], setting: Setting, samples: int, order: random.Random, report: Report
) -> None:
    for number in range(1, samples + 1):
        for subject in order.sample(subjects, len(subjects)):
            if subject.failure:
                continue
            try:
                subject.samples_ms.append(_call(subject, setting))
            except Exception as error:
                subject.failure = _first_line(error)
            report(f"round {number} of {samples}: {subject.card.name}")


def _to_record(
    subject: Subject,
    timed: Iterable[Subject],
    setting: Setting,
    samples: int,
    warmup_calls: int,
    before: LoadReading,
    after: LoadReading,
    run: str,
) -> LatencyRecord:
    others = others_cpu_fraction(before, after)
    return LatencyRecord(
        model=subject.card,
        environment=describe_environment(),
        caveats=(*busy_caveat(others), *_sample_caveats(len(subject.samples_ms), samples)),
        device=setting.device,
        precision=setting.precision,
        batch_size=setting.batch_size,
        threads=setting.threads,
        warmup_calls=warmup_calls,
        clock="perf_counter, device synchronised" if setting.uses_cuda else "perf_counter",
        run=run,
        interrupted=len(subject.samples_ms) < samples,
        interleaved_with=tuple(other.card.name for other in timed if other is not subject),
        samples_ms=tuple(subject.samples_ms),
        weights_bytes=subject.weights_bytes,
        peak_memory_bytes=subject.peak_memory_bytes,
        peak_memory_scope=CUDA_SCOPE if setting.uses_cuda else SCOPE,
        load_average_before=before.load_average,
        load_average_after=after.load_average,
        others_cpu_fraction=others,
    )


def _sample_caveats(taken: int, wanted: int) -> tuple[str, ...]:
    return (f"interrupted after {taken} of {wanted} samples",) if taken < wanted else ()


def _first_line(error: Exception) -> str:
    return str(error).strip().partition("\n")[0] or type(error).__name__
