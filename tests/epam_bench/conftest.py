"""Small made-up networks and records for the tests of measuring."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from torch import Tensor, nn

from epam_baselines import ModelSpec


class TwoInputs(nn.Module):
    """One 3×3 convolution on a picture, one linear layer on a row of numbers."""

    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv = nn.Conv3d(2, 4, (1, 3, 3), padding=(0, 1, 1), bias=False)
        self.norm = nn.BatchNorm3d(4)
        self.dropout = nn.Dropout(0.5)
        self.fc = nn.Linear(4, num_classes)

    def forward(self, clip: Tensor, gain: Tensor) -> Tensor:
        pooled = self.norm(self.conv(clip)).mean(dim=(2, 3, 4))
        return self.fc(self.dropout(pooled)) * gain.mean()


CONV_MACS = (2 * 3 * 5) * 4 * 2 * 9
"""Places × output channels × input channels × kernel, for the clip below."""

FC_MACS = 4 * 6


@pytest.fixture
def tiny_spec() -> Callable[..., ModelSpec]:
    def make(name: str = "tiny", build: Callable[..., nn.Module] = TwoInputs, **changes: object) -> ModelSpec:
        fields: dict[str, object] = {
            "name": name,
            "title": "Tiny",
            "paper": "Nobody, 2025",
            "year": 2025,
            "modalities": ("rgb", "pose"),
            "inputs": {"clip": (2, 2, 3, 5), "gain": (1, 1, 1, 1)},
            "clips": 2,
            "crops": 3,
            "num_classes": 6,
            "build": build,
        }
        return ModelSpec(**(fields | changes))  # type: ignore[arg-type]

    return make
