"""What a published accuracy could mean: our evaluations of the same network on the same protocol."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from epam_bench.records import AccuracyRecord, StreamResult
from epam_reports.claims.basis import Basis
from epam_reports.claims.case import Case
from epam_reports.claims.reading import Burden, Departure, Reading
from epam_reports.protocols import published_name
from epam_reports.published import PublishedNumber


def accuracy_case(claim: PublishedNumber, ours: Basis) -> Case:
    """A printed accuracy, beside our evaluations on its protocol."""
    what = "top-1" if claim.metric == "top1" else "mean class accuracy"
    needs = (
        f"no evaluation of {claim.catalogue_name} on {claim.protocol} is among the records; it takes the "
        "published weights and the data set: epam-bench accuracy"
        if claim.catalogue_name
        else f"no network here is {claim.model}, so that its accuracy stays quoted"
    )
    return Case(
        claim=claim,
        readings=accuracy_readings(claim, ours.accuracies),
        subject=f"{what} of {claim.model} on {claim.protocol}",
        needs=needs,
    )


def accuracy_readings(claim: PublishedNumber, records: Iterable[AccuracyRecord]) -> list[Reading]:
    """Every reading of a printed accuracy, in per cent; none where nothing was evaluated on its protocol."""
    return [
        reading
        for record in records
        if record.model.name == claim.catalogue_name
        and published_name(record.dataset, record.protocol) == (claim.dataset, claim.split)
        and record.part != "train"
        and not record.interrupted
        for reading in _of_record(claim, record)
    ]


def _of_record(claim: PublishedNumber, record: AccuracyRecord) -> Iterator[Reading]:
    same_views = claim.stated_views in (None, record.views)
    for rank, result in enumerate(record.streams):
        for words, share, usual in _metrics(claim, result):
            plain = rank == 0 and usual
            departure = Departure.NONE if plain else Departure.CONVENTION
            yield Reading(
                f"{words}, {result.stream}, {record.views} view{'s' if record.views > 1 else ''}",
                100 * share,
                f"{result.samples} samples of {record.weights_sha256[:12]}",
                departure if same_views else max(departure, Departure.VIEWS),
                (0 if plain else Burden.RULE) + (0 if same_views else Burden.OTHER_VIEWS),
                telling=plain,
            )


def _metrics(claim: PublishedNumber, result: StreamResult) -> Iterator[tuple[str, float, bool]]:
    if claim.metric == "top1":
        yield "top-1", result.top1, True
        return
    yield "mean class accuracy as published", result.mean_class_accuracy, True
    yield "mean class accuracy over the labels' classes", result.mean_class_accuracy_present, False
