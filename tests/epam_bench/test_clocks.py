from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from epam_bench import clocks
from epam_bench.clocks import name_throttle_reasons, read_device_state


def test_clock_is_the_mean_of_the_cores(monkeypatch, tmp_path) -> None:
    (tmp_path / "cpuinfo").write_text("cpu MHz\t\t: 2000.0\nmodel name : x\ncpu MHz\t\t: 3000.0\n")
    monkeypatch.setattr(clocks, "PROCESSORS", tmp_path / "cpuinfo")
    assert read_device_state("cpu").clock_mhz == 2500.0


def test_machine_that_tells_nothing_gives_none(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(clocks, "PROCESSORS", tmp_path / "missing")
    monkeypatch.setattr(clocks.psutil, "sensors_temperatures", dict, raising=False)
    state = read_device_state("cpu")
    assert (state.clock_mhz, state.temperature_celsius, state.throttled) == (None, None, None)


def test_hottest_core_of_a_known_sensor_is_the_temperature(monkeypatch) -> None:
    def reading(value: float) -> SimpleNamespace:
        return SimpleNamespace(current=value)

    sensors = {"k10temp": [reading(50.0), reading(61.5)], "nvme": [reading(90.0)]}
    monkeypatch.setattr(clocks.psutil, "sensors_temperatures", lambda: sensors, raising=False)
    assert read_device_state("cpu").temperature_celsius == 61.5


def test_reasons_are_words_and_idling_is_none() -> None:
    nvml = SimpleNamespace(nvmlClocksThrottleReasonSwPowerCap=4, nvmlClocksThrottleReasonHwThermalSlowdown=64)
    assert name_throttle_reasons(4 | 64 | 1, nvml) == "power limit, temperature, by hardware"
    assert name_throttle_reasons(1, nvml) == ""


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_gpu_tells_its_clock_and_temperature() -> None:
    pytest.importorskip("pynvml")
    state = read_device_state("cuda")
    assert state.clock_mhz is not None
    assert state.temperature_celsius is not None
