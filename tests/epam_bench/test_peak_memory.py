from __future__ import annotations

import sys
from pathlib import Path

import pytest

from epam_baselines import model_spec
from epam_baselines.custom_models import import_model
from epam_baselines.plugins import load_plugins
from epam_bench import peak_memory
from epam_bench.devices import Setting


def test_peak_memory_is_a_child_process_that_holds_the_model_alone() -> None:
    peak = peak_memory.measure_peak_memory(model_spec("x_shiftnet_pose"), Setting())
    if not peak_memory.STATUS.exists():
        assert peak is None
        return
    # One 54-channel expanded activation of 48 × 56² floats alone is 32 MB.
    assert peak is not None
    assert 30e6 < peak < 2e9


def test_peak_memory_of_a_model_that_fails_is_unknown_not_zero(tiny_spec) -> None:
    assert peak_memory.measure_peak_memory(tiny_spec("no_such_model"), Setting()) is None


OWN = """
import torch
from torch import nn
from epam_baselines import ModelSpec

print("hello from the module")

class Net(nn.Module):
    def __init__(self, *, num_classes=3):
        super().__init__()
        self.fc = nn.Linear(4, num_classes)

    def forward(self, *, rgb):
        return self.fc(rgb) + torch.ones(8_000_000).mean()

class Plain(Net):
    def forward(self, rgb):
        return super().forward(rgb=rgb)

SPEC = ModelSpec(name="peaky", title="Peaky", paper="–", year=None, modalities=("rgb",),
                 inputs={"rgb": (4,)}, clips=1, crops=1, num_classes=3, build=Plain)
"""


@pytest.mark.skipif(not peak_memory.STATUS.exists(), reason="the system does not tell")
def test_peak_memory_of_models_from_outside_is_found_by_the_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "peaky_models.py").write_text(OWN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.path", list(sys.path))
    own = import_model("peaky_models:Net", {"rgb": (1, 4)})
    (plugin,) = load_plugins((), tmp_path).specs
    for spec in (own, plugin):
        peak = peak_memory.measure_peak_memory(spec, Setting())
        # The eight million ones are 32 MB.
        assert peak is not None
        assert 30e6 < peak < 1e9
