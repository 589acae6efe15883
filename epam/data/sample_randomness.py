"""Randomness that belongs to a sample of an epoch, whoever prepares it and whenever."""

from __future__ import annotations

import random
from dataclasses import dataclass

import numpy as np

from epam.errors import InputError

_SAMPLE, _EPOCH = 0, 1
"""Keys that keep the streams of samples and those of epochs apart."""


@dataclass(frozen=True, eq=False)
class SampleRandomness:
    """The two generators that the published transforms draw from.

    Attributes:
        numpy: legacy NumPy draws, whose stream is frozen: frame sampling, sizes of crops, the coin.
        python: draws of the standard library: where a crop lies.
    """

    numpy: np.random.RandomState
    python: random.Random

    @classmethod
    def of(cls, seed: int, epoch: int, index: int, view: int = 0) -> SampleRandomness:
        """Generators that depend on these numbers and on nothing else.

        Hence any number of loader workers, and a run resumed anywhere, sees the same clips.

        Raises:
            InputError: a number below 0, or of more than 32 bits.
        """
        source = np.random.SeedSequence(_words(seed, epoch, index, view), spawn_key=(_SAMPLE,))
        first, second = source.spawn(2)
        return cls(
            numpy=np.random.RandomState(np.random.MT19937(first)),
            python=random.Random(second.generate_state(4).tobytes()),
        )


def epoch_generator(seed: int, epoch: int) -> np.random.RandomState:
    """The generator of an epoch's order, independent of every sample's.

    Raises:
        InputError: a number below 0, or of more than 32 bits.
    """
    source = np.random.SeedSequence(_words(seed, epoch), spawn_key=(_EPOCH,))
    return np.random.RandomState(np.random.MT19937(source))


def _words(*numbers: int) -> list[int]:
    # SeedSequence splits longer numbers, and then [1, 0] and [1 << 32 …] could be one seed.
    for number in numbers:
        if not 0 <= number < 1 << 32:
            raise InputError(f"random seed, epoch or index {number}; give a number from 0 to {(1 << 32) - 1}")
    return list(numbers)
