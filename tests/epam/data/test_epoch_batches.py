from collections import Counter
from itertools import chain, product

import numpy as np
import pytest

from epam.data.epoch_batches import EpochBatches, ExactBatches
from epam.errors import InputError

SIZES, BATCH_SIZES, WORLD_SIZES = [1, 2, 5, 7, 97], [1, 3, 8], [1, 2, 3, 4]


def labels(size: int) -> np.ndarray:
    return np.zeros(size, dtype=np.int64)


def indices(batches: EpochBatches | ExactBatches) -> list[list[int]]:
    return [[request.index for request in batch] for batch in batches]


def epochs(batches: EpochBatches | ExactBatches) -> list[int]:
    return [request.epoch for batch in batches for request in batch]


def test_every_epoch_has_every_sample_once_in_another_order() -> None:
    batches = EpochBatches(labels=labels(10), batch_size=4, epochs=3, seed=0)
    assert batches.steps_per_epoch == 3
    assert len(batches) == 9
    drawn = indices(batches)
    assert [len(batch) for batch in drawn] == [4, 4, 2] * 3
    orders = [list(chain.from_iterable(drawn[start : start + 3])) for start in (0, 3, 6)]
    assert all(sorted(order) == list(range(10)) for order in orders)
    assert len({tuple(order) for order in orders}) == 3
    assert epochs(batches) == [0] * 10 + [1] * 10 + [2] * 10


def test_the_order_is_the_seeds() -> None:
    def draw(seed: int) -> list[list[int]]:
        return indices(EpochBatches(labels=labels(20), batch_size=4, epochs=2, seed=seed))

    assert draw(1) == draw(1)
    assert draw(1) != draw(2)


@pytest.mark.parametrize("class_balanced", [False, True])
@pytest.mark.parametrize("world_size", [1, 2])
def test_from_any_step_on_the_batches_are_those_that_were_left(world_size: int, class_balanced: bool) -> None:
    def batches(start_step: int) -> EpochBatches:
        return EpochBatches(
            labels=np.arange(11) % 3,
            batch_size=2,
            epochs=3,
            seed=5,
            rank=world_size - 1,
            world_size=world_size,
            start_step=start_step,
            class_balanced=class_balanced,
        )

    whole = list(batches(0))
    for step in range(len(whole) + 2):
        assert list(batches(step)) == whole[step:]
        assert len(batches(step)) == len(whole[step:])


# Fewer samples than processes are refused.
SHARED = [case for case in product(SIZES, BATCH_SIZES, WORLD_SIZES) if case[0] >= case[2]]


@pytest.mark.parametrize(("size", "batch_size", "world_size"), SHARED)
def test_processes_share_out_each_global_batch_and_none_goes_without(
    size: int, batch_size: int, world_size: int
) -> None:
    ranks = [
        EpochBatches(
            labels=labels(size), batch_size=batch_size, epochs=2, seed=0, rank=rank, world_size=world_size
        )
        for rank in range(world_size)
    ]
    shares = [indices(rank) for rank in ranks]
    assert {len(share) for share in shares} == {2 * ranks[0].steps_per_epoch}
    for step in zip(*shares, strict=True):
        lengths = [len(share) for share in step]
        assert min(lengths) >= 1
        assert max(lengths) <= batch_size
        assert max(lengths) - min(lengths) <= 1
    for epoch in range(2):
        seen = Counter(
            index
            for share in shares
            for batch in share[epoch * ranks[0].steps_per_epoch : (epoch + 1) * ranks[0].steps_per_epoch]
            for index in batch
        )
        assert set(seen.values()) == {1}
        left_over = size % (batch_size * world_size)
        assert size - len(seen) == (left_over if left_over < world_size else 0)


def test_two_processes_of_half_the_batch_see_the_batches_of_one() -> None:
    one = indices(EpochBatches(labels=labels(23), batch_size=8, epochs=1, seed=0))
    halves = [
        indices(EpochBatches(labels=labels(23), batch_size=4, epochs=1, seed=0, rank=rank, world_size=2))
        for rank in (0, 1)
    ]
    assert [first + second for first, second in zip(*halves, strict=True)] == one


def test_balanced_classes_have_the_same_part_of_an_epoch() -> None:
    skewed = np.array([0] * 90 + [1] * 9 + [4])
    batches = EpochBatches(labels=skewed, batch_size=10, epochs=3, seed=0, class_balanced=True)
    drawn = indices(batches)
    orders = [list(chain.from_iterable(drawn[start : start + 10])) for start in (0, 10, 20)]
    for order in orders:
        assert sorted(Counter(skewed[order].tolist()).values()) == [33, 33, 34]
        times = Counter(order)
        of_class = [[times[index] for index in np.flatnonzero(skewed == label)] for label in (0, 1, 4)]
        assert all(max(counts) - min(counts) <= 1 for counts in of_class)
    assert len({tuple(order) for order in orders}) == 3


def test_over_the_epochs_a_balanced_class_shows_all_its_samples() -> None:
    skewed = np.array([0] * 30 + [1] * 2)
    batches = EpochBatches(labels=skewed, batch_size=8, epochs=12, seed=0, class_balanced=True)
    assert {index for batch in indices(batches) for index in batch} == set(range(32))


@pytest.mark.parametrize("world_size", WORLD_SIZES)
@pytest.mark.parametrize("batch_size", BATCH_SIZES)
@pytest.mark.parametrize("size", [0, *SIZES])
def test_an_evaluation_has_every_sample_once_over_all_processes(
    size: int, batch_size: int, world_size: int
) -> None:
    ranks = [
        ExactBatches(size, batch_size=batch_size, rank=rank, world_size=world_size)
        for rank in range(world_size)
    ]
    shares = [indices(rank) for rank in ranks]
    assert sorted(index for share in shares for batch in share for index in batch) == list(range(size))
    assert [len(rank) for rank in ranks] == [len(share) for share in shares]
    assert all(1 <= len(batch) <= batch_size for share in shares for batch in share)


def test_one_process_evaluates_in_the_splits_order() -> None:
    assert indices(ExactBatches(5, batch_size=2)) == [[0, 1], [2, 3], [4]]


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"labels": labels(0)}, "0 samples for 1 processes; each needs at least one"),
        ({"labels": labels(2), "world_size": 3}, "2 samples for 3 processes"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"epochs": 0}, "0 epochs from step 0 on"),
        ({"start_step": -1}, "from step -1 on"),
        ({"rank": 2, "world_size": 2}, "process 2 of 2; give a rank from 0 to 1"),
    ],
)
def test_training_batches_that_make_no_sense_are_refused(changes: dict, complaint: str) -> None:
    arguments = {"labels": labels(5), "batch_size": 2, "epochs": 1, "seed": 0} | changes
    with pytest.raises(InputError, match=complaint):
        EpochBatches(**arguments)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ({"size": -1, "batch_size": 1}, "-1 samples"),
        ({"size": 3, "batch_size": 0}, "batch_size is 0"),
        ({"size": 3, "batch_size": 1, "rank": -1}, "process -1 of 1"),
    ],
)
def test_evaluation_batches_that_make_no_sense_are_refused(arguments: dict, complaint: str) -> None:
    with pytest.raises(InputError, match=complaint):
        ExactBatches(**arguments)
