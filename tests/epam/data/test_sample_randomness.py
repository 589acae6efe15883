from itertools import product

import pytest

from epam.data.sample_randomness import SampleRandomness, epoch_generator
from epam.errors import InputError


def draws(randomness: SampleRandomness) -> tuple[float, float]:
    return randomness.numpy.rand(), randomness.python.random()


def test_the_same_numbers_give_the_same_draws_again() -> None:
    assert draws(SampleRandomness.of(1, 2, 3)) == draws(SampleRandomness.of(1, 2, 3))


def test_every_seed_epoch_index_and_view_has_draws_of_its_own() -> None:
    all_draws = [draws(SampleRandomness.of(*numbers)) for numbers in product(range(3), repeat=4)]
    numpy_draws, python_draws = zip(*all_draws, strict=True)
    assert len(set(numpy_draws)) == len(set(python_draws)) == 81


def test_an_epochs_order_is_not_drawn_from_any_samples_stream() -> None:
    orders = {epoch_generator(0, epoch).rand() for epoch in range(20)}
    samples = {
        SampleRandomness.of(0, epoch, index).numpy.rand() for epoch in range(20) for index in range(20)
    }
    assert len(orders) == 20
    assert not orders & samples


@pytest.mark.parametrize("number", [-1, 1 << 32])
def test_numbers_that_would_run_into_others_are_refused(number: int) -> None:
    with pytest.raises(InputError, match=f"random seed, epoch or index {number}; give a number from 0"):
        SampleRandomness.of(number, 0, 0)
    with pytest.raises(InputError, match=str(number)):
        epoch_generator(0, number)
