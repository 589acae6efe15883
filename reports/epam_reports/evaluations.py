"""Accuracy records as tables and figures name them, and what each must not be read without."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

from epam_bench.records import AccuracyRecord, AnyRecord, SkipReason, Stream
from epam_reports.costs import count_views
from epam_reports.measurements import describe_input, newest
from epam_reports.protocols import published_name

HASH_DIGITS = 8
"""Enough to tell apart the weights of one table; the frame has the whole hash."""

STREAM_NAMES: Mapping[Stream, str] = {"fused": "fused", "rgb": "RGB", "pose": "pose"}
MODALITY_NAMES = {"rgb": "RGB", "pose": "pose"}

_FACETS: tuple[Callable[[AccuracyRecord], str], ...] = (
    lambda record: describe_weights(record),
    lambda record: count_views(record.views),
    lambda record: record.backend,
    lambda record: record.precision,
    lambda record: describe_input(record.model),
    lambda record: f"samples {record.split_sha256[:HASH_DIGITS]}",
    lambda record: f"classes {record.label_map_sha256[:HASH_DIGITS]}",
)
"""What may tell apart two evaluations of one network on one protocol, said only where it does."""


@dataclass(frozen=True)
class Evaluation:
    """One accuracy record.

    Attributes:
        suffix: tells it from others of the same network on the same protocol; mostly empty.
    """

    record: AccuracyRecord
    suffix: str = ""

    @property
    def title(self) -> str:
        """The network as a row is headed: ``EPAM-Net``, or ``EPAM-Net (10 views)``."""
        return self.record.model.title + self.suffix

    @property
    def dataset(self) -> str:
        """The data set, as published accuracies call it."""
        return published_name(self.record.dataset, self.record.protocol)[0]

    @property
    def split(self) -> str:
        """The split likewise, with the part unless it is the test part, which published accuracies are of."""
        _, split = published_name(self.record.dataset, self.record.protocol)
        if self.record.part == "test":
            return split
        if self.record.part is not None:
            return f"{split}, {self.record.part} part"
        return f"{split}, {self.record.split or 'unnamed split'}"

    @property
    def heading(self) -> str:
        """Network and data in one line: ``EPAM-Net on NTU60 X-Sub``."""
        return f"{self.title} on {self.dataset} {self.split}"

    @property
    def modalities(self) -> str:
        """As published rows have it: ``RGB+pose``."""
        return "+".join(MODALITY_NAMES[modality] for modality in self.record.model.modalities)


def gather_evaluations(records: Iterable[AnyRecord]) -> tuple[Evaluation, ...]:
    """The newest accuracy record of each setting, first seen first; other records are passed over."""
    found = [Evaluation(record) for record in newest(records, AccuracyRecord)]
    alike: dict[str, list[AccuracyRecord]] = {}
    for entry in found:
        alike.setdefault(entry.heading, []).append(entry.record)
    return tuple(Evaluation(entry.record, _suffix(entry.record, alike[entry.heading])) for entry in found)


def describe_weights(record: AccuracyRecord) -> str:
    """``best.safetensors, weights 0123abcd``, or ``random weights 0123abcd``."""
    digits = record.weights_sha256[:HASH_DIGITS]
    return f"{record.checkpoint}, weights {digits}" if record.checkpoint else f"random weights {digits}"


def unsaid_caveats(record: AccuracyRecord) -> tuple[str, ...]:
    """What its fields say against an accuracy, as far as the record's own caveats don't say it already."""
    sentences: list[tuple[str, str]] = []
    if record.checkpoint is None:
        sentences.append(("weights are random", "the weights are random: nothing was learnt"))
    if record.interrupted:
        settled = record.evaluated + len(record.skipped)
        told = f"interrupted after {settled} of {record.split_samples} samples"
        sentences.append(("interrupted after", told))
    if record.skipped:
        told = f"{len(record.skipped)} of {record.split_samples} samples could not be evaluated"
        sentences.append(("could not be evaluated", f"{told} ({_reasons(record)})"))
    return tuple(
        sentence for key, sentence in sentences if not any(key in caveat for caveat in record.caveats)
    )


def _reasons(record: AccuracyRecord) -> str:
    reasons = [entry.reason for entry in record.skipped]
    counted = [(reasons.count(reason), reason) for reason in get_args(SkipReason)]
    return ", ".join(f"{count} {reason}" for count, reason in counted if count)


def _suffix(record: AccuracyRecord, alike: Sequence[AccuracyRecord]) -> str:
    said = [facet(record) for facet in _FACETS if len({facet(other) for other in alike}) > 1]
    return f" ({', '.join(said)})" if said else ""
