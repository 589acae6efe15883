"""Made-up records: nothing here was ever measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest

from epam_bench.records import AblationTrial, AccuracyRecord, CountRecord, LatencyRecord, ModelCard

NOON = datetime(2026, 1, 2, 12, 0, tzinfo=UTC)

KNOWN: dict[str, dict[str, Any]] = {
    "epam_net": {
        "title": "EPAM-Net",
        "modalities": ("rgb", "pose"),
        "inputs": {"rgb": (3, 16, 224, 224), "heatmaps": (17, 48, 56, 56)},
        "num_classes": 60,
        "parameters": 2_538_717,
    },
    "timesformer": {
        "title": "TimeSformer",
        "inputs": {"rgb": (3, 8, 224, 224)},
        "crops": 3,
        "parameters": 121_566_352,
    },
    "c3d": {"title": "C3D", "inputs": {"rgb": (3, 16, 112, 112)}, "clips": 10, "num_classes": 101},
    "s3d": {"title": "S3D", "inputs": {"rgb": (3, 16, 224, 224)}},
    "r3d_18": {"title": "R3D-18", "inputs": {"rgb": (3, 16, 112, 112)}, "clips": 5},
    "posec3d": {
        "title": "PoseC3D",
        "modalities": ("pose",),
        "inputs": {"heatmaps": (17, 48, 56, 56)},
        "clips": 10,
        "num_classes": 60,
    },
}

ENVIRONMENT: dict[str, Any] = {
    "system": "Linux",
    "processor": "Test CPU",
    "physical_cores": 1,
    "logical_cores": 2,
    "memory_bytes": 8 * 1024**3,
    "accelerator": None,
    "versions": {"torch": "2.0"},
    "git_commit": "0123456789abcdef",
    "git_dirty": False,
}


def _card(name: str = "epam_net", **changes: Any) -> ModelCard:
    fields = {
        "name": name,
        "title": name,
        "paper": "Someone 2020",
        "year": 2020,
        "modalities": ("rgb",),
        "inputs": {"rgb": (3, 4, 8, 8)},
        "clips": 1,
        "crops": 1,
        "num_classes": 400,
        "parameters": 1_000_000,
    }
    return ModelCard.model_validate(fields | KNOWN.get(name, {}) | changes)


def _count(
    name: str = "epam_net", gmacs: float = 7.618, *, counter: str = "torch", **changes: Any
) -> CountRecord:
    card = {key: changes.pop(key) for key in list(changes) if key in ModelCard.model_fields}
    environment = ENVIRONMENT | changes.pop("environment", {})
    fields: dict[str, Any] = {
        "created": NOON,
        "model": _card(name, **card),
        "environment": environment,
        "counter": counter,
        "counter_version": "1",
        "convention": f"what {counter} counts",
        "macs": round(gmacs * 1e9),
        "macs_by_operation": {},
    }
    return CountRecord.model_validate(fields | changes)


def _latency(
    name: str = "epam_net", samples_ms: tuple[float, ...] = (1.0, 2.0, 3.0, 4.0, 5.0), **changes: Any
) -> LatencyRecord:
    card = {key: changes.pop(key) for key in list(changes) if key in ModelCard.model_fields}
    environment = ENVIRONMENT | changes.pop("environment", {})
    fields: dict[str, Any] = {
        "created": NOON,
        "model": _card(name, **card),
        "environment": environment,
        "device": "cpu",
        "precision": "fp32",
        "batch_size": 1,
        "threads": 2,
        "warmup_calls": 2,
        "clock": "perf_counter",
        "samples_ms": samples_ms,
        "weights_bytes": 4 * 1024**2,
        "peak_memory_bytes": 64 * 1024**2,
        "peak_memory_scope": "process",
        "load_average_before": 0.1,
        "load_average_after": 1.5,
    }
    return LatencyRecord.model_validate(fields | changes)


def _interleaved(
    name: str = "epam_net",
    milliseconds: float = 100.0,
    *,
    processes: int = 4,
    noise: float = 0.002,
    **changes: Any,
) -> LatencyRecord:
    """A latency of one run by turns, five samples in each of three turns a process, slightly spread."""
    turns = [(process, turn) for process in range(processes) for turn in range(3)]
    samples = [
        milliseconds * (1 + noise * (((7 * process + 3 * turn + call) % 5) - 2))
        for process, turn in turns
        for call in range(5)
    ]
    blocks = [{"process": process, "round": turn, "samples": 5} for process, turn in turns]
    equality = {
        "reference": "the 3-D twin in float64",
        "clips": 4,
        "relative_error": 3.14e-7,
        "bound": 1e-4,
        "top1_agreement": 1.0,
    }
    memory = {"peak_activation_bytes": 32 * 1024**2, "process_bytes": 512 * 1024**2}
    fields = {"run": "one", "blocks": blocks, "equality": equality, "preparation_seconds": 1.5, **memory}
    return _latency(name, tuple(samples), **(fields | changes))


def _accuracy(
    name: str = "epam_net",
    confusion: Sequence[Sequence[int]] = ((3, 1), (0, 4)),
    *,
    streams: Mapping[str, Sequence[int]] | None = None,
    groups: Sequence[str | None] | None = None,
    names: Sequence[str] | None = None,
    **changes: Any,
) -> AccuracyRecord:
    """An evaluation with this confusion matrix; ``streams`` are hits of each class by further streams."""
    classes = len(confusion)
    card = {key: changes.pop(key) for key in list(changes) if key in ModelCard.model_fields}
    samples = [sum(row) for row in confusion]
    evaluated = sum(samples)
    hits = {"fused" if streams else "rgb": [row[index] for index, row in enumerate(confusion)]}
    hits |= {stream: list(counts) for stream, counts in (streams or {}).items()}
    fields: dict[str, Any] = {
        "created": NOON,
        "model": _card(name, num_classes=classes, **card),
        "environment": ENVIRONMENT | changes.pop("environment", {}),
        "dataset": "ntu60",
        "protocol": "xsub",
        "split": "xsub_val",
        "part": "test",
        "split_samples": evaluated + len(changes.get("skipped", ())),
        "evaluated": evaluated,
        "streams": [_stream(stream, counts, samples) for stream, counts in hits.items()],
        "classes": [
            {
                "name": names[index] if names else f"class {index}",
                "group": groups[index] if groups else None,
                "samples": samples[index],
                "hits": {stream: counts[index] for stream, counts in hits.items()},
            }
            for index in range(classes)
        ],
        "confusion": [
            (label, predicted, count)
            for label, row in enumerate(confusion)
            for predicted, count in enumerate(row)
            if count
        ],
        "views": 1,
        "checkpoint": "best.safetensors",
        "checkpoint_sha256": "c" * 64,
        "weights_sha256": "a" * 64,
        "split_sha256": "5" * 64,
        "label_map_sha256": "1" * 64,
        "device": "cpu",
        "precision": "fp32",
        "batch_size": 8,
    }
    return AccuracyRecord.model_validate(fields | changes)


def _stream(stream: str, hits: Sequence[int], samples: Sequence[int]) -> dict[str, Any]:
    """Intervals are a tenth to each side: nobody tests here how they are found."""
    top1 = sum(hits) / sum(samples)
    present = [hit / of for hit, of in zip(hits, samples, strict=True) if of]
    mean = sum(present) / len(present)
    return {
        "stream": stream,
        "samples": sum(samples),
        "top1_hits": sum(hits),
        "top5_hits": sum(samples),
        "mean_class_accuracy": sum(present) / len(samples),
        "mean_class_accuracy_present": mean,
        "top1_interval": (max(top1 - 0.1, 0), min(top1 + 0.1, 1)),
        "mean_class_interval": (max(mean - 0.1, 0), min(mean + 0.1, 1)),
    }


def _trial(
    variant: str = "fused",
    percents: Sequence[int] = (90, 90, 90),
    *,
    seed: int = 0,
    kinds: Sequence[str] = ("movement", "object", "order"),
    **changes: Any,
) -> AblationTrial:
    """A trial on 100 samples of each kind, so many of them right."""
    card = {key: changes.pop(key) for key in list(changes) if key in ModelCard.model_fields}
    fields: dict[str, Any] = {
        "created": NOON,
        "model": _card("epam_net", num_classes=12, **card),
        "environment": ENVIRONMENT | changes.pop("environment", {}),
        "variant": variant,
        "seed": seed,
        "recipe": {"pose": "tiny_pose", "RGB": "tiny_rgb"}.get(variant, "tiny_multimodal"),
        "epochs": 5,
        "training_samples": 384,
        "dataset": "embedded",
        "protocol": "xsub",
        "split_sha256": "5" * 64,
        "samples": 100 * len(percents),
        "hits": sum(percents),
        "groups": [
            {"name": kind, "samples": 100, "hits": hits} for kind, hits in zip(kinds, percents, strict=False)
        ],
        "training_seconds": 60.0,
        "device": "cpu",
        "precision": "fp32",
        "weights_sha256": "a" * 64,
    }
    return AblationTrial.model_validate(fields | changes)


@pytest.fixture
def card() -> Callable[..., ModelCard]:
    return _card


@pytest.fixture
def count() -> Callable[..., CountRecord]:
    return _count


@pytest.fixture
def latency() -> Callable[..., LatencyRecord]:
    return _latency


@pytest.fixture
def interleaved() -> Callable[..., LatencyRecord]:
    return _interleaved


@pytest.fixture
def accuracy() -> Callable[..., AccuracyRecord]:
    return _accuracy


@pytest.fixture
def trial() -> Callable[..., AblationTrial]:
    return _trial
