"""The efficiency table: cost, speed and published accuracy of each model, measured and quoted apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from epam_bench.records import AnyRecord
from epam_reports.costs import Cost, accuracy_beside, cost_of_accuracy, count_views
from epam_reports.measurements import (
    Measured,
    Setting,
    cite,
    describe_input,
    gather,
    main_runs,
    most_common_setting,
    setting_of,
)
from epam_reports.published import PublishedNumber, load_published, select
from epam_reports.published.published_number import ACCURACIES
from epam_reports.table import Column, Table, join_notes, typed_frame
from epam_reports.tables.accuracy import METRIC_NAMES
from epam_reports.tables.latency import latency_figures

_DTYPES = {
    "model": "string",
    "title": "string",
    "paper": "string",
    "modalities": "string",
    "input": "string",
    "input_notes": "string",
    "num_classes": "Int64",
    "views": "Int64",
    "views_notes": "string",
    "parameters_millions": "Float64",
    "parameters_origin": "string",
    "counter": "string",
    "gmacs_per_view": "Float64",
    "cost_origin": "string",
    "cost_source": "string",
    "cost_notes": "string",
    "gmacs_per_video": "Float64",
    "video_cost_views": "Int64",
    "video_cost_origin": "string",
    "video_cost_source": "string",
    "video_cost_notes": "string",
    "latency_median_ms": "Float64",
    "latency_first_quartile_ms": "Float64",
    "latency_third_quartile_ms": "Float64",
    "clips_per_second": "Float64",
    "peak_memory_mebibytes": "Float64",
    "latency_origin": "string",
    "latency_source": "string",
    "latency_notes": "string",
    "accuracy_percent": "Float64",
    "accuracy_on": "string",
    "accuracy_views": "Int64",
    "accuracy_input": "string",
    "accuracy_origin": "string",
    "accuracy_source": "string",
    "accuracy_notes": "string",
}


def efficiency_table(
    records: Iterable[AnyRecord], published: Sequence[PublishedNumber] | None = None
) -> Table:
    """One row for each model measured, cheapest view first, then the competitors that we only quote.

    GMACs of a video are over the very views and input of the row's accuracy; where we have no such
    count, the cell is quoted or left empty, with a footnote.
    """
    numbers = load_published() if published is None else published
    measured = gather(records)
    setting, runs = most_common_setting(measured), main_runs(measured)
    rows = [
        _measured_row(entry, measured, numbers) | _latency(entry, setting, runs)
        for entry in sorted(measured, key=_macs)
    ]
    rows += [
        _quoted_row(number, numbers)
        for number in select(numbers, metrics=("macs",))
        if not number.catalogue_name
    ]
    counters = sorted({entry.preferred_count.counter for entry in measured if entry.preferred_count})
    return Table(
        name="efficiency",
        title="Cost, speed and published accuracy",
        caption=_caption(setting, counters),
        frame=typed_frame(rows, _DTYPES),
        columns=_COLUMNS,
    )


_COLUMNS = (
    Column(key="title", header="Model"),
    Column(key="paper", header="Paper"),
    Column(key="modalities", header="Modalities"),
    Column(key="input", header="Input of a view", absent="not stated", notes="input_notes"),
    Column(key="views", header="Views", absent="not stated", notes="views_notes"),
    Column(
        key="parameters_millions",
        header="Parameters (M)",
        decimals=2,
        origin="parameters_origin",
        absent="not stated",
    ),
    Column(key="gmacs_per_view", header="GMACs/view", decimals=2, origin="cost_origin", notes="cost_notes"),
    Column(
        key="gmacs_per_video",
        header="GMACs/video",
        decimals=1,
        origin="video_cost_origin",
        notes="video_cost_notes",
        absent="–",
    ),
    Column(
        key="latency_median_ms",
        header="Latency (ms)",
        decimals=1,
        interval=("latency_first_quartile_ms", "latency_third_quartile_ms"),
        notes="latency_notes",
    ),
    Column(key="clips_per_second", header="Clips/s", decimals=2),
    Column(key="peak_memory_mebibytes", header="Peak memory (MiB)", decimals=0),
    Column(
        key="accuracy_percent",
        header="Accuracy (%)",
        origin="accuracy_origin",
        notes="accuracy_notes",
        absent="none published",
    ),
    Column(key="accuracy_on", header="on", absent=""),
)


def _caption(setting: Setting | None, counters: Sequence[str]) -> str:
    counted = f"GMACs by {' and '.join(counters)}'s counter" if counters else "Nothing was counted"
    timed = (
        f"latency is the median [quartiles] of one call: {setting.sentence}"
        if setting
        else "nothing was timed"
    )
    return f"{counted}; {timed}. Accuracies are published, at the views printed; clips are views, not videos."


def _measured_row(
    entry: Measured, measured: Sequence[Measured], numbers: Sequence[PublishedNumber]
) -> dict[str, object]:
    card, count = entry.card, entry.preferred_count
    row: dict[str, object] = {
        "model": card.name,
        "title": entry.title,
        "paper": card.paper,
        "modalities": "+".join(card.modalities),
        "input": describe_input(card),
        "num_classes": card.num_classes,
        "views": card.views,
        "parameters_millions": card.parameters / 1e6,
        "parameters_origin": "measured",
    }
    if count:
        row |= {
            "counter": count.counter,
            "gmacs_per_view": count.macs / 1e9,
            "cost_origin": "measured",
            "cost_source": cite(count),
            "cost_notes": join_notes(*count.caveats),
        }
    accuracy = accuracy_beside(entry, numbers)
    if accuracy is None:
        return row | _video_of_catalogue(entry)
    return row | _accuracy(accuracy, entry) | _video(accuracy, entry, measured, numbers)


def _latency(entry: Measured, setting: Setting | None, runs: Mapping[Setting, str]) -> dict[str, object]:
    """The latency's cells in the table's one setting, or where else the model was timed."""
    latency = entry.latency_in(setting)
    if latency:
        return latency_figures(latency, runs)
    if not entry.latencies or setting is None:
        return {}
    machines = dict.fromkeys(setting_of(record).machine for record in entry.latencies)
    if setting.machine in machines:
        where = "in another setting"
    else:
        where = f"on another machine ({'; '.join(machines)})"
    return {"latency_notes": f"timed {where} only; see the latency table"}


def _video_of_catalogue(entry: Measured) -> dict[str, object]:
    """Without a published accuracy, a video is the catalogue's views; there is nothing to mismatch."""
    count = entry.preferred_count
    if count is None:
        return {}
    return {
        "gmacs_per_video": count.macs_per_video / 1e9,
        "video_cost_views": entry.card.views,
        "video_cost_origin": "measured",
        "video_cost_source": cite(count),
    }


def _accuracy(accuracy: PublishedNumber, entry: Measured | None) -> dict[str, object]:
    """The accuracy's cells, with a note wherever it was not reached at the row's views and input."""
    views = accuracy.views
    mismatch = None
    if entry is not None and (views != entry.card.views or accuracy.shapes != entry.shapes):
        at = accuracy.input.replace("x", "×") or "an unstated input"
        mismatch = (
            f"accuracy at {count_views(views)} of {at}; this row's view cost and latency are for "
            f"{describe_input(entry.card)}, its catalogue entry for {count_views(entry.card.views)}"
        )
        mismatch = join_notes(mismatch, accuracy.note)
    return {
        "accuracy_percent": float(accuracy.value),
        "accuracy_on": f"{accuracy.protocol} ({METRIC_NAMES[accuracy.metric]})",
        "accuracy_views": views,
        "accuracy_input": accuracy.input or None,
        "accuracy_origin": "quoted",
        "accuracy_source": accuracy.citation,
        "accuracy_notes": join_notes(accuracy.citation, mismatch),
    }


def _video(
    accuracy: PublishedNumber,
    entry: Measured | None,
    measured: Sequence[Measured],
    numbers: Sequence[PublishedNumber],
) -> dict[str, object]:
    cost = cost_of_accuracy(accuracy, measured, numbers)
    if not isinstance(cost, Cost):
        return {"video_cost_notes": cost.reason}
    elsewhere = entry is not None and (
        accuracy.shapes != entry.shapes or accuracy.views != entry.card.views or cost.origin == "quoted"
    )
    at = (
        f"{cost.operands}: {count_views(cost.views)} of {accuracy.input.replace('x', '×')}, "
        f"as its accuracy; {cost.source}"
    )
    return {
        "gmacs_per_video": cost.gmacs_per_video,
        "video_cost_views": cost.views,
        "video_cost_origin": cost.origin,
        "video_cost_source": cost.source,
        "video_cost_notes": join_notes(at, cost.note) if elsewhere else None,
    }


def _quoted_row(printed: PublishedNumber, numbers: Sequence[PublishedNumber]) -> dict[str, object]:
    """A competitor that we cannot measure: the cost as printed, whatever views it stands for."""
    found = select(numbers, model=printed.model, metrics=ACCURACIES)
    accuracy = next(
        (number for number in found if number.modality == printed.modality), next(iter(found), None)
    )
    per_view = float(printed.value) if printed.views == 1 else None
    row: dict[str, object] = {
        "title": printed.model,
        "paper": f"quoted by {printed.source.short or printed.source.title}",
        "modalities": printed.modality,
        "input": printed.input.replace("x", "×") or None,
        "input_notes": printed.note if printed.input and printed.note else None,
        "views": printed.views,
        "views_notes": printed.note if printed.views and printed.note else None,
        "counter": "as printed",
        "gmacs_per_view": per_view,
        "gmacs_per_video": float(printed.value),
        "video_cost_views": printed.views,
        "cost_origin": "quoted",
        "cost_source": printed.citation,
        "video_cost_origin": "quoted",
        "video_cost_source": printed.citation,
        "video_cost_notes": _of_printed_cost(printed),
    }
    if accuracy is None:
        return row
    cost = cost_of_accuracy(accuracy, (), numbers)
    mismatch = None if isinstance(cost, Cost) else f"{cost.reason}: the two do not belong together"
    row |= _accuracy(accuracy, None)
    row["accuracy_notes"] = join_notes(accuracy.citation, mismatch)
    return row | {"video_cost_notes": join_notes(_of_printed_cost(printed), mismatch)}


def _of_printed_cost(printed: PublishedNumber) -> str | None:
    """What is not known of a cost that we cannot measure."""
    unstated = "views not stated: may be one view or all" if printed.views is None else None
    return join_notes(unstated, printed.convention_note, printed.note)


def _macs(entry: Measured) -> float:
    return entry.preferred_count.macs if entry.preferred_count else float("inf")
