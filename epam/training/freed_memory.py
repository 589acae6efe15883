"""A step's memory kept for the next one, where the C library would give it back to the system."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator
from contextlib import contextmanager

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
"""Parameters of glibc's ``mallopt`` (malloc.h)."""

USUAL_TRIM_THRESHOLD, USUAL_MMAP_MAX = 128 * 1024, 65536
"""What glibc begins with (mallopt(3))."""


def keep_freed_memory() -> bool:
    """Let this process reuse what it freed, for good; false where the C library is not glibc's.

    A training step on a CPU allocates gigabytes of activations and frees them all. By itself glibc maps
    each large one afresh and returns the rest at once, so that the next step's pages come empty from the
    system, four kilobytes at a time: more than a quarter of a step's time.
    """
    mallopt = _find_mallopt()
    if mallopt is None:
        return False
    # −1: the top of the heap is never returned; 0: nothing is mapped outside the heap.
    return bool(mallopt(M_TRIM_THRESHOLD, -1)) and bool(mallopt(M_MMAP_MAX, 0))


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Keep freed memory while entered (:func:`keep_freed_memory`); then glibc's first settings are back."""
    kept = keep_freed_memory()
    try:
        yield
    finally:
        mallopt = _find_mallopt()
        if kept and mallopt is not None:
            mallopt(M_TRIM_THRESHOLD, USUAL_TRIM_THRESHOLD)
            mallopt(M_MMAP_MAX, USUAL_MMAP_MAX)


def _find_mallopt() -> ctypes._NamedFuncPointer | None:
    """The C library's function, where there is one of the meaning above."""
    if not sys.platform.startswith("linux"):
        return None
    library = ctypes.CDLL(None)
    # Other C libraries of Linux have a function of this name that does nothing, or other numbers.
    return library.mallopt if hasattr(library, "gnu_get_libc_version") else None
