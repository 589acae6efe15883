"""The processes of one run: alone, or started by ``torchrun`` and tied together by DDP."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from epam.devices import check_device
from epam.errors import EpamError, InputError

T = TypeVar("T")

USER_ERROR = 2


@dataclass(frozen=True)
class Processes:
    """This process among those of the run.

    Attributes:
        rank: number of this process; 0 is the first, which writes files and talks to the user.
        world_size: how many there are.
        device: where this process computes.
    """

    rank: int
    world_size: int
    device: torch.device

    @property
    def is_first(self) -> bool:
        """Whether this is the process that writes and talks."""
        return self.rank == 0

    @property
    def is_alone(self) -> bool:
        """Whether there are no others."""
        return self.world_size == 1

    def total(self, values: Sequence[float]) -> list[float]:
        """Each value summed over all processes, in float64; every process gets the same sums.

        Goes over the CPU's backend, so that it does not wait for what the GPU has queued.
        """
        if self.is_alone:
            return list(values)
        sums = torch.tensor(values, dtype=torch.float64)
        dist.all_reduce(sums)
        return sums.tolist()

    def gather(self, value: T) -> list[T]:
        """The values of all processes, by rank, for every process."""
        if self.is_alone:
            return [value]
        values: list[Any] = [None] * self.world_size
        dist.all_gather_object(values, value)
        return values

    def from_first(self, value: T) -> T:
        """The first process's value, for every process; the others' are not looked at."""
        if self.is_alone:
            return value
        values: list[Any] = [value]
        dist.broadcast_object_list(values, src=0)
        return values[0]

    @contextmanager
    def same_fate(self) -> Iterator[None]:
        """What the user must mend in one process ends all of them, and is told once, by the first.

        Every process must enter and leave it together.

        Raises:
            EpamError: in the first process: its own, or that of the lowest other one, with its rank.
            SystemExit: in the others, silently.
        """
        error: EpamError | None = None
        try:
            yield
        except EpamError as own:
            error = own
        messages = self.gather(None if error is None else str(error))
        if error is not None and self.is_first:
            raise error
        for rank, message in enumerate(messages):
            if message is not None:
                raise InputError(f"process {rank}: {message}") if self.is_first else SystemExit(USER_ERROR)

    def with_shared_norms(self, module: nn.Module) -> nn.Module:
        """Let batch norms see the clips of all processes; on CUDA only, where PyTorch can."""
        if self.is_alone or self.device.type != "cuda":
            return module
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)

    def in_step(self, module: nn.Module) -> nn.Module:
        """The network with gradients averaged over all processes, weights starting as the first's."""
        if self.is_alone:
            return module
        return DistributedDataParallel(
            module, device_ids=[self.device] if self.device.type == "cuda" else None
        )

    def share_buffers(self, module: nn.Module) -> None:
        """Give every process the first one's buffers: norms that are not shared drift apart."""
        if not self.is_alone:
            for buffer in module.buffers():
                dist.broadcast(buffer, src=0)


def keep_gradients_local(network: nn.Module) -> AbstractContextManager[None]:
    """While entered, gradients add up in each process by itself: an update is still to come."""
    return network.no_sync() if isinstance(network, DistributedDataParallel) else nullcontext()


@contextmanager
def join_processes(device: str, *, environment: Mapping[str, str] = os.environ) -> Iterator[Processes]:
    """Find out from ``torchrun``'s environment which process this is, and meet the others.

    Args:
        device: ``cpu``, or ``cuda``: of several processes each gets the GPU of its local rank.
            One process alone may name ``cuda:N``.
        environment: ``WORLD_SIZE``, ``RANK`` and ``LOCAL_RANK``; without them the process is alone.

    Raises:
        UnknownNameError: another kind of device.
        InputError: a device that this machine lacks, or an environment that makes no sense.
    """
    rank, world_size, local_rank = _place(environment)
    if world_size == 1:
        yield Processes(0, 1, check_device(device))
        return
    own = _own_device(device, local_rank)
    if own.type == "cuda":
        torch.cuda.set_device(own)
    dist.init_process_group("cpu:gloo,cuda:nccl" if own.type == "cuda" else "gloo")
    try:
        yield Processes(rank, world_size, own)
    finally:
        dist.destroy_process_group()


def _own_device(device: str, local_rank: int) -> torch.device:
    if ":" in device:
        raise InputError(
            f"device {device!r}: of several processes each takes the GPU of its own; write --device cuda"
        )
    return check_device(f"cuda:{local_rank}" if device == "cuda" else device)


def _place(environment: Mapping[str, str]) -> tuple[int, int, int]:
    """Rank, world size and local rank."""
    world_size = _number(environment, "WORLD_SIZE", 1)
    rank, local_rank = _number(environment, "RANK", 0), _number(environment, "LOCAL_RANK", 0)
    if world_size < 1 or not 0 <= rank < world_size:
        raise InputError(
            f"RANK={rank} and WORLD_SIZE={world_size} in the environment make no sense; start the "
            "processes with torchrun, or unset both"
        )
    return rank, world_size, local_rank


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    value = environment.get(name)
    try:
        return default if value is None else int(value)
    except ValueError:
        raise InputError(
            f"{name}={value!r} in the environment is not a number; start the processes with torchrun, "
            "or unset it"
        ) from None
