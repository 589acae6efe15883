"""Each class's accuracy by stream, and what it was most often taken for; networks below each other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from epam_bench.records import AccuracyRecord, AnyRecord, Stream
from epam_reports.evaluations import STREAM_NAMES, Evaluation, describe_weights, gather_evaluations
from epam_reports.evidence import ROW, Evidence, evidence_of
from epam_reports.measurements import cite
from epam_reports.table import Column, Table, typed_frame


def classes_table(records: Iterable[AnyRecord]) -> Table:
    """One row a class of each accuracy record, in the order of labels; other records are passed over.

    Network and data are columns when there are several, and in the caption when there is one.
    """
    evaluations = gather_evaluations(records)
    streams = [
        stream
        for stream in STREAM_NAMES
        if any(result.stream == stream for entry in evaluations for result in entry.record.streams)
    ]
    rows = [row for entry in evaluations for row in _rows(entry)]
    return Table(
        name="classes",
        title="Accuracy of each class",
        caption=_caption(evaluations),
        frame=typed_frame(rows, _dtypes(streams)),
        columns=_columns(streams, evaluations),
        remarks=tuple(sentence for entry in evaluations for sentence in _kinds(entry)),
        evidence=evidence_of(rows),
    )


def _dtypes(streams: Sequence[Stream]) -> dict[str, str]:
    by_stream: dict[str, str] = {}
    for stream in streams:
        by_stream |= {f"{stream}_hits": "Int64", f"{stream}_percent": "Float64"}
    return {
        "catalogue_name": "string",
        "model": "string",
        "dataset": "string",
        "split": "string",
        "label": "Int64",
        "class": "string",
        "kind": "string",
        "samples": "Int64",
        **by_stream,
        "taken_for": "string",
        "taken_for_samples": "Int64",
        "weights_sha256": "string",
        "accuracy_source": "string",
    }


def _columns(streams: Sequence[Stream], evaluations: Sequence[Evaluation]) -> tuple[Column, ...]:
    several = (
        Column(key="model", header="Model"),
        Column(key="dataset", header="Data set"),
        Column(key="split", header="Split"),
    )
    has_kinds = any(result.group for entry in evaluations for result in entry.record.classes)
    return (
        *(several if len(evaluations) > 1 else ()),
        Column(key="class", header="Class"),
        *((Column(key="kind", header="Kind", absent="–"),) if has_kinds else ()),
        Column(key="samples", header="Samples"),
        *(
            Column(key=f"{stream}_percent", header=f"{STREAM_NAMES[stream]} (%)", decimals=1, absent="–")
            for stream in streams
        ),
        Column(key="taken_for", header="Most often taken for", absent="–"),
        Column(key="taken_for_samples", header="so often", absent="–"),
    )


def _caption(evaluations: Sequence[Evaluation]) -> str:
    words = (
        "Share of a class's samples whose best class is the label; a class without samples has none. What it "
        "was most often taken for is by the first stream."
    )
    if len(evaluations) != 1:
        return words
    (entry,) = evaluations
    return f"{entry.heading}; {describe_weights(entry.record)}. {words}"


def _rows(entry: Evaluation) -> Iterator[dict[str, object]]:
    record = entry.record
    for label, result in enumerate(record.classes):
        row: dict[str, object] = {
            ROW: Evidence(records=(record,)),
            "catalogue_name": record.model.name,
            "model": entry.title,
            "dataset": entry.dataset,
            "split": entry.split,
            "label": label,
            "class": result.name,
            "kind": result.group,
            "samples": result.samples,
            "weights_sha256": record.weights_sha256,
            "accuracy_source": cite(record),
        }
        for stream, hits in result.hits.items():
            row[f"{stream}_hits"] = hits
            row[f"{stream}_percent"] = 100 * hits / result.samples if result.samples else None
        yield row | _taken_for(record, label)


def _taken_for(record: AccuracyRecord, label: int) -> dict[str, object]:
    """The wrong class that was predicted most often, the first of equals; nothing when all were right."""
    wrong = [(count, -predicted) for true, predicted, count in record.confusion if true == label != predicted]
    if not wrong:
        return {}
    count, negative = max(wrong)
    return {"taken_for": record.classes[-negative].name, "taken_for_samples": count}


def _kinds(entry: Evaluation) -> Iterator[str]:
    """One sentence a kind of class, in data sets that have kinds."""
    record = entry.record
    for kind in dict.fromkeys(result.group for result in record.classes if result.group):
        members = [result for result in record.classes if result.group == kind]
        samples = sum(result.samples for result in members)
        if samples:
            shares = ", ".join(
                f"{STREAM_NAMES[result.stream]} "
                f"{100 * sum(member.hits[result.stream] for member in members) / samples:.1f} %"
                for result in record.streams
            )
            yield f"{entry.heading}, {kind}: {shares} of {samples} samples."
