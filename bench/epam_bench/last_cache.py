"""How much the largest cache of a processor or GPU holds."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import torch

CPU_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")


def last_cache_bytes(device: torch.device) -> int | None:
    """Size of the largest cache, as the system or the device tells; none where neither does."""
    if device.type == "cuda":
        return int(getattr(torch.cuda.get_device_properties(device), "L2_cache_size", 0)) or None
    return max((_size_in_bytes(file) for file in CPU_CACHES.glob("index*/size")), default=0) or None


def _size_in_bytes(file: Path) -> int:
    """``32768K`` → bytes; zero where it cannot be read."""
    with suppress(OSError, ValueError, KeyError, IndexError):
        text = file.read_text().strip()
        return int(text[:-1]) * {"K": 2**10, "M": 2**20, "G": 2**30}[text[-1]]
    return 0
