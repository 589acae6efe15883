"""What a published number of parameters could mean: all of them, without a head, or with another one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from epam_bench.records import ModelCard
from epam_reports.claims.reading import Burden, Departure, Reading
from epam_reports.conventions import MEGA
from epam_reports.measurements import Measured
from epam_reports.published import PublishedNumber

CLASSES = {
    51: "PKU-MMD or HMDB51",
    60: "NTU60",
    101: "UCF101",
    120: "NTU120",
    174: "Something-Something",
    400: "Kinetics-400",
    600: "Kinetics-600",
    700: "Kinetics-700",
}
"""Class counts that published checkpoints have."""

BYTES = 4
"""Of a float32: a size of weights, in MB, printed as a number of parameters."""

HEAD_FEATURES = {"epam_net": (432, 216), "timesformer": (768,)}
"""Width of what each linear head sees, for records made before these kept it: EPAM-Net has two heads, one
a stream (published code), TimeSformer one, on its class token (its paper's ViT-B)."""


def parameter_readings(claim: PublishedNumber, base: Measured, others: Iterable[Measured]) -> list[Reading]:
    """Every reading of one model's parameters, in millions.

    Args:
        claim: the printed number.
        base: the model with its usual number of classes.
        others: the same model with other numbers of classes.
    """
    card, times = base.card, claim.networks
    total = card.parameters
    of = "" if times == 1 else f" of {times} networks"
    readings = [_reading(f"all parameters{of}", times * total, _sum(times, f"{total:,}"), Departure.NONE, 0)]
    readings.append(
        Reading(
            f"megabytes of float32{of}",
            BYTES * times * total / MEGA,
            f"4 × {times * total:,}",
            Departure.CONVENTION,
            Burden.OTHER_INPUT,
            tight=True,
        )
    )
    if times > 1:
        readings.append(
            _reading(f"one of {times} networks", total, f"{total:,}", Departure.CONVENTION, Burden.TEST_CROP)
        )
        rounded = round(total / MEGA, claim.decimals)
        words = f"all parameters{of}, each rounded before they were summed"
        operands = f"{times} × {rounded:g} M"
        readings.append(
            Reading(words, times * rounded, operands, Departure.CONVENTION, Burden.TEST_CROP, tight=True)
        )
    readings += _other_heads(card, times)
    readings += [
        _reading(
            f"a head for {other.card.num_classes} classes",
            times * other.card.parameters,
            f"{other.card.parameters:,}",
            Departure.CONVENTION,
            Burden.TEST_CROP,
        )
        for other in others
        if other.card.num_classes != card.num_classes
    ]
    return readings


def head_parameters(card: ModelCard) -> int | None:
    """Parameters of what only turns features into logits; none for a model whose head is not known."""
    if card.head_parameters is not None:
        return card.head_parameters
    if card.name not in HEAD_FEATURES:
        return None
    return sum(card.num_classes * (features + 1) for features in HEAD_FEATURES[card.name])


def _other_heads(card: ModelCard, times: int) -> Iterator[Reading]:
    head = head_parameters(card)
    if not head:
        return
    rest = card.parameters - head
    operands = _sum(times, f"({card.parameters:,} − {head:,} of the head)")
    yield _reading("head left out", times * rest, operands, Departure.CONVENTION, Burden.RULE)
    # A linear head is as many rows as there are classes; one that is not is no whole number of them.
    if head % card.num_classes:
        return
    row = head // card.num_classes
    for classes, dataset in CLASSES.items():
        if classes != card.num_classes:
            yield _reading(
                f"a head for the {classes} classes of {dataset}",
                times * (rest + classes * row),
                _sum(times, f"({rest:,} + {classes} × {row:,})"),
                Departure.CONVENTION,
                Burden.TEST_CROP,
                tight=True,
            )


def _reading(
    words: str, count: int, operands: str, departure: Departure, burden: int, *, tight: bool = False
) -> Reading:
    return Reading(
        words, count / MEGA, operands, departure, burden, tight=tight, telling=departure is Departure.NONE
    )


def _sum(times: int, operands: str) -> str:
    return operands if times == 1 else f"{times} × {operands}"
