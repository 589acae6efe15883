"""Batches prepared by worker processes that live and die with the process that they work for."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch.utils.data import DataLoader, Sampler

from epam.data.clip_dataset import ClipBatch, ClipDataset, ClipRequest, collate
from epam.errors import InputError

PARENT_CHECK_SECONDS = 1.0
"""How often a worker looks whether its parent is still there."""

_HELD_SIGNALS = {signal.SIGINT, signal.SIGTERM}


def make_loader(
    dataset: ClipDataset,
    batches: Sampler[list[ClipRequest]],
    *,
    workers: int,
    device: torch.device,
    start_method: str | None = None,
) -> DataLoader[ClipBatch]:
    """Load batches, in the sampler's order whatever the number of workers.

    Workers compute in one thread each (PyTorch sees to that), and leave Ctrl-C and SIGTERM to
    their parent: who asks a run to stop asks all of its processes, and the parent still needs its
    next batch to stop well. They end when it tells them to, and when it is gone, however it went.

    Args:
        dataset: prepares the clips.
        batches: which clips make which batch.
        workers: processes that prepare them; 0 prepares them in this one.
        device: where batches will be used; for a GPU they are put into pinned memory.
        start_method: of the workers, as in ``multiprocessing``; none is the platform's usual one.

    Raises:
        InputError: a number of workers below 0.
    """
    if workers < 0:
        raise InputError(f"workers is {workers}; give 0 or more")
    return _ClipLoader(
        dataset,
        batch_sampler=batches,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=device.type == "cuda",
        worker_init_fn=_begin_work if workers else None,
        multiprocessing_context=start_method if workers else None,
        # Its own generator: starting to load must not move the global one, which training's
        # dropout draws from and a resumed run restores.
        generator=torch.Generator(),
    )


class _ClipLoader(DataLoader[Any]):
    """A loader whose workers are born deaf to signals, until they have seen to that themselves."""

    def __iter__(self) -> Any:
        if not self.num_workers:
            return super().__iter__()
        with _signals_held():
            return super().__iter__()


@contextmanager
def _signals_held() -> Iterator[None]:
    """Keep Ctrl-C and SIGTERM waiting; processes started meanwhile inherit that."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD_SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_work(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    threading.Thread(target=_follow_parent, name="follow parent", daemon=True).start()


def _follow_parent() -> None:
    """End this worker when its parent terminates it, or is gone; the SIGTERM of others is ignored.

    The parent's end is seen by a pipe that closes with it, not by its process number: a parent
    that died before its worker looked would never be missed.
    """
    parent = multiprocessing.parent_process()
    assert parent is not None, "workers have a parent"
    while parent.is_alive():
        received = signal.sigtimedwait({signal.SIGTERM}, PARENT_CHECK_SECONDS)
        if received is not None and received.si_pid == parent.pid:
            break
    os._exit(0)
