"""What one evaluation or one comparison prints before the tables that reports have too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from epam_bench.records import AccuracyRecord, StreamResult
from epam_reports.evaluations import STREAM_NAMES
from epam_reports.table import Column, Table, typed_frame

if TYPE_CHECKING:
    from epam_bench.comparison import ComparedRun, Comparison


def streams_table(record: AccuracyRecord) -> Table:
    """Each stream's accuracies with their intervals; both mean class accuracies where they differ."""
    rows = [_stream_row(result) for result in record.streams]
    two_means = any(
        result.mean_class_accuracy != result.mean_class_accuracy_present for result in record.streams
    )
    interval = ("mean_class_low_percent", "mean_class_high_percent")
    usual = Column(
        key="mean_class_accuracy_present_percent",
        header="Mean class, of classes that occur (%)",
        decimals=2,
        interval=interval,
    )
    published = Column(
        key="mean_class_accuracy_percent",
        header="Mean class (%)",
        decimals=2,
        interval=None if two_means else interval,
    )
    return Table(
        name="streams",
        title=f"Accuracy of {record.model.title} on {_data(record)}",
        caption=_caption(record),
        frame=typed_frame(
            rows, {"stream": "string", "samples": "Int64"} | dict.fromkeys(_PERCENTAGES, "Float64")
        ),
        columns=(
            Column(key="stream", header="Stream"),
            Column(key="samples", header="Samples"),
            Column(
                key="top1_percent",
                header="Top-1 (%)",
                decimals=2,
                interval=("top1_low_percent", "top1_high_percent"),
            ),
            Column(key="top5_percent", header="Top-5 (%)", decimals=2),
            published,
            *([usual] if two_means else []),
        ),
        remarks=(_explain_means(two_means=two_means), *record.caveats),
    )


_PERCENTAGES = (
    "top1_percent",
    "top1_low_percent",
    "top1_high_percent",
    "top5_percent",
    "mean_class_accuracy_percent",
    "mean_class_accuracy_present_percent",
    "mean_class_low_percent",
    "mean_class_high_percent",
)


def _stream_row(result: StreamResult) -> dict[str, object]:
    shares = (
        result.top1,
        *result.top1_interval,
        result.top5,
        result.mean_class_accuracy,
        result.mean_class_accuracy_present,
        *result.mean_class_interval,
    )
    percentages = {name: 100 * share for name, share in zip(_PERCENTAGES, shares, strict=True)}
    return {"stream": STREAM_NAMES[result.stream], "samples": result.samples, **percentages}


def _explain_means(*, two_means: bool) -> str:
    interval = "its interval draws samples again within their class, and is too narrow where a class has few"
    if not two_means:
        return (
            f"Mean class: the mean over classes of the share of a class's samples that is right; {interval}."
        )
    return (
        "Mean class: as published, a class that is predicted but has no sample counts as 0; beside it the "
        f"usual definition, over the classes that occur: {interval}."
    )


def _data(record: AccuracyRecord) -> str:
    split = f", split {record.split}" if record.split else ""
    return f"{record.dataset} {record.protocol}{split}"


def _caption(record: AccuracyRecord) -> str:
    views = f"{record.views} view{'s' if record.views != 1 else ''} a video"
    weights = record.checkpoint or "random weights"
    return (
        f"{record.evaluated} of {record.split_samples} samples, {views}, {record.device}, "
        f"{record.precision}, {record.backend}; {weights}, sha256 {record.weights_sha256[:12]}; in brackets "
        f"{100 * record.confidence:g} % intervals"
    )


def runs_table(comparison: Comparison) -> Table:
    """The accuracies of two runs on the same samples."""
    return Table(
        name="runs",
        title="Accuracies of two runs",
        caption=f"Of the same {comparison.test.samples} samples.",
        frame=typed_frame(
            [_run_row(run) for run in (comparison.run_a, comparison.run_b)],
            {"run": "string", "samples": "Int64"} | dict.fromkeys(_RUN_PERCENTAGES, "Float64"),
        ),
        columns=(
            Column(key="run", header="Run"),
            Column(key="samples", header="Samples"),
            Column(key="top1_percent", header="Top-1 (%)", decimals=2),
            Column(key="top5_percent", header="Top-5 (%)", decimals=2),
            Column(key="mean_class_accuracy_percent", header="Mean class (%)", decimals=2),
        ),
    )


_RUN_PERCENTAGES = ("top1_percent", "top5_percent", "mean_class_accuracy_percent")


def _run_row(run: ComparedRun) -> dict[str, object]:
    shares = (run.accuracy.top1, run.accuracy.top5, run.accuracy.mean_class_accuracy)
    percentages = {name: 100 * share for name, share in zip(_RUN_PERCENTAGES, shares, strict=True)}
    return {"run": run.title, "samples": run.accuracy.samples, **percentages}
