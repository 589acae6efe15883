"""The published accuracies, competitors' included: all quoted, each with its views and its source."""

from __future__ import annotations

from collections.abc import Sequence

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
    "input": "string",
    "views": "Int64",
    "accuracy_origin": "string",
    "accuracy_source": "string",
    "accuracy_notes": "string",
}

METRIC_NAMES = {"top1": "top-1", "mean_class_accuracy": "mean class"}


def accuracy_table(published: Sequence[PublishedNumber] | None = None) -> Table:
    """Every published accuracy by data set and split, best first; nothing here is measured by us."""
    numbers = load_published() if published is None else published
    found = select(numbers, metrics=ACCURACIES)
    order = {
        protocol: rank for rank, protocol in enumerate(dict.fromkeys(number.protocol for number in found))
    }
    ranked = sorted(found, key=lambda number: (order[number.protocol], number.metric, -number.value))
    return Table(
        name="accuracy",
        title="Published accuracies",
        caption="Quoted, not measured here. Rows with different views or inputs did not cost the same.",
        frame=typed_frame([_row(number) for number in ranked], _DTYPES),
        columns=(
            Column(key="dataset", header="Data set"),
            Column(key="split", header="Split"),
            Column(key="model", header="Model", notes="accuracy_notes"),
            Column(key="modality", header="Modalities"),
            Column(key="metric", header="Metric"),
            Column(key="accuracy_percent", header="Accuracy (%)", origin="accuracy_origin"),
            Column(key="views", header="Views", absent="not stated"),
            Column(key="input", header="Input of a view", absent="not stated"),
            Column(key="accuracy_source", header="Source"),
        ),
    )


def _row(number: PublishedNumber) -> dict[str, object]:
    third_party = "repeated by a third party" if number.source.kind == "index" else None
    return {
        "catalogue_name": number.catalogue_name,
        "model": number.model,
        "modality": number.modality,
        "dataset": number.dataset,
        "split": number.split,
        "metric": METRIC_NAMES[number.metric],
        "accuracy_percent": float(number.value),
        "input": number.input.replace("x", "×") or None,
        "views": number.views,
        "accuracy_origin": "quoted",
        "accuracy_source": number.citation,
        "accuracy_notes": join_notes(number.note, third_party),
    }
