"""Claims that nobody made."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from epam_reports.published import PublishedNumber, Source

SOURCE = Source(id="PAPER", title="A paper", kind="paper")


def _claim(value: str, metric: str = "macs", **changes: Any) -> PublishedNumber:
    unit = {"macs": "G", "parameters": "M", "top1": "%", "mean_class_accuracy": "%"}.get(metric, "x")
    fields: dict[str, Any] = {
        "catalogue_name": "x3d_m",
        "model": "X3D-M",
        "modality": "RGB",
        "metric": metric,
        "dataset": None,
        "split": None,
        "value": Decimal(value),
        "unit": unit,
        "convention": None,
        "input": "rgb 3x16x224x224" if unit == "G" else "",
        "views": 1 if unit == "G" else None,
        "source": SOURCE,
        "where": "table 1",
        "note": "",
    }
    return PublishedNumber.model_validate(fields | changes)


@pytest.fixture
def claim() -> Callable[..., PublishedNumber]:
    return _claim
