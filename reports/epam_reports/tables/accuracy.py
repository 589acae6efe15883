"""Accuracies by data set and protocol, published and measured, each with its views and what it cost."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from epam_bench.records import AnyRecord, StreamResult
from epam_reports.costs import Cost, NoCost, cost_of_accuracy, cost_of_evaluation
from epam_reports.evaluations import (
    HASH_DIGITS,
    STREAM_NAMES,
    Evaluation,
    describe_weights,
    gather_evaluations,
    unsaid_caveats,
)
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import PLAIN_BACKEND, Measured, describe_input, gather
from epam_reports.published import PublishedNumber, load_published, select
from epam_reports.published.published_number import ACCURACIES
from epam_reports.table import Column, Table, join_notes, typed_frame

_DTYPES = {
    "catalogue_name": "string",
    "model": "string",
    "modality": "string",
    "dataset": "string",
    "split": "string",
    "metric": "string",
    "accuracy_percent": "Float64",
    "accuracy_low_percent": "Float64",
    "accuracy_high_percent": "Float64",
    "confidence": "Float64",
    "input": "string",
    "views": "Int64",
    "accuracy_origin": "string",
    "accuracy_source": "string",
    "accuracy_notes": "string",
    "counter": "string",
    "gmacs_per_video": "Float64",
    "cost_operands": "string",
    "cost_warning": "string",
    "cost_origin": "string",
    "cost_source": "string",
    "cost_notes": "string",
    "samples": "Int64",
    "split_samples": "Int64",
    "skipped_samples": "Int64",
    "interrupted": "boolean",
    "backend": "string",
    "precision": "string",
    "checkpoint": "string",
    "checkpoint_sha256": "string",
    "weights_sha256": "string",
    "split_sha256": "string",
    "label_map_sha256": "string",
}

METRIC_NAMES = {
    "top1": "top-1",
    "mean_class_accuracy": "mean class",
    "mean_class_accuracy_present": "mean class (present)",
    "top5": "top-5",
}
"""In the order in which they stand below each other."""

MISMATCH_MARK = "≠"

_TWO_DEFINITIONS = (
    "mean class, as published: a class that is predicted but has no sample counts as 0; "
    "mean class (present): the classes that have samples alone, which the interval is of"
)


def accuracy_table(
    records: Iterable[AnyRecord] = (),
    published: Sequence[PublishedNumber] | None = None,
    *,
    measured_protocols_only: bool = False,
) -> Table:
    """Every accuracy by data set and protocol, best first; protocols that were measured here first.

    Args:
        records: accuracies, and the counts that their costs are made from; others are passed over.
        published: the quoted numbers, by default all that the package brings.
        measured_protocols_only: leave out protocols on which nothing was measured.
    """
    known = list(records)
    numbers = load_published() if published is None else published
    evaluations, measured = gather_evaluations(known), gather(known)
    rows = [row for entry in evaluations for row in _measured_rows(entry, measured, evaluations)]
    ours = dict.fromkeys((row["dataset"], row["split"]) for row in rows)
    rows += [
        _quoted_row(number, cost_of_accuracy(number, measured, numbers))
        for number in select(numbers, metrics=ACCURACIES)
        if not measured_protocols_only or (number.dataset, number.split) in ours
    ]
    ordered = _in_order(rows)
    return Table(
        name="accuracy",
        title="Accuracies, published and measured",
        caption=_caption(evaluations, rows),
        frame=typed_frame(ordered, _DTYPES),
        columns=_COLUMNS,
        evidence=evidence_of(ordered),
        remarks=(_TWO_DEFINITIONS,) if any(_has_two_means(entry) for entry in evaluations) else (),
    )


_COLUMNS = (
    Column(key="dataset", header="Data set"),
    Column(key="split", header="Split"),
    Column(key="model", header="Model", origin="accuracy_origin", notes="accuracy_notes"),
    Column(key="modality", header="Modalities"),
    Column(key="metric", header="Metric"),
    Column(
        key="accuracy_percent",
        header="Accuracy (%)",
        decimals=1,
        interval=("accuracy_low_percent", "accuracy_high_percent"),
        origin="accuracy_origin",
        quoted_as_printed=True,
        evidence="accuracy",
    ),
    Column(key="views", header="Views", absent="not stated"),
    Column(key="input", header="Input of a view", absent="not stated"),
    Column(
        key="gmacs_per_video",
        header="GMACs/video",
        decimals=2,
        origin="cost_origin",
        notes="cost_notes",
        warning="cost_warning",
        absent="not counted",
        evidence="cost",
    ),
    Column(key="samples", header="Samples", absent="–"),
    Column(key="skipped_samples", header="Skipped", absent="–"),
    Column(key="accuracy_source", header="Source"),
)


def _caption(evaluations: Sequence[Evaluation], rows: Sequence[dict[str, object]]) -> str:
    if evaluations:
        levels = sorted({entry.record.confidence for entry in evaluations})
        percent = " and ".join(f"{100 * level:g} %" for level in levels)
        first = (
            f"Accuracies are measured, with {percent} intervals (top-1: Wilson's; mean class: bootstrap "
            "within classes), or quoted."
        )
    else:
        first = "Accuracies are quoted, not measured here."
    counters = sorted({str(row["counter"]) for row in rows if row.get("cost_origin") == "measured"})
    by = f", counted by {' and '.join(counters)} unless quoted" if counters else ""
    return (
        f"{first} Rows with different views or inputs did not cost the same: GMACs/video are one view's "
        f"multiply-adds, at the input of that accuracy, times its views{by}. {MISMATCH_MARK}: a cost is "
        "known, but not of these views and this input."
    )


def _in_order(rows: Sequence[dict[str, object]]) -> list[dict[str, object]]:
    """By protocol, as they come; then by metric; then the best first."""
    protocols = list(dict.fromkeys((row["dataset"], row["split"]) for row in rows))
    metrics = list(METRIC_NAMES.values())

    def place(row: dict[str, object]) -> tuple[int, int, float]:
        protocol, metric = (row["dataset"], row["split"]), str(row["metric"])
        return protocols.index(protocol), metrics.index(metric), -float(str(row["accuracy_percent"]))

    return sorted(rows, key=place)


def _quoted_row(number: PublishedNumber, cost: Cost | NoCost) -> dict[str, object]:
    third_party = "repeated by a third party" if number.source.kind == "index" else None
    quoted = Evidence(numbers=(number,))
    return {
        ROW: quoted,
        "catalogue_name": number.catalogue_name,
        "model": number.model,
        "modality": number.modality,
        "dataset": number.dataset,
        "split": number.split,
        "metric": METRIC_NAMES[number.metric],
        "accuracy_percent": float(number.value),
        "input": number.input.replace("x", "×") or None,
        "views": number.views,
        **traced("accuracy", quoted),
        "accuracy_notes": join_notes(number.note, third_party),
        **_cost(cost),
    }


def _cost(cost: Cost | NoCost) -> dict[str, object]:
    if isinstance(cost, NoCost):
        missing: dict[str, object] = {"cost": Evidence(missing=cost.reason)}
        # "not counted" needs no footnote; that something else was counted does.
        if not cost.mismatch:
            return missing
        return missing | {"cost_warning": MISMATCH_MARK, "cost_notes": cost.reason}
    quoted = f"{cost.operands}: {cost.source}" if cost.origin == "quoted" else None
    return {
        "counter": cost.counter,
        "gmacs_per_video": cost.gmacs_per_video,
        "cost_operands": cost.operands,
        **traced("cost", cost.evidence),
        "cost_notes": join_notes(quoted, cost.note),
    }


def _measured_rows(
    entry: Evaluation, measured: Sequence[Measured], others: Sequence[Evaluation]
) -> Iterator[dict[str, object]]:
    record = entry.record
    evaluated = Evidence(records=(record,))
    shared: dict[str, object] = {
        ROW: evaluated,
        "catalogue_name": record.model.name,
        "model": entry.title,
        "dataset": entry.dataset,
        "split": entry.split,
        "confidence": record.confidence,
        "input": describe_input(record.model),
        "views": record.views,
        **traced("accuracy", evaluated),
        "accuracy_notes": _notes(entry, others),
        "samples": record.evaluated,
        "split_samples": record.split_samples,
        "skipped_samples": len(record.skipped),
        "interrupted": record.interrupted,
        "backend": record.backend,
        "precision": record.precision,
        "checkpoint": record.checkpoint,
        "checkpoint_sha256": record.checkpoint_sha256,
        "weights_sha256": record.weights_sha256,
        "split_sha256": record.split_sha256,
        "label_map_sha256": record.label_map_sha256,
    }
    whole = _cost(cost_of_evaluation(record, measured))
    for result in record.streams:
        is_whole = result is record.main
        modality = entry.modalities if is_whole else f"{STREAM_NAMES[result.stream]} stream alone"
        cost = whole if is_whole else _cost_of_stream(whole, record.main.stream)
        for figures in _figures(result):
            yield shared | {"modality": modality} | cost | figures


def _cost_of_stream(whole: dict[str, object], main: str) -> dict[str, object]:
    """What is counted is the whole network's forward pass, which no one stream alone needs."""
    if "gmacs_per_video" not in whole:
        return {"cost": whole["cost"]}
    note = f"one stream alone; the whole network's cost stands beside its {main} accuracy"
    return {"cost_notes": note, "cost": Evidence(missing=note)}


def _figures(result: StreamResult) -> Iterator[dict[str, object]]:
    """One metric a row; an interval stands only beside the figure that it is of."""
    present = result.mean_class_accuracy_present
    yield _figure("top1", result.top1, result.top1_interval)
    if result.mean_class_accuracy == present:
        yield _figure("mean_class_accuracy", present, result.mean_class_interval)
    else:
        yield _figure("mean_class_accuracy", result.mean_class_accuracy)
        yield _figure("mean_class_accuracy_present", present, result.mean_class_interval)
    yield _figure("top5", result.top5)


def _figure(metric: str, value: float, interval: tuple[float, float] | None = None) -> dict[str, object]:
    low, high = interval or (None, None)
    return {
        "metric": METRIC_NAMES[metric],
        "accuracy_percent": 100.0 * value,
        "accuracy_low_percent": 100.0 * low if low is not None else None,
        "accuracy_high_percent": 100.0 * high if high is not None else None,
    }


def _has_two_means(entry: Evaluation) -> bool:
    return any(
        result.mean_class_accuracy != result.mean_class_accuracy_present for result in entry.record.streams
    )


def _notes(entry: Evaluation, others: Sequence[Evaluation]) -> str | None:
    record = entry.record
    lists = {
        other.record.split_sha256
        for other in others
        if (other.dataset, other.split) == (entry.dataset, entry.split)
    }
    other_samples = (
        f"samples {record.split_sha256[:HASH_DIGITS]}: not all rows measured here are of the same samples"
        if len(lists) > 1
        else None
    )
    weights = f"weights {record.weights_sha256[:HASH_DIGITS]}"
    if record.checkpoint:
        weights = describe_weights(record)
    form = "" if record.backend == PLAIN_BACKEND else f"run by {record.backend} in {record.precision}"
    return join_notes(
        weights, form, other_samples, *unsaid_caveats(record), *record.caveats, *record.model.notes
    )
