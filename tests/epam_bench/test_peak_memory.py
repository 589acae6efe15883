from __future__ import annotations

from epam_baselines import model_spec
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
