"""A reading: one value that a claim should have if it meant this, and how far that departs from its words."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Departure(IntEnum):
    """What a reading does to the claim's words, the gravest where it does several things."""

    NONE = 0
    CONVENTION = 1
    MAC_FLOP = 2
    VIEWS = 3


class Burden(IntEnum):
    """What one departure weighs; a reading bears the sum of its own, and the least burdened wins.

    The order is of how often each explains a published number: a counter's own rule before a factor of
    two, that before views, and what only a search turns up last.
    """

    NONE = 0
    OWN_RULE = 1
    KNOWN_INPUT = 5
    RULE = 10
    TEST_CROP = 15
    MAC_FLOP = 20
    VIEWS_OF_ACCURACY = 25
    OTHER_VIEWS = 30
    OTHER_INPUT = 32
    COMBINATION = 35
    BATCH = 60


@dataclass(frozen=True)
class Reading:
    """One value that the claim should have if it meant this.

    Attributes:
        convention: what was counted, in words.
        value: in the claim's unit.
        operands: the numbers that the value was made from.
        departure: what it does to the claim's words.
        burden: how much of that, to be compared (:class:`Burden`).
        tight: departs more than once, or is one of several of its kind, so that it must come nearer.
        measured: from our records; otherwise from printed numbers alone.
        telling: belongs in the reason even when it does not match.
        spread: how far chance alone may have moved the value, in its unit.
        combination: found by the search over what counters may add.
    """

    convention: str
    value: float
    operands: str
    departure: Departure
    burden: int = 0
    tight: bool = False
    measured: bool = True
    telling: bool = False
    spread: float = 0.0
    combination: bool = False
