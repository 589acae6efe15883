"""What a published cost could mean: our counts re-read under each convention that users were misled by."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import IntEnum

from epam_bench.records import CountRecord, ModelCard
from epam_reports.measurements import Measured, describe_input

GIGA, MEGA, GIBI = 1e9, 1e6, 1024**3

MULTIPLE_VIEWS = (3, 5, 10, 12, 30)
"""Views that published tests sum over: 3 crops, 5 or 10 clips, 4 × 3 and 10 × 3."""

TEST_CROP_AREA = (256 / 224) ** 2
"""Test crops of 256² where the model is trained on 224²; convolutions grow with the area."""

ONE_PER_NORM_ELEMENT = "fvcore"
"""The counter that adds one operation for each element of a norm, so that its share can be doubled."""

HEAD_FEATURES = {"epam_net": (432, 216), "timesformer": (768,)}
"""Width of what each linear head sees: EPAM-Net has two, one a stream (published code);
TimeSformer one, on its class token (its paper's ViT-B)."""


class Departure(IntEnum):
    """How far a reading is from what the claim says, the least first."""

    NONE = 0
    CONVENTION = 1
    MAC_FLOP = 2
    VIEWS = 3


@dataclass(frozen=True)
class Reading:
    """One value that the claim should have if it meant this.

    Attributes:
        convention: what was counted, in words.
        value: in the claim's unit.
        operands: the numbers that the value was made from.
        measured: from our records; otherwise from printed numbers alone.
        telling: belongs in the reason even when it does not match.
    """

    convention: str
    value: float
    operands: str
    departure: Departure
    measured: bool = True
    telling: bool = False


def macs_readings(measured: Measured, others: Iterable[Measured]) -> list[Reading]:
    """Every reading of one model's GMACs; ``others`` are the same model on other inputs."""
    readings: list[Reading] = []
    for rank, record in enumerate(measured.complete_counts):
        first = Departure.NONE if rank == 0 else Departure.CONVENTION
        total = record.macs / GIGA
        readings.append(
            Reading(f"{record.counter}'s count, one view", total, f"{total:.3f} G", first, telling=True)
        )
        readings.extend(_misread(record.counter, total))
        readings.extend(_by_operation(record))
    readings.extend(_at_other_inputs(others))
    return readings


def parameter_readings(measured: Measured) -> list[Reading]:
    """Every reading of one model's parameters, in millions."""
    card = measured.card
    total = card.parameters / MEGA
    readings = [Reading("all parameters", total, f"{card.parameters:,}", Departure.NONE, telling=True)]
    head = head_parameters(card)
    if head is not None:
        rest = card.parameters - head
        operands = f"{card.parameters:,} − {head:,} of the head"
        readings.append(Reading("head left out", rest / MEGA, operands, Departure.CONVENTION))
    return readings


def head_parameters(card: ModelCard) -> int | None:
    """Weights and biases of the model's linear heads; none for a model whose head we do not know."""
    if card.name not in HEAD_FEATURES:
        return None
    return sum(card.num_classes * (features + 1) for features in HEAD_FEATURES[card.name])


def macs_ratio_readings(large: Measured, small: Measured, *, accuracy_views: frozenset[int]) -> list[Reading]:
    """How many times fewer MACs ``small`` needs, by each counter that counted both.

    Args:
        large: the model that the claim compares with.
        small: the model that the claim is about.
        accuracy_views: views behind the compared model's published accuracies; only a total over
            these is another convention rather than a mix-up.
    """
    readings: list[Reading] = []
    ours = {record.counter: record for record in small.complete_counts}
    shared = [record for record in large.complete_counts if record.counter in ours]
    for rank, record in enumerate(shared):
        first = Departure.NONE if rank == 0 else Departure.CONVENTION
        readings.extend(_ratio_of(record, ours[record.counter], first, accuracy_views))
    return readings


def views_departure(
    large_views: int | None, small_views: int | None, accuracy_views: frozenset[int]
) -> Departure:
    """What it means to compare costs over these views."""
    if large_views == small_views:
        return Departure.NONE
    return Departure.CONVENTION if large_views in accuracy_views else Departure.VIEWS


def _ratio_of(
    large: CountRecord, small: CountRecord, first: Departure, accuracy_views: frozenset[int]
) -> Iterator[Reading]:
    one, other, counter = large.macs / GIGA, small.macs / GIGA, large.counter
    ratio = one / other
    operands = f"{one:.2f} G / {other:.3f} G"
    yield Reading(f"{counter}'s counts, one view each", ratio, operands, first, telling=True)
    many, few = large.model.views, small.model.views
    if many != few:
        yield Reading(
            f"{counter}'s counts, {many} views against {few}",
            ratio * many / few,
            f"{one * many:.2f} G / {other * few:.3f} G",
            max(first, views_departure(many, few, accuracy_views)),
            telling=True,
        )
    swapped = Departure.MAC_FLOP
    yield Reading(f"{counter}: FLOPs against MACs", 2 * ratio, f"{2 * one:.2f} G / {other:.3f} G", swapped)
    yield Reading(f"{counter}: MACs against FLOPs", ratio / 2, f"{one:.2f} G / {2 * other:.3f} G", swapped)


def _misread(counter: str, total: float) -> Iterator[Reading]:
    yield Reading(f"{counter}: two FLOPs a multiply-add", 2 * total, f"2 × {total:.3f} G", Departure.MAC_FLOP)
    for views in MULTIPLE_VIEWS:
        yield Reading(f"{counter}: {views} views", views * total, f"{views} × {total:.3f} G", Departure.VIEWS)
    binary = total * GIGA / GIBI
    yield Reading(f"{counter}: G as 1024³", binary, f"{total:.3f} G / 1.0737", Departure.CONVENTION)
    yield Reading(
        f"{counter}: crop of 256² for 224² (scaled by area)",
        total * TEST_CROP_AREA,
        f"{total:.3f} G × 1.306",
        Departure.CONVENTION,
    )


def _by_operation(record: CountRecord) -> Iterator[Reading]:
    """Without normalisation, and with two operations for each of its elements, as some counters take it."""
    if record.counter != ONE_PER_NORM_ELEMENT:
        return
    norm = sum(macs for name, macs in record.macs_by_operation.items() if "norm" in name.lower()) / GIGA
    if norm <= 0:
        return
    total = record.macs / GIGA
    yield Reading(
        f"{record.counter} without normalisation",
        total - norm,
        f"{total:.3f} G − {norm:.3f} G",
        Departure.CONVENTION,
    )
    yield Reading(
        f"{record.counter} with normalisation twice",
        total + norm,
        f"{total:.3f} G + {norm:.3f} G",
        Departure.CONVENTION,
    )


def _at_other_inputs(others: Iterable[Measured]) -> Iterator[Reading]:
    for entry in others:
        for record in entry.complete_counts:
            total = record.macs / GIGA
            words = f"{record.counter}'s count at {describe_input(entry.card)}"
            yield Reading(words, total, f"{total:.3f} G", Departure.CONVENTION)
