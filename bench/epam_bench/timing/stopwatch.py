"""One call timed: by the clock, or by CUDA events where these agree with it; from cold caches if asked."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from epam_bench.devices import Setting
from epam_bench.last_cache import last_cache_bytes

CLOCK = "perf_counter"
SYNCHRONISED_CLOCK = "perf_counter, device synchronised"
EVENTS = "CUDA events, device synchronised"

AGREEMENT, AGREEMENT_MS = 0.2, 0.2
"""Events count only what is on PyTorch's stream: further than this from the clock, something is not."""

LARGEST_CACHE_BYTES = 1 << 27
"""Of processors that do not tell."""

Call = Callable[[], object]


class Stopwatch:
    """Times calls on one device; the device is idle before each and done after it.

    Attributes:
        name: of the way in which time is read, as records have it.
    """

    def __init__(self, setting: Setting, *, l2_cold: bool = False) -> None:
        self._setting = setting
        self._device = torch.device(setting.device)
        self._filler = _allocate_filler(self._device) if l2_cold else None
        self.name = EVENTS if setting.uses_cuda else CLOCK

    def time_ms(self, call: Call) -> float:
        """Milliseconds of one call."""
        if self._filler is not None:
            self._filler.add_(1)
        return self._by_events(call) if self.name == EVENTS else self.clock_ms(call)

    def clock_ms(self, call: Call) -> float:
        """The same by the clock, whatever the device."""
        self._setting.synchronise()
        start = time.perf_counter()
        call()
        self._setting.synchronise()
        return 1000.0 * (time.perf_counter() - start)

    def distrust_events(self, call: Call) -> None:
        """Time a call both ways, and go by the clock from now on if they do not agree."""
        if self.name != EVENTS:
            return
        pairs = [(self._by_events(call), self.clock_ms(call)) for _ in range(3)]
        by_events, by_clock = (sorted(side)[1] for side in zip(*pairs, strict=True))
        if abs(by_events - by_clock) > AGREEMENT * by_clock + AGREEMENT_MS:
            self.name = SYNCHRONISED_CLOCK

    def _by_events(self, call: Call) -> float:
        start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
        self._setting.synchronise()
        start.record()
        call()
        end.record()
        self._setting.synchronise()
        return float(start.elapsed_time(end))


def _allocate_filler(device: torch.device) -> torch.Tensor:
    """Twice as much as the caches hold: to write it is to empty them of everything else."""
    size = last_cache_bytes(device) or LARGEST_CACHE_BYTES
    return torch.zeros(2 * size, dtype=torch.uint8, device=device)
