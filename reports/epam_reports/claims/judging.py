"""Judges published costs and accuracies: each is re-derived from our records under every known convention.

A verdict is found, never written down: the readings of a claim are compared with the printed number,
and the least departure from its words that gives the number names the verdict.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

from epam_bench.records import AccuracyRecord, AnyRecord, CountRecord
from epam_reports.claims.accuracies import accuracy_case
from epam_reports.claims.basis import Basis
from epam_reports.claims.case import Case
from epam_reports.claims.cost_case import macs_case, parameters_case
from epam_reports.claims.ratio_case import ratio_case
from epam_reports.claims.verdict import ClaimVerdict
from epam_reports.claims.weighing import weigh
from epam_reports.measurements import gather, newest
from epam_reports.published import PublishedNumber, load_published
from epam_reports.published.published_number import ACCURACIES

FIRST = "epam_net"
"""Whose claims come first: the paper's own costs."""


def judge_claims(
    records: Iterable[AnyRecord],
    published: Sequence[PublishedNumber] | None = None,
    sources: Collection[str] | None = None,
    models: Collection[str] | None = None,
) -> tuple[ClaimVerdict, ...]:
    """Judge what others published: EPAM-Net's costs first, then all in the order of the file.

    Args:
        records: what was measured here.
        published: the claims and their operands; by default those that the package brings.
        sources: only the claims of these, by id.
        models: only those about these, by the catalogue's name or the source's.
    """
    numbers = load_published() if published is None else published
    return judge_these(records, select_claims(numbers, sources, models), numbers)


def judge_these(
    records: Iterable[AnyRecord], claims: Iterable[PublishedNumber], published: Sequence[PublishedNumber]
) -> tuple[ClaimVerdict, ...]:
    """Judge some claims, in their order; ``published`` holds their operands."""
    known = list(records)
    ours = Basis(
        gather(record for record in known if isinstance(record, CountRecord)),
        tuple(newest(known, AccuracyRecord)),
        published,
    )
    return tuple(weigh(_case(claim, ours)) for claim in claims)


def select_claims(
    published: Sequence[PublishedNumber],
    sources: Collection[str] | None = None,
    models: Collection[str] | None = None,
) -> tuple[PublishedNumber, ...]:
    """What others printed, of some sources and models; in the order in which it is judged."""
    claims = [
        number
        for number in published
        if number.source.is_published
        and (not sources or number.source.id in sources)
        and (not models or {number.counted_name, number.model} & set(models))
    ]
    first = [claim for claim in claims if claim.catalogue_name == FIRST]
    first.sort(key=lambda claim: claim.metric in ACCURACIES)
    return (*first, *(claim for claim in claims if claim.catalogue_name != FIRST))


def _case(claim: PublishedNumber, ours: Basis) -> Case:
    match claim.metric:
        case "macs":
            return macs_case(claim, ours)
        case "parameters":
            return parameters_case(claim, ours)
        case "macs_ratio" | "parameters_ratio":
            return ratio_case(claim, ours)
        case _:
            return accuracy_case(claim, ours)
