"""How the data sets and protocols of records are called where accuracies are published."""

from __future__ import annotations

from collections.abc import Mapping

PUBLISHED_NAMES: Mapping[tuple[str, str], tuple[str, str]] = {
    ("ntu60", "xsub"): ("NTU60", "X-Sub"),
    ("ntu60", "xview"): ("NTU60", "X-View"),
    ("ntu120", "xsub"): ("NTU120", "X-Sub"),
    ("ntu120", "xset"): ("NTU120", "X-Set"),
    ("pku_mmd", "xsub"): ("PKU-MMD", "X-Sub"),
    ("pku_mmd", "xview"): ("PKU-MMD", "X-View"),
    ("toyota_smarthome", "cs"): ("Toyota Smarthome", "CS"),
    ("toyota_smarthome", "cv1"): ("Toyota Smarthome", "CV1"),
    ("toyota_smarthome", "cv2"): ("Toyota Smarthome", "CV2"),
    ("embedded", "xsub"): ("Embedded (drawn)", "X-Sub"),
    ("embedded", "xview"): ("Embedded (drawn)", "X-View"),
}
"""Data set and protocol of a record → data set and split of ``published/numbers.csv``, where it has them."""

PAPER_DATA_SETS = ("ntu60", "ntu120", "pku_mmd", "toyota_smarthome")
"""Those that the paper compares itself on, in its order."""


def published_name(dataset: str, protocol: str) -> tuple[str, str]:
    """Data set and split as a table prints them; a user's own data set keeps its names.

    >>> published_name("ntu60", "xsub")
    ('NTU60', 'X-Sub')
    """
    return PUBLISHED_NAMES.get((dataset, protocol), (dataset, protocol))


def splits_of(dataset: str) -> tuple[str, ...]:
    """A data set's splits as published, in the order in which tables have them; none of a user's own.

    >>> splits_of("ntu120")
    ('X-Sub', 'X-Set')
    """
    return tuple(split for (name, _), (_, split) in PUBLISHED_NAMES.items() if name == dataset)
