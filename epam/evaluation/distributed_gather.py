"""What every process of a run has, brought to all of them."""

from __future__ import annotations

from typing import TypeVar

import torch.distributed

from epam.errors import InputError

ValueT = TypeVar("ValueT")


def gather_from_all(value: ValueT, *, world_size: int) -> list[ValueT]:
    """Return every process's value, in the order of ranks; each process must call this.

    Args:
        value: anything that can be pickled; it only travels between processes of this run.
        world_size: how many processes there are; a single one needs no process group.

    Raises:
        InputError: no process group of that many processes was started.
    """
    if world_size == 1:
        return [value]
    if not torch.distributed.is_initialized() or torch.distributed.get_world_size() != world_size:
        raise InputError(f"world size {world_size}: start that many processes, for example with torchrun")
    gathered: list[ValueT | None] = [None] * world_size
    torch.distributed.all_gather_object(gathered, value)
    return gathered  # type: ignore[return-value]  # all filled
