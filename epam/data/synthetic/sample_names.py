"""Which samples a data set has: NTU's names, spread over performers, cameras and setups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from epam.data.datasets import get_dataset
from epam.errors import InputError

PERFORMERS, SETUPS, CAMERAS, REPETITIONS = 40, 17, 3, 2
"""NTU RGB+D 60's: the numbers that its names may have."""

_TURNS = ("test", "train", "train")
"""Part of X-Sub of the first, second, third … sample of a class: one in three is for the test."""

MOST_SAMPLES_PER_CLASS = PERFORMERS // 2 * SETUPS * REPETITIONS
"""Fewer than would fit, so that no name ever comes up twice."""


def choose_names(actions: Sequence[int], samples_per_class: int) -> Iterator[str]:
    """Name the samples, class by class; a larger number per class begins with the same names.

    The first two samples of a class already fill every part of every protocol.

    Args:
        actions: class indices, from 0.
        samples_per_class: videos of each.

    Raises:
        InputError: a class that does not exist or comes twice, or a number that cannot be named.
    """
    _check(actions, samples_per_class)
    performers = _performers_by_part()
    for action in actions:
        for index in range(samples_per_class):
            part = _TURNS[index % len(_TURNS)]
            turn = sum(_TURNS[earlier % len(_TURNS)] == part for earlier in range(index))
            round_, place = divmod(turn, len(performers[part]))
            # Classes begin with different performers, so that few samples show many people.
            performer = performers[part][(place + 7 * action) % len(performers[part])]
            setup = 1 + (round_ + 5 * performer) % SETUPS
            camera = 1 + (index + index // len(_TURNS)) % CAMERAS
            repetition = 1 + round_ // SETUPS
            yield f"S{setup:03}C{camera:03}P{performer:03}R{repetition:03}A{action + 1:03}"


def _check(actions: Sequence[int], samples_per_class: int) -> None:
    classes = get_dataset("embedded").protocol("xsub").num_classes
    for action in actions:
        if not 0 <= action < classes:
            raise InputError(f"action {action} cannot be drawn; 0 to {classes - 1} can")
    if not actions or len(set(actions)) < len(actions):
        raise InputError(f"actions are {list(actions)}; name at least one, each once")
    if not 1 <= samples_per_class <= MOST_SAMPLES_PER_CLASS:
        raise InputError(
            f"samples_per_class is {samples_per_class}; 1 to {MOST_SAMPLES_PER_CLASS} can be named"
        )


def _performers_by_part() -> dict[str, list[int]]:
    protocol = get_dataset("embedded").protocol("xsub")
    parts: dict[str, list[int]] = {}
    for performer in range(1, PERFORMERS + 1):
        parts.setdefault(protocol.part_of(f"S001C001P{performer:03}R001A001"), []).append(performer)
    return parts
