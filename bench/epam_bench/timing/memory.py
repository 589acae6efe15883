"""What a process takes of the machine's memory, and what is left of it."""

from __future__ import annotations

import ctypes
import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import TypeVar

import psutil
import torch

STATUS = Path("/proc/self/status")
PEAK_SCOPE = "growth of the process's resident memory, from before the model is built to the peak of a call"
CUDA_PEAK_SCOPE = "CUDA allocator: this model's weights and the peak that one call adds to them"
CGROUP = Path("/sys/fs/cgroup")


ResultT = TypeVar("ResultT")


class MemoryMeter:
    """Watches calls, and knows the most that one took; made before the model is."""

    def __init__(self, device: str) -> None:
        self._device = torch.device(device)
        self._before = resident_bytes()
        self._growth: int | None = None
        self._peak: int | None = None

    def watch(self, call: Callable[[], ResultT]) -> ResultT:
        """Call it, and note what it took."""
        forget_peak()
        on_gpu = self._device.type == "cuda"
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(self._device)
        before = torch.cuda.memory_allocated(self._device) if on_gpu else resident_bytes()
        result = call()
        peak = peak_resident_bytes()
        at_most = torch.cuda.max_memory_allocated(self._device) if on_gpu else peak
        if before is not None and at_most is not None:
            self._growth = max(self._growth or 0, at_most - before)
        self._peak = peak if peak is None else max(self._peak or 0, peak)
        return result

    def result(self, weights_bytes: int) -> dict[str, int | str | None]:
        """The fields of a latency record that tell of memory, none where the system does not."""
        fields: dict[str, int | str | None] = {
            "peak_activation_bytes": self._growth,
            "process_bytes": self._peak,
            "reserved_bytes": None,
        }
        if self._device.type == "cuda":
            fields["reserved_bytes"] = torch.cuda.max_memory_reserved(self._device)
            total = None if self._growth is None else weights_bytes + self._growth
            return fields | {"peak_memory_bytes": total, "peak_memory_scope": CUDA_PEAK_SCOPE}
        known = self._peak is not None and self._before is not None
        total = max(0, (self._peak or 0) - (self._before or 0)) if known else None
        return fields | {"peak_memory_bytes": total, "peak_memory_scope": PEAK_SCOPE}


def resident_bytes() -> int | None:
    """Resident memory of this process now; none where the system does not tell (only Linux does)."""
    return _status_bytes("VmRSS")


def peak_resident_bytes() -> int | None:
    """The most since the process began, or since :func:`forget_peak`."""
    return _status_bytes("VmHWM")


def forget_peak() -> None:
    """Give back what is freed already, and start the peak anew: compiling has one of its own."""
    gc.collect()
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def free_bytes() -> int:
    """What can still be taken: of the machine's memory, or of this group's where it is limited further."""
    free = psutil.virtual_memory().available
    with suppress(OSError, ValueError):
        # The limit reads "max" where there is none.
        limit = int((CGROUP / "memory.max").read_text())
        used = int((CGROUP / "memory.current").read_text())
        free = min(free, max(0, limit - used + _reclaimable_bytes()))
    return free


def _reclaimable_bytes() -> int:
    """Of the group's memory, copies of files that the system drops when it needs the room."""
    for line in (CGROUP / "memory.stat").read_text().splitlines():
        if line.startswith("inactive_file "):
            return int(line.split()[1])
    return 0


def _status_bytes(field: str) -> int | None:
    with suppress(OSError):
        for line in STATUS.read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1]) * 1024
    return None
