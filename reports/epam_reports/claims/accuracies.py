"""What a published accuracy could mean: our evaluations of the same network on the same protocol."""

from __future__ import annotations

from collections.abc import Iterator

from epam_bench.records import AccuracyRecord, StreamResult
from epam_reports.claims.basis import Basis
from epam_reports.claims.case import Case
from epam_reports.claims.reading import Burden, Departure, Reading
from epam_reports.protocols import published_name
from epam_reports.published import PublishedNumber

WHOLE_SPLIT = 1000
"""Samples below which an evaluation is no test split of a published protocol, and refutes nothing."""


def accuracy_case(claim: PublishedNumber, ours: Basis) -> Case:
    """A printed accuracy, beside our evaluations on its protocol.

    An evaluation of other weights than the published ones may miss the number without refuting it; what it
    was made with is said.
    """
    what = "top-1" if claim.metric == "top1" else "mean class accuracy"
    if claim.catalogue_name is None:
        needs = f"no network here is {claim.model}, so that its accuracy stays quoted"
    else:
        needs = (
            f"no evaluation of {claim.catalogue_name} on {claim.protocol} is among the records; it takes "
            "the published weights and the data set: epam-bench accuracy"
        )
    records = [record for record in ours.accuracies if _is_of(claim, record)]
    whole = any(_is_whole(record) for record in records)
    readings = [reading for record in records for reading in accuracy_readings(claim, record)]
    return Case(
        claim=claim,
        readings=readings,
        subject=f"{what} of {claim.model} on {claim.protocol}",
        needs=needs,
        unsettled=""
        if whole
        else "missing: an evaluation of the whole test split, with the published weights",
        caveats=tuple(dict.fromkeys(map(_weights, records))),
    )


def accuracy_readings(claim: PublishedNumber, record: AccuracyRecord) -> Iterator[Reading]:
    """Every reading of a printed accuracy, in per cent: as published, by the usual mean, of one stream."""
    same_views = claim.stated_views in (None, record.views)
    for rank, result in enumerate(record.streams):
        for words, share, interval, usual in _metrics(claim, result):
            plain = rank == 0 and usual
            departure = Departure.NONE if plain else Departure.CONVENTION
            yield Reading(
                f"{words}, {result.stream}, {record.views} view{'s' if record.views > 1 else ''}",
                100 * share,
                f"{result.samples} samples of {record.split_samples}",
                departure if same_views else max(departure, Departure.VIEWS),
                (0 if plain else Burden.RULE) + (0 if same_views else Burden.OTHER_VIEWS),
                telling=plain,
                spread=100 * (interval[1] - interval[0]) / 2,
            )


def _is_of(claim: PublishedNumber, record: AccuracyRecord) -> bool:
    return (
        record.model.name == claim.catalogue_name
        and published_name(record.dataset, record.protocol) == (claim.dataset, claim.split)
        and record.part != "train"
        # A network with its numbers rounded to eight bits is no longer the published one.
        and record.precision != "int8"
        and not record.interrupted
    )


def _is_whole(record: AccuracyRecord) -> bool:
    return record.evaluated == record.split_samples >= WHOLE_SPLIT


def _weights(record: AccuracyRecord) -> str:
    file = record.checkpoint or "random weights"
    return (
        f"evaluated were the weights {record.weights_sha256[:12]} ({file}), be they the published ones or not"
    )


def _metrics(
    claim: PublishedNumber, result: StreamResult
) -> Iterator[tuple[str, float, tuple[float, float], bool]]:
    """Words, value, interval, and whether it is the metric that the claim means."""
    if claim.metric == "top1":
        yield "top-1", result.top1, result.top1_interval, True
        return
    interval = result.mean_class_interval
    yield "mean class accuracy as published", result.mean_class_accuracy, interval, True
    yield (
        "mean class accuracy over the labels' classes",
        result.mean_class_accuracy_present,
        interval,
        False,
    )
