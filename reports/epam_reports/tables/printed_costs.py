"""The paper's own cost comparison: what its Table 1 prints, and how far each stands at equal views."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from epam_bench.records import AnyRecord
from epam_reports.costs import Cost, cost_of_accuracy, printed_gmacs
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import Measured, describe_input, gather
from epam_reports.published import PublishedNumber, load_published, select
from epam_reports.published.published_number import ACCURACIES
from epam_reports.table import Column, Table, join_notes, typed_frame
from epam_reports.tables.accuracy import MISMATCH_MARK
from epam_reports.tables.data_set import OURS, PAPERS_COSTS

COSTS = ("printed", "view", "video")
"""What competitors are compared with EPAM-Net by: as printed, of one view, of all views of an accuracy."""

_DTYPES = {
    "catalogue_name": "string",
    "model": "string",
    "modality": "string",
    "input": "string",
    "printed_views": "Int64",
    **{
        f"{cost}_{field}": dtype
        for cost in COSTS
        for field, dtype in {
            "gmacs": "Float64",
            "origin": "string",
            "source": "string",
            "notes": "string",
            "warning": "string",
            "times_ours": "Float64",
            "ratio_origin": "string",
            "ratio_source": "string",
        }.items()
    },
    "accuracy_on": "string",
    "accuracy_views": "Int64",
}


def printed_costs_table(
    records: Iterable[AnyRecord], published: Sequence[PublishedNumber] | None = None
) -> Table:
    """One row a network of the paper's Table 1, cheapest as printed first, with ratios to EPAM-Net.

    A view's cost is our count at the input that was printed, else the printed one by its views; a
    video's is that of the views behind a published accuracy. What cannot be had stays empty.
    """
    numbers = load_published() if published is None else published
    measured = gather(records)
    printed = [number for number in select(numbers, metrics=("macs",)) if number.source.id == PAPERS_COSTS]
    rows = [_row(number, measured, numbers) for number in sorted(printed, key=lambda number: number.value)]
    ours = next((row for row in rows if row["catalogue_name"] == OURS), {})
    rows = [row | _ratios(row, ours) for row in rows]
    return Table(
        name="printed_costs",
        title="The paper's Table 1, as printed and at equal views",
        caption=(
            "GMACs as the paper prints them (as FLOPs; multiply-adds inferred), of one view, and of all "
            "views behind a published accuracy; the ratios are to EPAM-Net's in the same column. "
            f"{MISMATCH_MARK}: printed for other than one view, or for views that are not known."
        ),
        frame=typed_frame(rows, _DTYPES),
        columns=_COLUMNS,
        evidence=evidence_of(rows),
    )


def _cost_columns(
    cost: str, header: str, times: str, *, as_printed: bool, decimals: int
) -> tuple[Column, Column]:
    return (
        Column(
            key=f"{cost}_gmacs",
            header=header,
            decimals=decimals,
            origin=f"{cost}_origin",
            quoted_as_printed=as_printed,
            notes=f"{cost}_notes",
            warning=f"{cost}_warning",
            absent="–",
            evidence=cost,
        ),
        Column(
            key=f"{cost}_times_ours",
            header=f"× EPAM-Net, {times}",
            decimals=1,
            origin=f"{cost}_ratio_origin",
            warning=f"{cost}_warning",
            absent="–",
            evidence=f"{cost}_ratio",
        ),
    )


_COLUMNS = (
    Column(key="model", header="Model"),
    Column(key="modality", header="Modalities"),
    *_cost_columns("printed", "As printed (G)", "printed", as_printed=True, decimals=1),
    Column(key="printed_views", header="for views", absent="not stated"),
    *_cost_columns("view", "GMACs/view", "per view", as_printed=False, decimals=2),
    *_cost_columns("video", "GMACs/video", "per video", as_printed=False, decimals=1),
    Column(key="accuracy_views", header="in views", absent="–", evidence="video"),
    Column(key="accuracy_on", header="of its accuracy on", absent="–", evidence="video"),
)


def _row(
    printed: PublishedNumber, measured: Sequence[Measured], numbers: Sequence[PublishedNumber]
) -> dict[str, object]:
    quoted = Evidence(numbers=(printed,))
    row: dict[str, object] = {
        ROW: quoted,
        "catalogue_name": printed.catalogue_name,
        "model": printed.model,
        "modality": printed.modality,
        "input": printed.input or None,
        "printed_views": printed.views,
        "printed_gmacs": printed_gmacs(printed),
        "printed_notes": join_notes(printed.note),
        "printed_warning": "" if printed.views == 1 else MISMATCH_MARK,
        **traced("printed", quoted),
    }
    return row | _view(printed, measured) | _video(printed, measured, numbers)


def _view(printed: PublishedNumber, measured: Sequence[Measured]) -> dict[str, object]:
    """Our count of the network or of what stands in for it, at the printed input where there is one."""
    counted = [entry for entry in measured if entry.card.name == printed.counted_name and entry.counts]
    at_input = [entry for entry in counted if entry.shapes == printed.shapes or not printed.shapes]
    for entry in at_input:
        if count := entry.preferred_count:
            stands_in = None if printed.catalogue_name else f"{entry.card.title} counted in its place"
            unstated = None if printed.shapes else f"at {describe_input(entry.card)}: no input is printed"
            return {
                "view_gmacs": count.macs / 1e9,
                "view_notes": join_notes(stands_in, unstated, *entry.card.notes),
                **traced("view", Evidence(records=(count,))),
            }
    if printed.views is None:
        missing = "not counted here, and the paper does not say how many views it prints"
        return {"view": Evidence(missing=missing)}
    working = f"{printed.value} G / {printed.views}" if printed.views > 1 else ""
    evidence = Evidence(numbers=(printed,), working=working)
    return {"view_gmacs": printed_gmacs(printed) / printed.views, **traced("view", evidence)}


def _video(
    printed: PublishedNumber, measured: Sequence[Measured], numbers: Sequence[PublishedNumber]
) -> dict[str, object]:
    """The cost of the first of its published accuracies whose views and input are known, and counted."""
    accuracies = [
        number
        for number in select(numbers, metrics=ACCURACIES)
        if number.model == printed.model
        or (printed.catalogue_name and number.catalogue_name == printed.catalogue_name)
    ]
    reasons: dict[str, PublishedNumber] = {}
    for accuracy in accuracies:
        cost = cost_of_accuracy(accuracy, measured, numbers)
        if isinstance(cost, Cost):
            return {
                "video_gmacs": cost.gmacs_per_video,
                "video_notes": join_notes(cost.note),
                "accuracy_on": accuracy.protocol,
                "accuracy_views": cost.views,
                **traced("video", cost.evidence),
            }
        reasons.setdefault(cost.reason, accuracy)
    return _without_video(reasons)


def _without_video(reasons: dict[str, PublishedNumber]) -> dict[str, object]:
    if not reasons:
        return {"video": Evidence(missing="no published accuracy among the sources")}
    missing = "; ".join(f"{accuracy.protocol}: {reason}" for reason, accuracy in reasons.items())
    return {"video": Evidence(missing=missing), "video_notes": missing}


def _ratios(row: dict[str, object], ours: dict[str, object]) -> dict[str, object]:
    ratios: dict[str, object] = {}
    for cost in COSTS:
        theirs, own = row.get(f"{cost}_gmacs"), ours.get(f"{cost}_gmacs")
        name = f"{cost}_ratio"
        if not isinstance(theirs, float) or not isinstance(own, float):
            ratios[name] = Evidence(missing="one of the two costs is not known")
            continue
        # Both rows carry what the figure rests on under the cost's own name.
        parts = [found for found in (row[cost], ours[cost]) if isinstance(found, Evidence)]
        operands = (
            part.working or f"{value:.2f} G" for part, value in zip(parts, (theirs, own), strict=True)
        )
        both = Evidence(
            records=tuple(record for part in parts for record in part.records),
            numbers=tuple(number for part in parts for number in part.numbers),
            working=" over ".join(operands),
        )
        ratios |= {f"{cost}_times_ours": theirs / own, **traced(name, both)}
    return ratios
