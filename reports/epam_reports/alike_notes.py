"""Notes that differ from row to row in their counts alone are told once, with the count of each."""

from __future__ import annotations

import re
from collections.abc import Sequence

MOST_LISTED = 6
"""Of more counts than these, the least and the largest are told: nobody matches a longer list with rows."""

_COUNT = re.compile(r"±\d+(?:\.\d+)?%|\b\d+(?=(?: of \d+)? samples\b)")
"""How wide an interval is, and how many samples there are: what a run says of many rows."""


def outline_of(note: str) -> str:
    """The note without its counts: what notes that can be told together have in common."""
    return _COUNT.sub("…", note)


def tell_together(notes: Sequence[str]) -> str:
    """Notes of one outline as one; counts that differ stand in the order of the notes.

    >>> tell_together(["it is ±64.7%, not the ±2.0% asked for", "it is ±8.1%, not the ±2.0% asked for"])
    'it is ±64.7% / ±8.1%, not the ±2.0% asked for'
    """
    places = zip(*(_COUNT.findall(note) for note in notes), strict=True)
    told = iter([_list(found) for found in places])
    return _COUNT.sub(lambda _: next(told), notes[0])


def _list(counts: Sequence[str]) -> str:
    if len(set(counts)) == 1:
        return counts[0]
    if len(counts) <= MOST_LISTED:
        return " / ".join(counts)
    ordered = sorted(counts, key=lambda count: float(count.strip("±%")))
    return f"{ordered[0]} to {ordered[-1]}"
