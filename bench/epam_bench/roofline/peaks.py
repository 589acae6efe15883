"""What this machine can do at most: arithmetic, memory, cache, and the cost of the smallest operation."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from epam_bench.last_cache import last_cache_bytes
from epam_bench.records import MachinePeaks

CPU_PRODUCTS = (384, 768, 1536)
CUDA_PRODUCTS = (4096, 8192)
"""Sides of square matrices: small ones live in a core's cache, large ones use all cores well."""

CPU_CONVOLUTIONS = ((8, 64, 56, 3), (8, 128, 28, 3), (16, 256, 14, 3), (8, 256, 28, 1))
CUDA_CONVOLUTIONS = ((128, 128, 56, 3), (256, 256, 28, 3))
"""Batch, channels in and out, height and width, kernel: shapes that libraries are tuned for."""

CACHE_SHARES = (1 / 8, 1 / 4, 1 / 2)
"""Of the last cache, taken by what is read and written: more than the caches before it hold."""

MEMORY_SHARE = 8
"""So many times the last cache: what is read was written long ago."""

BYTES_A_CALL = 4_000_000
"""At least so many are moved between two readings of the clock: the cost of starting is not the cache's."""

LAUNCHES = 500
FEWEST_TURNS = 3
UNKNOWN_CACHE_BYTES = 8 * 2**20
"""A usual last cache, where the machine does not tell."""

Action = Callable[[], object]


def measure_peaks(
    device: torch.device, dtype: torch.dtype, *, seconds: float = 4.0, cache_bytes: int | None = None
) -> MachinePeaks:
    """The best that each was seen to do; candidates take turns, so that a noisy moment spoils none alone.

    Arithmetic is of square matrix products and of dense convolutions through the same library as the
    networks', for one of the two may be the slower one by far. Bandwidth is of copies, sums and a ReLU in
    place: what is read and written, together.

    Args:
        device: where.
        dtype: of the arithmetic, ``torch.int8`` too; bytes are bytes.
        seconds: for all.
        cache_bytes: of the last cache; none: what the machine says.
    """
    cache = cache_bytes or last_cache_bytes(device) or UNKNOWN_CACHE_BYTES
    with torch.inference_mode():
        # PyTorch has no convolution of whole numbers.
        work = _products(device, dtype) + ([] if dtype is torch.int8 else _convolutions(device, dtype))
        flops = _best_rate(work, device, seconds / 2)
        memory = _best_rate(_moves(MEMORY_SHARE * cache, device), device, seconds / 4)
        in_cache = [move for share in CACHE_SHARES for move in _moves(int(share * cache), device)]
        cached = _best_rate(in_cache, device, seconds / 4)
        launch = _launch_seconds(device)
    return MachinePeaks(
        gflops_per_second=flops / 1e9,
        memory_gigabytes_per_second=memory / 1e9,
        # In no cache at all, one is still never slower than memory.
        cache_gigabytes_per_second=max(cached, memory) / 1e9,
        launch_microseconds=1e6 * launch,
        cache_bytes=cache,
    )


def better_peaks(one: MachinePeaks, other: MachinePeaks) -> MachinePeaks:
    """Of each figure the better: a machine can do what it was once seen to do."""
    return MachinePeaks(
        gflops_per_second=max(one.gflops_per_second, other.gflops_per_second),
        memory_gigabytes_per_second=max(one.memory_gigabytes_per_second, other.memory_gigabytes_per_second),
        cache_gigabytes_per_second=max(one.cache_gigabytes_per_second, other.cache_gigabytes_per_second),
        launch_microseconds=min(one.launch_microseconds, other.launch_microseconds),
        cache_bytes=one.cache_bytes,
    )


def _best_rate(candidates: Sequence[tuple[Action, float]], device: torch.device, seconds: float) -> float:
    """The highest amount a second, of actions that each do so much."""
    best = [float("inf")] * len(candidates)
    until = time.perf_counter() + seconds
    turns = 0
    while turns < FEWEST_TURNS or time.perf_counter() < until:
        for place, (action, _) in enumerate(candidates):
            best[place] = min(best[place], _seconds(action, device))
        turns += 1
    return max(amount / spent for (_, amount), spent in zip(candidates, best, strict=True))


def _seconds(action: Action, device: torch.device) -> float:
    _wait(device)
    start = time.perf_counter()
    action()
    _wait(device)
    return time.perf_counter() - start


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def _products(device: torch.device, dtype: torch.dtype) -> list[tuple[Action, float]]:
    sides = CUDA_PRODUCTS if device.type == "cuda" else CPU_PRODUCTS

    multiply = torch._int_mm if dtype is torch.int8 else torch.mm

    def product(side: int) -> tuple[Action, float]:
        left, right = torch.randn(2, side, side, device=device).to(dtype)
        return (lambda: multiply(left, right)), 2.0 * side**3

    return [product(side) for side in sides]


def _convolutions(device: torch.device, dtype: torch.dtype) -> list[tuple[Action, float]]:
    shapes = CUDA_CONVOLUTIONS if device.type == "cuda" else CPU_CONVOLUTIONS

    def convolution(batch: int, channels: int, side: int, kernel: int) -> tuple[Action, float]:
        x = torch.randn(batch, channels, side, side, device=device).to(
            dtype, memory_format=torch.channels_last
        )
        weight = torch.randn(channels, channels, kernel, kernel, device=device).to(
            dtype, memory_format=torch.channels_last
        )
        amount = 2.0 * x.numel() * channels * kernel**2
        return (lambda: F.conv2d(x, weight, padding=kernel // 2)), amount

    return [convolution(*shape) for shape in shapes]


def _moves(footprint: int, device: torch.device) -> list[tuple[Action, float]]:
    """A copy, a sum and a ReLU in place, all on so many bytes of memory, and what each moves."""
    both = torch.zeros(2, max(footprint // 8, 1), device=device)
    source, target = both
    actions: tuple[tuple[Action, int], ...] = (
        (lambda: target.copy_(source), 4 * both.numel()),
        (lambda: torch.add(source, 1.0, out=target), 4 * both.numel()),
        # In place, all of it is read and written.
        (lambda: torch.relu_(both), 8 * both.numel()),
    )
    return [
        (_repeated(action, times), float(moved * times))
        for action, moved in actions
        if (times := max(1, BYTES_A_CALL // moved))
    ]


def _repeated(action: Action, times: int) -> Action:
    def repeat() -> None:
        for _ in range(times):
            action()

    return repeat


def _launch_seconds(device: torch.device) -> float:
    x: Tensor = torch.zeros(1, device=device)
    action = _repeated(lambda: torch.relu_(x), LAUNCHES)
    return min(_seconds(action, device) for _ in range(2 + FEWEST_TURNS)) / LAUNCHES
