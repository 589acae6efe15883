from __future__ import annotations

import subprocess
import sys
import textwrap

import pytest

from epam.training import freed_memory
from epam.training.freed_memory import keep_freed_memory


def faults(setting: str) -> int:
    """Pages that came fresh from the system when twice 64 MB were allocated and freed, as often before."""
    code = f"""
        import resource, torch
        from epam.training.freed_memory import freed_memory_kept, keep_freed_memory
        def work(): torch.ones(2**24); torch.ones(2**24)
        {setting}
        # The heap finds its size within a few calls.
        for _ in range(12):
            work()
        before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
        work()
        print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    return int(done.stdout)


@pytest.mark.skipif(freed_memory._find_mallopt() is None, reason="not glibc")
def test_kept_memory_is_not_fetched_again_and_afterwards_it_is() -> None:
    # Twice 64 MB are 32768 pages of four kilobytes.
    assert faults("keep_freed_memory()") < 500
    assert faults("with freed_memory_kept(): work()") > 5_000


def test_elsewhere_than_with_glibc_nothing_is_done(monkeypatch) -> None:
    monkeypatch.setattr(freed_memory, "_find_mallopt", lambda: None)
    assert not keep_freed_memory()
    with freed_memory.freed_memory_kept():
        pass
