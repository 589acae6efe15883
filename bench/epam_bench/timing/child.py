"""A child process: prepares one model in one form, shows that its logits are right, and takes its turns."""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, NoReturn

import torch
from torch import Tensor, nn

from epam.backends.backend import Inputs, Output, Precision
from epam.backends.equality import Equality, check_equality, reference_logits
from epam.backends.optimized_model import optimize
from epam.streams import SINGLE_STREAM, stream_logits
from epam_baselines import ModelSpec, example_inputs
from epam_bench.clocks import read_device_state
from epam_bench.devices import Setting, honest_arithmetic
from epam_bench.model_card import describe_model
from epam_bench.records import DeviceState
from epam_bench.timing.memory import MemoryMeter
from epam_bench.timing.messages import Message, parse_message, write_message
from epam_bench.timing.model_lookup import find_spec
from epam_bench.timing.outputs import FlatOutput, gives_logits
from epam_bench.timing.stopwatch import Stopwatch
from epam_bench.timing.training_step import build_evaluation_call, build_training_call
from epam_bench.timing.weights import build_lively

LARGEST_COMPARED_BATCH = 8
"""A larger batch is so many clips repeated: their float64 logits take long, and a hundred show no more."""

CALIBRATION_BATCHES, FIRST_CALIBRATION_SEED = 8, 1000
"""Of random numbers, for int8: enough to find ranges to compute in, and none that logits are compared on."""

GPU_RAMP_SECONDS = 0.1

Report = Callable[[str], None]


def serve(orders: int, answers: int) -> None:
    """Do what the orders say until there are no more; a failure is an answer too."""
    child = Child(lambda doing: write_message(answers, {"doing": doing}))
    with open(orders, "rb") as lines:  # a pipe
        for line in lines:
            try:
                answer = child.do(parse_message(line))
            # A model may raise anything, and may try to end the process.
            except (Exception, SystemExit) as error:
                answer = {"failed": describe_error(error)}
            write_message(answers, answer)


def describe_error(error: BaseException) -> str:
    """The first line of what it says, or what it is; want of memory is called by that name."""
    said = str(error).strip().partition("\n")[0] or type(error).__name__
    wanting = isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in said
    return f"out of memory ({said})" if wanting and "out of memory" not in said.lower() else said


class Child:
    """What one process has made ready.

    Args:
        report: told what is being done, before it is begun.
    """

    def __init__(self, report: Report) -> None:
        self._report = report
        self._arithmetic = ExitStack()
        self._call: Callable[[], object] = _nothing_prepared
        self._stopwatch: Stopwatch | None = None
        self._device = "cpu"

    def do(self, order: Message) -> Message:
        """Answer one order."""
        match order["do"]:
            case "compute reference":
                return self._compute_reference(order)
            case "prepare":
                return self._prepare(order)
            case "take a turn":
                return self._take_turn(order["calls"])
        raise ValueError(f"unknown order {order['do']!r}")

    def _compute_reference(self, order: Message) -> Message:
        """Leave the float64 logits of the inputs in a file."""
        spec, setting = self._begin(order)
        model = build_lively(spec).to(setting.device)
        drawn = draw_clips(spec, order["batch_size"], order["clips"], setting.device)
        self._report("computing the reference's logits")
        with torch.inference_mode():
            flat = not gives_logits(model(*drawn.batches[0]))
        if flat:
            # Rows of numbers have no clips that could be repeated.
            name, logits = _reference_logits(FlatOutput(model), drawn.samples)
        else:
            name, logits = _reference_logits(model, drawn.batches)
            logits = [{key: drawn.repeat(value) for key, value in output.items()} for output in logits]
        torch.save({"name": name, "logits": logits, "flat": flat}, order["file"])
        return {"reference": name}

    def _prepare(self, order: Message) -> Message:
        """Build, optimise, compare, warm up, and measure memory."""
        spec, setting = self._begin(order)
        meter = MemoryMeter(setting.device)
        self._stopwatch = Stopwatch(setting, l2_cold=order["l2_cold"])
        start = time.perf_counter()
        model = build_lively(spec)
        card = describe_model(spec, model, spec.num_classes)
        samples = draw_clips(spec, order["batch_size"], order["clips"], setting.device).samples
        known = torch.load(order["reference"], weights_only=True)
        if known["flat"]:
            model = FlatOutput(model)
        self._report("preparing it")
        form = _make_form(model, spec, samples[0], setting, order)
        del model
        preparation_seconds = time.perf_counter() - start - form.keeping_seconds

        # Of training, logits are compared before the first step changes them.
        training = order["task"] == "training"
        equality, comparing_seconds = None, 0.0
        if training:
            equality, comparing_seconds = self._check(form, samples, known, setting.precision)
        self._report("its first call")
        self._call = form.start()
        first_call_ms = meter.watch(self._stopwatch_ms)
        if equality is None:
            equality, comparing_seconds = self._check(form, samples, known, setting.precision)
        self._report("warming up")
        warm = [self._stopwatch_ms() for _ in range(order["warmup_calls"] - 1)]
        warm.append(meter.watch(self._stopwatch_ms))
        self._stopwatch.distrust_events(self._call)
        # What is alive now stays alive: later collections need not look at it.
        gc.freeze()
        return {
            "card": card.model_dump(mode="json"),
            "equality": vars(equality) | {"holds": equality.holds},
            "preparation_seconds": preparation_seconds,
            # The next process finds what is kept, and compares one sample.
            "spared_seconds": form.spared_seconds
            + form.keeping_seconds
            + comparing_seconds * (1 - 1 / len(samples)),
            "first_call_ms": first_call_ms,
            "warmup_calls": order["warmup_calls"],
            "call_ms": median(warm),
            "clock": self._stopwatch.name,
            "notes": list(form.notes),
            "weights_bytes": form.weights_bytes,
            "device": self._read_device(),
            "device_free_bytes": self._device_free_bytes(),
            **meter.result(form.weights_bytes),
        }

    def _take_turn(self, calls: int) -> Message:
        """Time so many calls after one that is not timed: another's turn has taken the caches.

        A GPU that has idled is given longer, to come back to its clock.
        """
        assert self._stopwatch is not None
        until = time.monotonic() + (GPU_RAMP_SECONDS if self._device != "cpu" else 0.0)
        self._stopwatch_ms()
        while time.monotonic() < until:
            self._stopwatch_ms()
        samples = [self._stopwatch.time_ms(self._call) for _ in range(calls)]
        return {"samples_ms": samples, "device": self._read_device()}

    def _begin(self, order: Message) -> tuple[ModelSpec, Setting]:
        self._report("building")
        precision: Precision = order["precision"]
        setting = Setting(order["device"], precision, order["batch_size"], order["threads"])
        self._device = setting.device
        self._arithmetic.enter_context(honest_arithmetic(setting))
        return find_spec(order["model"]), setting

    def _check(
        self, form: _Form, samples: Sequence[Inputs], known: Message, precision: Precision
    ) -> tuple[Equality, float]:
        """How equal it is, and the seconds that finding it out took."""
        self._report("comparing its logits with the reference's")
        start = time.perf_counter()
        # Of more clips there may be a reference than this process is to compare.
        equality = check_equality(
            form.compare,
            samples,
            reference=known["name"],
            expected=known["logits"][: len(samples)],
            precision=precision,
        )
        return equality, time.perf_counter() - start

    def _stopwatch_ms(self) -> float:
        assert self._stopwatch is not None
        return self._stopwatch.clock_ms(self._call)

    def _device_free_bytes(self) -> int | None:
        """Of a GPU, what is left for others."""
        return None if self._device == "cpu" else torch.cuda.mem_get_info(self._device)[0]

    def _read_device(self) -> dict[str, Any]:
        state: DeviceState = read_device_state(self._device)
        return state.model_dump(mode="json")


@dataclass(frozen=True)
class _Form:
    """A network made ready.

    Attributes:
        compare: inputs to logits, what equality is asked of.
        start: gives the call that is timed.
        weights_bytes: of its weights as they are run.
        notes: what must be said of it.
        spared_seconds: of making it ready, what the next process need not spend.
        keeping_seconds: what was spent to that end.
    """

    compare: Callable[..., Output]
    start: Callable[[], Callable[[], object]]
    weights_bytes: int
    notes: tuple[str, ...] = ()
    spared_seconds: float = 0.0
    keeping_seconds: float = 0.0


def _make_form(model: nn.Module, spec: ModelSpec, inputs: Inputs, setting: Setting, order: Message) -> _Form:
    precision = setting.precision
    if order["task"] == "training":
        from epam.backends.training_form import prepare_training

        form = prepare_training(model.to(setting.device), order["backend"])
        return _Form(
            compare=build_evaluation_call(form, precision),
            start=lambda: build_training_call(
                form, inputs, num_classes=spec.num_classes, precision=precision
            ),
            weights_bytes=weights_bytes_of(form),
        )
    cache = order.get("cache")
    ready = optimize(
        model,
        backend=order["backend"],
        precision=precision,
        example_inputs=inputs,
        device=setting.device,
        threads=setting.threads,
        calibration=_calibration_clips(spec, setting) if precision == "int8" else (),
        cache=None if cache is None else Path(cache),
    )
    # The prepared call itself: whether shapes fit need not be asked at every call.
    call, known = ready.prepared.call, ready.prepared.weights_bytes
    return _Form(
        compare=call,
        start=lambda: lambda: call(*inputs),
        weights_bytes=weights_bytes_of(model) if known is None else known,
        notes=ready.notes,
        spared_seconds=ready.prepared.spared_seconds,
        keeping_seconds=ready.prepared.keeping_seconds,
    )


def weights_bytes_of(model: nn.Module) -> int:
    """Parameters and buffers."""
    return sum(tensor.nbytes for tensor in (*model.parameters(), *model.buffers()))


def _calibration_clips(spec: ModelSpec, setting: Setting) -> list[Inputs]:
    # Drawn clips are all alike: a large batch has enough of them by itself, and eight would fill the memory.
    batches = max(1, CALIBRATION_BATCHES // setting.batch_size)
    return [
        example_inputs(spec, setting.batch_size, device=setting.device, seed=FIRST_CALIBRATION_SEED + number)
        for number in range(batches)
    ]


@dataclass(frozen=True)
class DrawnClips:
    """Random inputs that a form's logits are compared on.

    Attributes:
        batches: as they are drawn; the reference sees each clip of them once.
        order: for a large batch, which of the drawn clips each of its clips is.
    """

    batches: list[Inputs]
    order: Tensor | None = None

    @property
    def samples(self) -> list[Inputs]:
        """As the form takes them; the first is also what it is timed on."""
        return [tuple(self.repeat(tensor) for tensor in batch) for batch in self.batches]

    def repeat(self, tensor: Tensor) -> Tensor:
        """Of what is known of each drawn clip, that of each clip of the batch."""
        return tensor if self.order is None else tensor[self.order.to(tensor.device)]


def draw_clips(spec: ModelSpec, batch_size: int, clips: int, device: str) -> DrawnClips:
    """Draw batches until there are so many clips; for a large one, a few clips that it repeats."""
    size = min(batch_size, LARGEST_COMPARED_BATCH)
    batches = [example_inputs(spec, size, device=device, seed=seed) for seed in range(-(-clips // size))]
    if size == batch_size:
        return DrawnClips(batches)
    # In no regular order, so that a form that mixes clips up is found out.
    order = torch.arange(batch_size) % size
    return DrawnClips(
        batches[:1], order[torch.randperm(batch_size, generator=torch.Generator().manual_seed(0))]
    )


def _reference_logits(model: nn.Module, samples: Sequence[Inputs]) -> tuple[str, list[dict[str, Tensor]]]:
    try:
        return reference_logits(model, samples)
    except RuntimeError:
        # A network that makes float32 tensors as it goes cannot compute in float64.
        model.float()
        with torch.inference_mode():
            outputs = [model(*sample) for sample in samples]
        logits = [stream_logits(output, default=SINGLE_STREAM) for output in outputs]
        return "its own eager form in float32, for it has none in float64", logits


def _nothing_prepared() -> NoReturn:
    raise RuntimeError("a turn before there is a model")
