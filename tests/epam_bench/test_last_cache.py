from __future__ import annotations

from pathlib import Path

import pytest
import torch

from epam_bench import last_cache
from epam_bench.last_cache import last_cache_bytes

CPU = torch.device("cpu")


def test_the_largest_cache_is_the_last_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place, size in enumerate(("32K", "32K", "1024K", "32M")):
        (tmp_path / f"index{place}").mkdir()
        (tmp_path / f"index{place}" / "size").write_text(f"{size}\n")
    monkeypatch.setattr(last_cache, "CPU_CACHES", tmp_path)
    assert last_cache_bytes(CPU) == 32 * 2**20
    for unreadable in ("nonsense", ""):
        (tmp_path / "index3" / "size").write_text(unreadable)
        assert last_cache_bytes(CPU) == 2**20


def test_a_machine_that_tells_nothing_is_not_guessed_at(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(last_cache, "CPU_CACHES", tmp_path / "absent")
    assert last_cache_bytes(CPU) is None
