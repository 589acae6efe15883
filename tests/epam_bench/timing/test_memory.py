from __future__ import annotations

import pytest
import torch

from epam_bench.timing import memory
from epam_bench.timing.memory import STATUS, MemoryMeter, free_bytes

MEBI = 1 << 20


@pytest.mark.skipif(not STATUS.exists(), reason="the system does not tell")
def test_what_a_call_takes_while_it_runs_is_seen_and_what_it_gives_back_is_not_kept() -> None:
    meter = MemoryMeter("cpu")
    kept = torch.ones(64 * MEBI, dtype=torch.uint8)
    assert meter.watch(lambda: torch.ones(100 * MEBI, dtype=torch.uint8).numel()) == 100 * MEBI
    result = meter.result(kept.nbytes)
    assert isinstance(result["peak_activation_bytes"], int)
    assert 95 * MEBI < result["peak_activation_bytes"] < 130 * MEBI
    assert isinstance(result["peak_memory_bytes"], int)
    assert 155 * MEBI < result["peak_memory_bytes"] < 230 * MEBI
    assert result["reserved_bytes"] is None
    assert isinstance(result["process_bytes"], int)
    assert result["process_bytes"] > 164 * MEBI


def test_system_that_does_not_tell_gives_none(monkeypatch, tmp_path) -> None:
    monkeypatch.setattr(memory, "STATUS", tmp_path / "missing")
    meter = MemoryMeter("cpu")
    meter.watch(lambda: None)
    assert meter.result(3)["peak_memory_bytes"] is None
    assert meter.result(3)["peak_activation_bytes"] is None


def test_limit_of_the_group_counts_where_it_is_lower(monkeypatch, tmp_path) -> None:
    whole = free_bytes()
    monkeypatch.setattr(memory, "CGROUP", tmp_path)
    for name, text in (("max", "1000000"), ("current", "400000"), ("stat", "anon 3\ninactive_file 100000\n")):
        (tmp_path / f"memory.{name}").write_text(text)
    assert free_bytes() == 700000
    (tmp_path / "memory.max").write_text("max\n")
    assert free_bytes() > 0.5 * whole
