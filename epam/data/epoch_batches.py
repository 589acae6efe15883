"""Which samples make which batch: of a whole training run from any step on, or of an evaluation."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from torch.utils.data import Sampler

from epam.data.clip_dataset import ClipRequest
from epam.data.sample_randomness import epoch_generator
from epam.errors import InputError


class EpochBatches(Sampler[list[ClipRequest]]):
    """The batches of all epochs of a run, from a given step on.

    An epoch's order depends on the seed and the epoch alone, so that a run that goes on at any step
    gets the batches that it would have got, with any number of loader workers.

    Several processes share out each global batch of ``batch_size · world_size`` samples, none
    twice. At the end of an epoch there may be fewer: then these are shared evenly, to within one;
    if there are not even enough for one each, that epoch leaves them out (other samples in
    another epoch).

    With ``class_balanced`` every class that occurs has the same part of an epoch, to within one
    sample; a class's samples all come equally often, to within one.

    Args:
        labels: ``(samples,)`` the class of each.
        batch_size: samples of one process's batch.
        epochs: epochs of the whole run.
        seed: of the order.
        rank: which of the processes this is, from 0.
        world_size: how many there are.
        start_step: batches of the run that are already done, of all epochs together.
        class_balanced: draw classes equally often.

    Attributes:
        steps_per_epoch: batches of an epoch, the same for every process.

    Raises:
        InputError: no samples, fewer than processes, or a number that makes no sense.
    """

    def __init__(
        self,
        *,
        labels: NDArray[np.int64],
        batch_size: int,
        epochs: int,
        seed: int,
        rank: int = 0,
        world_size: int = 1,
        start_step: int = 0,
        class_balanced: bool = False,
    ) -> None:
        _check_processes(batch_size, rank, world_size)
        if len(labels) < world_size:
            raise InputError(f"{len(labels)} samples for {world_size} processes; each needs at least one")
        if epochs < 1 or start_step < 0:
            raise InputError(f"{epochs} epochs from step {start_step} on; give 1 or more, and a step from 0")
        self._labels = np.asarray(labels)
        self._global_batch = batch_size * world_size
        self._epochs = epochs
        self._seed = seed
        self._rank, self._world_size = rank, world_size
        self._start_step = start_step
        self._class_balanced = class_balanced
        full, left_over = divmod(len(labels), self._global_batch)
        self.steps_per_epoch = full + (left_over >= world_size)

    def __len__(self) -> int:
        """Batches that are still to come."""
        return max(0, self._epochs * self.steps_per_epoch - self._start_step)

    def __iter__(self) -> Iterator[list[ClipRequest]]:
        first_epoch, skipped_steps = divmod(self._start_step, self.steps_per_epoch)
        for epoch in range(first_epoch, self._epochs):
            order = self.epoch_order(epoch)
            for step in range(skipped_steps, self.steps_per_epoch):
                everyones = order[step * self._global_batch : (step + 1) * self._global_batch]
                mine = np.array_split(everyones, self._world_size)[self._rank]
                yield [ClipRequest(epoch, index) for index in mine.tolist()]
            skipped_steps = 0

    def epoch_order(self, epoch: int) -> NDArray[np.int64]:
        """``(samples,)`` indices of an epoch in the order that the batches are cut from."""
        generator = epoch_generator(self._seed, epoch)
        if not self._class_balanced:
            return generator.permutation(len(self._labels))
        return _balanced_order(self._labels, generator)


def _balanced_order(labels: NDArray[np.int64], generator: np.random.RandomState) -> NDArray[np.int64]:
    """As many indices as labels, each class equally often to within one; who gets the one is drawn."""
    classes = generator.permutation(np.unique(labels))
    share, extra = divmod(len(labels), len(classes))
    chosen = [
        _repeat_shuffled(np.flatnonzero(labels == label), share + (position < extra), generator)
        for position, label in enumerate(classes)
    ]
    return generator.permutation(np.concatenate(chosen))


def _repeat_shuffled(
    members: NDArray[np.int64], size: int, generator: np.random.RandomState
) -> NDArray[np.int64]:
    rounds = [generator.permutation(members) for _ in range(-(-size // len(members)))]
    return np.concatenate([*rounds, members[:0]])[:size]


class ExactBatches(Sampler[list[ClipRequest]]):
    """An evaluation's batches: over all processes every sample once, none padded, none dropped.

    Processes may get different numbers of batches, and some none.

    Args:
        size: samples of the split.
        batch_size: samples of one process's batch; the last may be smaller.
        rank: which of the processes this is, from 0; it takes every ``world_size``-th sample.
        world_size: how many there are.

    Raises:
        InputError: a number that makes no sense.
    """

    def __init__(self, size: int, *, batch_size: int, rank: int = 0, world_size: int = 1) -> None:
        _check_processes(batch_size, rank, world_size)
        if size < 0:
            raise InputError(f"{size} samples; give 0 or more")
        self._indices = range(rank, size, world_size)
        self._batch_size = batch_size

    def __len__(self) -> int:
        return -(-len(self._indices) // self._batch_size)

    def __iter__(self) -> Iterator[list[ClipRequest]]:
        for start in range(0, len(self._indices), self._batch_size):
            yield [ClipRequest(0, index) for index in self._indices[start : start + self._batch_size]]


def _check_processes(batch_size: int, rank: int, world_size: int) -> None:
    if batch_size < 1:
        raise InputError(f"batch_size is {batch_size}; it must be at least 1")
    if not 0 <= rank < world_size:
        raise InputError(f"process {rank} of {world_size}; give a rank from 0 to {world_size - 1}")
