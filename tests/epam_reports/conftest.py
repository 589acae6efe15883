"""Made-up records: nothing here was ever measured."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from epam_bench.records import CountRecord, LatencyRecord, ModelCard

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


@pytest.fixture
def card() -> Callable[..., ModelCard]:
    return _card


@pytest.fixture
def count() -> Callable[..., CountRecord]:
    return _count


@pytest.fixture
def latency() -> Callable[..., LatencyRecord]:
    return _latency
