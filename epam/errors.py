"""Problems that the user can mend, each told in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

LISTED_NAMES = 20
"""A message without a near match names this many, then counts the rest."""

PRINTED_CHARACTERS = 120
"""A message shows this much of a name that came out of a file."""


def printable(name: str) -> str:
    """A name from a file as it may stand in a one-line message: no control characters, not too long."""
    shown = name if name.isprintable() else ascii(name)[1:-1]
    return shown if len(shown) <= PRINTED_CHARACTERS else f"{shown[:PRINTED_CHARACTERS]}…"


class EpamError(Exception):
    """A problem with what the user gave; the message names the thing, the value and the fix."""


class InputError(EpamError, ValueError):
    """A value, shape or option that cannot be used."""


class CheckpointError(InputError):
    """A checkpoint that is unreadable, unsafe, or not this model's."""


class AnnotationError(InputError):
    """An annotation file, or one sample in it, that is unreadable, unsafe or malformed."""


class VideoError(InputError):
    """A video that is missing, damaged, or not the one that the annotation describes."""


class VideoWarning(UserWarning):
    """A video that can be used but does not agree with its annotation."""


class UnknownNameError(EpamError, LookupError):
    """A name that is not in a registry; the message lists the nearest that are.

    >>> raise UnknownNameError("model", "epamnet", ["epam_net", "c3d"])
    Traceback (most recent call last):
    epam.errors.UnknownNameError: unknown model 'epamnet'; did you mean 'epam_net'?
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        # Sample ids are upper case, models lower: compare as one, name as it is.
        by_folded = {candidate.lower(): candidate for candidate in names}
        near = difflib.get_close_matches(name.lower(), list(by_folded), n=3, cutoff=0.5)
        near = near or [folded for folded in by_folded if name.lower() in folded][:3]
        self.name = name
        self.nearest = [by_folded[folded] for folded in near]
        super().__init__(f"unknown {kind} {name!r}; {self._hint(names)}")

    def _hint(self, names: list[str]) -> str:
        if self.nearest:
            return f"did you mean {' or '.join(map(repr, self.nearest))}?"
        more = len(names) - LISTED_NAMES
        return f"known: {', '.join(names[:LISTED_NAMES])}" + (f" and {more} more" if more > 0 else "")
