"""One data set's comparison, as the paper has it: every network's accuracies, and what they cost."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from epam_bench.records import AnyRecord
from epam_reports.costs import Cost, NoCost, cost_of_accuracy, cost_of_evaluation, count_views, printed_gmacs
from epam_reports.evaluations import Evaluation, describe_weights, gather_evaluations, unsaid_caveats
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import Measured, describe_input, gather
from epam_reports.protocols import PUBLISHED_NAMES, splits_of
from epam_reports.published import PublishedNumber, load_published, select
from epam_reports.published.published_number import ACCURACIES
from epam_reports.table import Column, Table, join_notes, typed_frame
from epam_reports.tables.accuracy import METRIC_NAMES, MISMATCH_MARK

OURS = "epam_net"
"""Stands last, as in the paper."""

PAPERS_COSTS = "EPAM-TABLE1"
"""The source whose costs are shown as printed, beside those that we can vouch for."""

GROUPS = ("RGB", "pose", "RGB and pose")

_SIGNS = (
    f"{MISMATCH_MARK}: a cost is known or printed, but not of this accuracy's views and input, see the "
    "footnote."
)


@dataclass(frozen=True)
class _Contestant:
    """One row: accuracies of one network at one number of views of one input, from one source."""

    accuracies: Mapping[tuple[str, str], PublishedNumber | Evaluation]

    @property
    def first(self) -> PublishedNumber | Evaluation:
        return next(iter(self.accuracies.values()))


def data_set_table(
    records: Iterable[AnyRecord], dataset: str, published: Sequence[PublishedNumber] | None = None
) -> Table:
    """Every accuracy on one data set, a network a row, with the cost of the views that it took.

    RGB networks first, then those of poses, then those of both, EPAM-Net last; within each the best
    last. A cost is our count at the accuracy's own views and input, else a quoted one at the same;
    what the paper's Table 1 prints stands beside it as it is printed.

    Args:
        records: accuracies and counts; others are passed over.
        dataset: as records call it: ``ntu60``.
        published: the quoted numbers, by default all that the package brings.
    """
    known = list(records)
    numbers = load_published() if published is None else published
    measured, title = gather(known), _title(dataset)
    quoted = [number for number in select(numbers, metrics=ACCURACIES) if number.dataset == title]
    evaluations = [entry for entry in gather_evaluations(known) if entry.record.dataset == dataset]
    columns = _accuracy_columns(dataset, quoted, evaluations)
    contestants = [*_quoted(quoted), *_evaluated(evaluations, columns)]
    rows = [_row(contestant, columns, measured, numbers) for contestant in contestants]
    rows.sort(key=_place)
    return Table(
        name=dataset,
        title=f"{title}: accuracies and what they cost",
        caption=_caption(rows),
        frame=typed_frame(rows, _dtypes(columns)),
        columns=_columns(columns),
        remarks=(_SIGNS,),
        evidence=evidence_of(rows),
    )


def _title(dataset: str) -> str:
    return next((name for (key, _), (name, _) in PUBLISHED_NAMES.items() if key == dataset), dataset)


def _accuracy_columns(
    dataset: str, quoted: Sequence[PublishedNumber], evaluations: Sequence[Evaluation]
) -> list[tuple[str, str]]:
    """(split, metric) of each accuracy column: the metrics that are published, else top-1."""
    metrics = [metric for metric in ACCURACIES if any(number.metric == metric for number in quoted)]
    splits = dict.fromkeys(splits_of(dataset))
    splits |= dict.fromkeys(number.split for number in quoted if number.split)
    splits |= dict.fromkeys(entry.split for entry in evaluations if entry.record.part == "test")
    published = {(number.split, number.metric) for number in quoted}
    # A split that nobody published keeps its column, so that the table is the paper's in every report.
    wanted = metrics or ["top1"]
    return [
        (split, metric)
        for split in splits
        for metric in wanted
        if (split, metric) in published or metric == wanted[0]
    ]


def _quoted(numbers: Sequence[PublishedNumber]) -> list[_Contestant]:
    """Numbers that share all but split and metric stand in one row; a second of one split starts another."""
    rows: dict[tuple[object, ...], list[dict[tuple[str, str], PublishedNumber | Evaluation]]] = {}
    for number in numbers:
        alike = (number.catalogue_name, number.model, number.modality, number.input, number.views)
        candidates = rows.setdefault((*alike, number.source.id), [])
        column = (number.split or "", number.metric)
        free = next((row for row in candidates if column not in row), None)
        if free is None:
            free = {}
            candidates.append(free)
        free[column] = number
    return [_Contestant(row) for candidates in rows.values() for row in candidates]


def _evaluated(evaluations: Sequence[Evaluation], columns: Sequence[tuple[str, str]]) -> list[_Contestant]:
    """One row an evaluation on the test part: two splits are two trainings, so two networks."""
    rows = (
        {column: entry for column in columns if column[0] == entry.split}
        for entry in evaluations
        if entry.record.part == "test"
    )
    return [_Contestant(row) for row in rows if row]


def _row(
    contestant: _Contestant,
    columns: Sequence[tuple[str, str]],
    measured: Sequence[Measured],
    numbers: Sequence[PublishedNumber],
) -> dict[str, object]:
    first = contestant.first
    if isinstance(first, Evaluation):
        row = _words_of_evaluation(first)
        cost = cost_of_evaluation(first.record, measured)
    else:
        row = _words_of_number(contestant, measured)
        cost = cost_of_accuracy(first, measured, numbers)
    for column in columns:
        row |= _accuracy(column, contestant.accuracies.get(column))
    return row | _cost(cost) | _parameters(first, measured, numbers) | _printed(first, numbers)


def _words_of_evaluation(entry: Evaluation) -> dict[str, object]:
    record = entry.record
    return {
        ROW: Evidence(records=(record,)),
        "catalogue_name": record.model.name,
        "model": entry.title,
        "model_notes": join_notes(
            describe_weights(record), *unsaid_caveats(record), *record.caveats, *record.model.notes
        ),
        "group": group_of(entry.modalities),
        "modality": entry.modalities,
        "input": describe_input(record.model),
        "views": record.views,
        "origin": "measured",
        "source": "measured here",
    }


def _words_of_number(contestant: _Contestant, measured: Sequence[Measured]) -> dict[str, object]:
    quoted = [entry for entry in contestant.accuracies.values() if isinstance(entry, PublishedNumber)]
    first = quoted[0]
    card_notes = next((entry.card.notes for entry in measured if entry.card.name == first.catalogue_name), ())
    third_party = "repeated by a third party" if first.source.kind == "index" else None
    evidence = Evidence(numbers=tuple(quoted))
    return {
        ROW: evidence,
        "catalogue_name": first.catalogue_name,
        "model": first.model,
        "model_notes": join_notes(*dict.fromkeys(number.note for number in quoted), third_party, *card_notes),
        "group": group_of(first.modality),
        "modality": first.modality,
        "input": first.input.replace("x", "×") or None,
        "views": first.views,
        "origin": "quoted",
        "source": evidence.citation,
    }


def _accuracy(column: tuple[str, str], found: PublishedNumber | Evaluation | None) -> dict[str, object]:
    key, metric = _key(*column), column[1]
    if isinstance(found, PublishedNumber):
        evidence = Evidence(numbers=(found,))
        return {f"{key}_percent": float(found.value), **traced(key, evidence)}
    if found is None:
        return {key: Evidence(missing="the row's source has no accuracy on this split")}
    main = found.record.main
    if metric == "top1":
        share, interval = main.top1, main.top1_interval
    else:
        share, interval = main.mean_class_accuracy, main.mean_class_interval
    figures: dict[str, object] = {f"{key}_percent": 100 * share}
    # The interval is of the usual mean; where the published definition differs, it is of another figure.
    if metric == "top1" or share == main.mean_class_accuracy_present:
        figures |= {f"{key}_low_percent": 100 * interval[0], f"{key}_high_percent": 100 * interval[1]}
    return figures | traced(key, Evidence(records=(found.record,)))


def _cost(cost: Cost | NoCost) -> dict[str, object]:
    if isinstance(cost, NoCost):
        note, sign = (cost.reason, MISMATCH_MARK) if cost.mismatch else (None, "")
        return {"cost_notes": note, "cost_warning": sign, "cost": Evidence(missing=cost.reason)}
    quoted = f"{cost.operands}: {cost.source}" if cost.origin == "quoted" else None
    return {
        "counter": cost.counter,
        "gmacs_per_view": cost.gmacs_per_view,
        "gmacs_per_video": cost.gmacs_per_video,
        "cost_notes": join_notes(quoted, cost.note),
        **traced("cost", cost.evidence),
    }


def _parameters(
    first: PublishedNumber | Evaluation, measured: Sequence[Measured], numbers: Sequence[PublishedNumber]
) -> dict[str, object]:
    """Ours where the network is in the catalogue, else as printed; of all networks of an ensemble."""
    if isinstance(first, Evaluation):
        card, evidence = first.record.model, Evidence(records=(first.record,))
        return {"parameters_millions": card.parameters / 1e6, **traced("parameters", evidence)}
    entry = next((entry for entry in measured if entry.card.name == first.catalogue_name), None)
    if entry is not None:
        millions = entry.card.parameters / 1e6
        head = f"with a head for {entry.card.num_classes} classes"
        working = f"{first.networks} networks × {millions:.2f} M, {head}" if first.networks > 1 else head
        ours = Evidence(records=(entry.latest,), working=working)
        return {"parameters_millions": first.networks * millions, **traced("parameters", ours)}
    printed = next(iter(_of_same_model(first, select(numbers, metrics=("parameters",)))), None)
    if printed is None or printed.networks != first.networks:
        return {"parameters": Evidence(missing="neither counted here nor printed by a source")}
    quoted = Evidence(numbers=(printed,))
    return {"parameters_millions": float(printed.value), **traced("parameters", quoted)}


def _printed(first: PublishedNumber | Evaluation, numbers: Sequence[PublishedNumber]) -> dict[str, object]:
    """The paper's own figure, marked unless it is known to be of this accuracy's views and input."""
    if isinstance(first, Evaluation):
        return {"printed": Evidence(missing="the paper prints costs of published accuracies alone")}
    costs = [number for number in select(numbers, metrics=("macs",)) if number.source.id == PAPERS_COSTS]
    printed = next(iter(_of_same_model(first, costs)), None)
    if printed is None:
        return {"printed": Evidence(missing="not in the paper's Table 1")}
    is_same = printed.views == first.views is not None and printed.shapes == first.shapes != ()
    mismatch = None if is_same else _difference(printed, first)
    return {
        "printed_gmacs": printed_gmacs(printed),
        "printed_notes": join_notes(mismatch, printed.convention_note, printed.note),
        "printed_warning": MISMATCH_MARK if mismatch else "",
        **traced("printed", Evidence(numbers=(printed,))),
    }


def _difference(printed: PublishedNumber, accuracy: PublishedNumber) -> str:
    return (
        f"printed for {count_views(printed.views)} of {printed.input or 'an unstated input'}, accuracy of "
        f"{count_views(accuracy.views)} of {accuracy.input or 'an unstated input'}"
    )


def _of_same_model(accuracy: PublishedNumber, numbers: Iterable[PublishedNumber]) -> list[PublishedNumber]:
    """Numbers of the same network: by our name where it has one, and as its source calls it else."""
    return [
        number
        for number in numbers
        if (accuracy.catalogue_name and number.catalogue_name == accuracy.catalogue_name)
        or number.model == accuracy.model
    ]


def group_of(modality: str) -> str:
    """Which of :data:`GROUPS` a published modality belongs to: ``RGB (pose in training)`` to both."""
    has_rgb, has_pose = "rgb" in modality.lower(), "pose" in modality.lower()
    return GROUPS[2] if has_rgb and has_pose else GROUPS[1] if has_pose else GROUPS[0]


def _place(row: Mapping[str, object]) -> tuple[int, bool, float]:
    accuracies = [value for key, value in row.items() if key.endswith("_percent") and _is_share(key)]
    best = next((float(str(value)) for value in accuracies if value is not None), 0.0)
    return GROUPS.index(str(row["group"])), row["catalogue_name"] == OURS, best


def _is_share(key: str) -> bool:
    return not key.endswith(("_low_percent", "_high_percent"))


def _key(split: str, metric: str) -> str:
    """``xsub_top1``: a name that a command line can have."""
    return f"{re.sub(r'[^a-z0-9]', '', split.lower()) or 'split'}_{metric}"


def _caption(rows: Sequence[Mapping[str, object]]) -> str:
    counters = sorted({str(row["counter"]) for row in rows if row.get("cost_origin") == "measured"})
    by = f" counted by {' and '.join(counters)}" if counters else ""
    ours = sum(row["origin"] == "measured" for row in rows)
    evaluated = f"{ours} measured here with intervals, {len(rows) - ours} quoted" if ours else "all quoted"
    return (
        f"Accuracies: {evaluated}. GMACs (1 MAC = 2 FLOPs){by} at the input and views of the row's accuracy, "
        "quoted where they are in italics; beside them what the paper's Table 1 prints."
    )


def _dtypes(columns: Sequence[tuple[str, str]]) -> dict[str, str]:
    by_column: dict[str, str] = {}
    for key in (_key(*column) for column in columns):
        by_column |= dict.fromkeys((f"{key}_percent", f"{key}_low_percent", f"{key}_high_percent"), "Float64")
        by_column |= {f"{key}_origin": "string", f"{key}_source": "string"}
    return {
        "catalogue_name": "string",
        "model": "string",
        "model_notes": "string",
        "group": "string",
        "modality": "string",
        "input": "string",
        "views": "Int64",
        **by_column,
        "parameters_millions": "Float64",
        "parameters_origin": "string",
        "parameters_source": "string",
        "counter": "string",
        "gmacs_per_view": "Float64",
        "gmacs_per_video": "Float64",
        "cost_origin": "string",
        "cost_source": "string",
        "cost_notes": "string",
        "cost_warning": "string",
        "printed_gmacs": "Float64",
        "printed_origin": "string",
        "printed_source": "string",
        "printed_notes": "string",
        "printed_warning": "string",
        "origin": "string",
        "source": "string",
    }


def _columns(columns: Sequence[tuple[str, str]]) -> tuple[Column, ...]:
    metrics = {metric for _, metric in columns}
    accuracies = (
        Column(
            key=f"{_key(split, metric)}_percent",
            header=f"{split} {METRIC_NAMES[metric]} (%)" if len(metrics) > 1 else f"{split} (%)",
            decimals=1,
            interval=(f"{_key(split, metric)}_low_percent", f"{_key(split, metric)}_high_percent"),
            origin=f"{_key(split, metric)}_origin",
            quoted_as_printed=True,
            absent="–",
            evidence=_key(split, metric),
        )
        for split, metric in columns
    )
    return (
        Column(key="model", header="Model", origin="origin", notes="model_notes"),
        Column(key="modality", header="Modalities"),
        Column(key="input", header="Input of a view", absent="not stated"),
        Column(key="views", header="Views", absent="not stated"),
        *accuracies,
        Column(
            key="parameters_millions",
            header="Parameters (M)",
            decimals=2,
            origin="parameters_origin",
            quoted_as_printed=True,
            absent="not stated",
            evidence="parameters",
        ),
        Column(
            key="gmacs_per_view",
            header="GMACs/view",
            decimals=2,
            origin="cost_origin",
            absent="not counted",
            evidence="cost",
        ),
        Column(
            key="gmacs_per_video",
            header="GMACs/video",
            decimals=1,
            origin="cost_origin",
            notes="cost_notes",
            warning="cost_warning",
            absent="not counted",
            evidence="cost",
        ),
        Column(
            key="printed_gmacs",
            header="Paper's Table 1 (G)",
            origin="printed_origin",
            notes="printed_notes",
            warning="printed_warning",
            absent="–",
            evidence="printed",
        ),
        Column(key="source", header="Source of accuracies"),
    )
