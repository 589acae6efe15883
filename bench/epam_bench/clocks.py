"""Clocks and temperature of the processor or GPU, and whether its clock is held down."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from statistics import mean

import psutil
import torch

from epam_bench.records import DeviceState

PROCESSORS = Path("/proc/cpuinfo")

CPU_SENSORS = ("k10temp", "coretemp", "zenpower", "cpu_thermal")

THROTTLE_REASONS = {
    "SwPowerCap": "power limit",
    "HwSlowdown": "hardware slowdown",
    "SwThermalSlowdown": "temperature",
    "HwThermalSlowdown": "temperature, by hardware",
    "HwPowerBrakeSlowdown": "power brake",
}
"""NVML's names of what holds a GPU's clock down; being idle or set to a clock is not among them."""


def read_device_state(device: str) -> DeviceState:
    """What the machine tells now; a GPU tells only where ``nvidia-ml-py`` is installed."""
    where = torch.device(device)
    return _gpu_state(where) if where.type == "cuda" else _cpu_state()


def _cpu_state() -> DeviceState:
    return DeviceState(clock_mhz=_cpu_clock_mhz(), temperature_celsius=_cpu_temperature())


def _cpu_clock_mhz() -> float | None:
    with suppress(OSError, ValueError):
        lines = PROCESSORS.read_text().splitlines()
        clocks = [float(line.partition(":")[2]) for line in lines if line.startswith("cpu MHz")]
        return mean(clocks) if clocks else None
    return None


def _cpu_temperature() -> float | None:
    sensors = psutil.sensors_temperatures() if hasattr(psutil, "sensors_temperatures") else {}
    readings = [reading.current for name in CPU_SENSORS for reading in sensors.get(name, ())]
    return max(readings, default=None)


def _gpu_state(device: torch.device) -> DeviceState:
    """By NVML, whose order of GPUs is not PyTorch's: they are told apart by their unique names."""
    try:
        import pynvml
    except ImportError:
        return DeviceState()
    try:
        pynvml.nvmlInit()
        unique = f"GPU-{torch.cuda.get_device_properties(device).uuid}"
        handle = pynvml.nvmlDeviceGetHandleByUUID(unique)
        bits = pynvml.nvmlDeviceGetCurrentClocksThrottleReasons(handle)
        return DeviceState(
            clock_mhz=pynvml.nvmlDeviceGetClockInfo(handle, pynvml.NVML_CLOCK_SM),
            temperature_celsius=pynvml.nvmlDeviceGetTemperature(handle, pynvml.NVML_TEMPERATURE_GPU),
            throttled=name_throttle_reasons(bits, pynvml),
        )
    except pynvml.NVMLError:
        return DeviceState()


def name_throttle_reasons(bits: int, nvml: object) -> str:
    """In words, what holds the clock down; empty when nothing does."""
    held = (
        words
        for name, words in THROTTLE_REASONS.items()
        if bits & getattr(nvml, f"nvmlClocksThrottleReason{name}", 0)
    )
    return ", ".join(held)
