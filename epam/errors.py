"""Problems that the user can mend, each told in one line."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


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


class UnknownNameError(EpamError, LookupError):
    """A name that is not in a registry; the message lists the nearest that are.

    >>> raise UnknownNameError("model", "epamnet", ["epam_net", "c3d"])
    Traceback (most recent call last):
    epam.errors.UnknownNameError: unknown model 'epamnet'; did you mean 'epam_net'?
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = difflib.get_close_matches(name.lower(), names, n=3, cutoff=0.5)
        near = near or [candidate for candidate in names if name.lower() in candidate][:3]
        hint = f"did you mean {' or '.join(map(repr, near))}?" if near else f"known: {', '.join(names)}"
        super().__init__(f"unknown {kind} {name!r}; {hint}")
        self.name = name
        self.nearest = near
