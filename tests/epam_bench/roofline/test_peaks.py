from __future__ import annotations

import pytest
import torch

from epam_bench.records import MachinePeaks
from epam_bench.roofline import peaks as peaks_module
from epam_bench.roofline.peaks import better_peaks, measure_peaks

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.int8])
def test_peaks_are_of_this_machine_and_plausible(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(peaks_module, "CPU_PRODUCTS", (128,))
    monkeypatch.setattr(peaks_module, "CPU_CONVOLUTIONS", ((1, 32, 14, 3),))
    monkeypatch.setattr(peaks_module, "MEMORY_SHARE", 2)
    found = measure_peaks(CPU, dtype, seconds=0.05, cache_bytes=2**21)
    assert 0.1 < found.gflops_per_second < 1e5
    assert 0.1 < found.memory_gigabytes_per_second <= found.cache_gigabytes_per_second < 1e5
    assert 0.05 < found.launch_microseconds < 1e4
    assert found.cache_bytes == 2**21


def test_of_two_measurements_each_figures_better_one_counts() -> None:
    def peaks(flops: float, memory: float, cache: float, launch: float) -> MachinePeaks:
        return MachinePeaks(
            gflops_per_second=flops,
            memory_gigabytes_per_second=memory,
            cache_gigabytes_per_second=cache,
            launch_microseconds=launch,
            cache_bytes=8,
        )

    assert better_peaks(peaks(1, 5, 7, 2), peaks(3, 4, 9, 1)) == peaks(3, 5, 9, 1)
