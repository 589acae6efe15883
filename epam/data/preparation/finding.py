"""What a check can find wrong."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal[
    "another data set",
    "unusable sample",
    "no split",
    "count",
    "overlap",
    "rule",
    "label",
    "missing video",
    "damaged video",
    "unexpected file",
]


class Finding(NamedTuple):
    """Something wrong: what kind, of which sample (or split, or file), and the line that says so."""

    kind: Kind
    subject: str
    message: str
