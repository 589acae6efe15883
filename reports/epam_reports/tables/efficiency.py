"""The efficiency table: cost, speed and published accuracy of each model, measured and quoted apart."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from epam_bench.records import AnyRecord
from epam_reports.costs import Cost, accuracy_beside, cost_of_accuracy, count_views, printed_gmacs
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import (
    Measured,
    Setting,
    describe_input,
    gather,
    main_entries,
    main_runs,
    most_common_setting,
    setting_of,
)
from epam_reports.published import PublishedNumber, load_published, select
from epam_reports.published.published_number import ACCURACIES
from epam_reports.table import Column, Table, join_notes, typed_frame
from epam_reports.tables.accuracy import METRIC_NAMES, MISMATCH_MARK
from epam_reports.tables.latency import latency_figures

_DTYPES = {
    "model": "string",
    "title": "string",
    "title_notes": "string",
    "row_origin": "string",
    "paper": "string",
    "modalities": "string",
    "input": "string",
    "input_notes": "string",
    "num_classes": "Int64",
    "views": "Int64",
    "views_notes": "string",
    "parameters_millions": "Float64",
    "parameters_origin": "string",
    "parameters_source": "string",
    "counter": "string",
    "gmacs_per_view": "Float64",
    "cost_origin": "string",
    "cost_source": "string",
    "cost_notes": "string",
    "cost_warning": "string",
    "gmacs_per_video": "Float64",
    "video_cost_views": "Int64",
    "video_cost_origin": "string",
    "video_cost_source": "string",
    "video_cost_notes": "string",
    "video_cost_warning": "string",
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
    "accuracy_warning": "string",
}


def efficiency_table(
    records: Iterable[AnyRecord], published: Sequence[PublishedNumber] | None = None
) -> Table:
    """One row for each model measured, cheapest view first, then the competitors that we only quote.

    GMACs of a video are over the very views and input of the row's accuracy; where we have no such
    count, the cell is quoted or left empty, with a footnote. A view's cost beside an accuracy of ten
    views is printed as ``4.73×10``; one beside an accuracy at another input as ``4.73≠``.
    """
    numbers = load_published() if published is None else published
    measured = gather(records)
    setting, runs = most_common_setting(measured), main_runs(measured)
    rows = [
        _measured_row(entry, measured, numbers) | _latency(entry, setting, runs)
        for entry in sorted(main_entries(measured), key=_macs)
    ]
    rows += [
        _quoted_row(number, numbers, measured)
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
        remarks=(_SIGNS, *_counted_elsewhere(measured)),
        evidence=evidence_of(rows),
    )


_SIGNS = (
    "×n: the row's accuracy took n such views (×?: it is not known how many); "
    f"{MISMATCH_MARK}: a cost and the row's accuracy are not of the same views and input, see the footnote."
)

_COLUMNS = (
    Column(key="title", header="Model", origin="row_origin", notes="title_notes"),
    Column(key="paper", header="Paper"),
    Column(key="modalities", header="Modalities"),
    Column(key="input", header="Input of a view", absent="not stated", notes="input_notes"),
    Column(key="views", header="Views", absent="not stated", notes="views_notes"),
    Column(
        key="parameters_millions",
        header="Parameters (M)",
        decimals=2,
        never_zero=True,
        origin="parameters_origin",
        absent="not stated",
        evidence="parameters",
    ),
    Column(
        key="gmacs_per_view",
        header="GMACs/view",
        decimals=2,
        never_zero=True,
        origin="cost_origin",
        notes="cost_notes",
        warning="cost_warning",
        evidence="cost",
    ),
    Column(
        key="gmacs_per_video",
        header="GMACs/video",
        decimals=1,
        never_zero=True,
        origin="video_cost_origin",
        notes="video_cost_notes",
        warning="video_cost_warning",
        absent="–",
        evidence="video_cost",
    ),
    Column(key="video_cost_views", header="in views", absent="–", evidence="video_cost"),
    Column(
        key="latency_median_ms",
        header="Latency (ms)",
        decimals=1,
        digits=2,
        interval=("latency_first_quartile_ms", "latency_third_quartile_ms"),
        notes="latency_notes",
        evidence="latency",
    ),
    Column(key="clips_per_second", header="Clips/s", decimals=2, evidence="latency"),
    Column(key="peak_memory_mebibytes", header="Peak memory (MiB)", decimals=0, evidence="latency"),
    Column(
        key="accuracy_percent",
        header="Accuracy (%)",
        origin="accuracy_origin",
        notes="accuracy_notes",
        warning="accuracy_warning",
        absent="none quoted",
        evidence="accuracy",
    ),
    Column(key="accuracy_on", header="on", absent="", evidence="accuracy"),
)


def _caption(setting: Setting | None, counters: Sequence[str]) -> str:
    counted = f"GMACs counted by {' and '.join(counters)}" if counters else "Nothing was counted"
    timed = (
        f"latency is the median [quartiles] of one call: {setting.sentence}"
        if setting
        else "nothing was timed"
    )
    return f"{counted}; {timed}. Accuracies are published, at the views printed; clips are views, not videos."


def _measured_row(
    entry: Measured, measured: Sequence[Measured], numbers: Sequence[PublishedNumber]
) -> dict[str, object]:
    card, count, latest = entry.card, entry.preferred_count, Evidence(records=(entry.latest,))
    row: dict[str, object] = {
        **traced(ROW, latest),
        "model": card.name,
        "title": entry.title,
        "title_notes": join_notes(*card.notes),
        "paper": card.paper,
        "modalities": "+".join(card.modalities),
        "input": describe_input(card),
        "num_classes": card.num_classes,
        "views": card.views,
        "parameters_millions": card.parameters / 1e6,
        **traced("parameters", latest),
    }
    if count is None:
        row["cost"] = Evidence(missing=f"no counter's record of {card.name}: epam-bench flops {card.name}")
    else:
        row |= traced("cost", Evidence(records=(count,))) | {
            "counter": count.counter,
            "gmacs_per_view": count.macs / 1e9,
            "cost_notes": join_notes(*count.disagreements, *count.caveats),
        }
    accuracy = accuracy_beside(entry, numbers)
    if accuracy is None:
        missing = Evidence(missing=f"no published accuracy of {card.name} among the sources")
        return row | _video_of_catalogue(entry) | {"accuracy": missing}
    beside = _accuracy(accuracy, entry) | _video(accuracy, entry, measured, numbers)
    return row | beside | {"cost_warning": _warning_of_view(accuracy, entry)}


def _warning_of_view(accuracy: PublishedNumber, entry: Measured) -> str:
    """What stands behind the cost of one view: the views that the row's accuracy took of it."""
    if entry.preferred_count is None:
        return ""
    if accuracy.shapes != entry.shapes or accuracy.networks > 1:
        return MISMATCH_MARK
    return "" if accuracy.views == 1 else f"×{accuracy.views or '?'}"


def _latency(entry: Measured, setting: Setting | None, runs: Mapping[Setting, str]) -> dict[str, object]:
    """The latency's cells in the table's one setting, or where else the model was timed."""
    latency = entry.latency_in(setting)
    if latency:
        return latency_figures(latency, runs)
    name = entry.card.name
    if not entry.latencies or setting is None:
        return {"latency": Evidence(missing=f"no latency record of {name}: epam-bench latency {name}")}
    machines = dict.fromkeys(setting_of(record).machine for record in entry.latencies)
    if setting.machine in machines:
        where = "in another setting"
    else:
        where = f"on another machine ({'; '.join(machines)})"
    note = f"timed {where} only; see the latency table"
    return {"latency_notes": note, "latency": Evidence(missing=note)}


def _video_of_catalogue(entry: Measured) -> dict[str, object]:
    """Without a published accuracy, a video is the catalogue's views; there is nothing to mismatch."""
    count = entry.preferred_count
    if count is None:
        return {"video_cost": Evidence(missing="no count to multiply by the views")}
    working = f"{entry.card.views} × {count.macs / 1e9:.2f} G"
    return {
        "gmacs_per_video": count.macs_per_video / 1e9,
        "video_cost_views": entry.card.views,
        **traced("video_cost", Evidence(records=(count,), working=working)),
    }


def _accuracy(accuracy: PublishedNumber, entry: Measured | None) -> dict[str, object]:
    """The accuracy's cells, with a note wherever it was not reached at the row's views and input."""
    views = accuracy.views
    mismatch = None
    is_same = entry is None or (views == entry.card.views and accuracy.shapes == entry.shapes)
    if entry is not None and (not is_same or accuracy.networks > 1):
        ensemble = f" by {accuracy.networks} networks" if accuracy.networks > 1 else ""
        at = accuracy.input.replace("x", "×") or "an unstated input"
        mismatch = (
            f"accuracy at {count_views(views)} of {at}{ensemble}; this row's view cost and latency are for "
            f"{describe_input(entry.card)}, its catalogue entry for {count_views(entry.card.views)}"
        )
        mismatch = join_notes(mismatch, accuracy.note)
    return {
        "accuracy_percent": float(accuracy.value),
        "accuracy_on": f"{accuracy.protocol} ({METRIC_NAMES[accuracy.metric]})",
        "accuracy_views": views,
        "accuracy_input": accuracy.input or None,
        "accuracy_notes": join_notes(accuracy.citation, mismatch),
        "accuracy_warning": MISMATCH_MARK if mismatch else "",
        **traced("accuracy", Evidence(numbers=(accuracy,))),
    }


def _video(
    accuracy: PublishedNumber,
    entry: Measured,
    measured: Sequence[Measured],
    numbers: Sequence[PublishedNumber],
) -> dict[str, object]:
    cost = cost_of_accuracy(accuracy, measured, numbers)
    if not isinstance(cost, Cost):
        return {"video_cost_notes": cost.reason, "video_cost": Evidence(missing=cost.reason)}
    elsewhere = (
        accuracy.shapes != entry.shapes or accuracy.views != entry.card.views or cost.origin == "quoted"
    )
    at = (
        f"{cost.operands}: {count_views(cost.views)} of {accuracy.input.replace('x', '×')}, "
        f"as its accuracy; {cost.source}"
    )
    return {
        "gmacs_per_video": cost.gmacs_per_video,
        "video_cost_views": cost.views,
        "video_cost_notes": join_notes(at, cost.note) if elsewhere else None,
        **traced("video_cost", cost.evidence),
    }


def _counted_elsewhere(measured: Sequence[Measured]) -> tuple[str, ...]:
    rows = main_entries(measured)
    others = dict.fromkeys(entry.card.title for entry in measured if entry not in rows)
    if not others:
        return ()
    return (f"Counted at further inputs, see the table of counters: {', '.join(others)}.",)


def _quoted_row(
    printed: PublishedNumber, numbers: Sequence[PublishedNumber], measured: Sequence[Measured]
) -> dict[str, object]:
    """A competitor whose cost we only quote: as printed, whatever views it stands for."""
    found = select(numbers, model=printed.model, metrics=ACCURACIES)
    accuracy = next(
        (number for number in found if number.modality == printed.modality), next(iter(found), None)
    )
    quoted = Evidence(numbers=(printed,))
    row: dict[str, object] = {
        **traced(ROW, quoted),
        "title": printed.model,
        "title_notes": _stand_in(printed, measured),
        "paper": f"quoted by {printed.source.short or printed.source.title}",
        "modalities": printed.modality,
        "input": printed.input.replace("x", "×") or None,
        "input_notes": printed.note if printed.input and printed.note else None,
        "views": printed.views,
        "views_notes": printed.note if printed.views and printed.note else None,
        "counter": "as printed",
        "parameters": Evidence(missing="the source prints no parameters beside this cost"),
        "latency": Evidence(missing=_untimed(printed)),
        "gmacs_per_video": printed_gmacs(printed),
        "video_cost_views": printed.views,
        "video_cost_notes": _of_printed_cost(printed),
        **traced("video_cost", quoted),
    }
    if printed.views == 1:
        row |= {"gmacs_per_view": printed_gmacs(printed), **traced("cost", quoted)}
    else:
        at = f"the source prints the cost of {count_views(printed.views)}, not that of one"
        row["cost"] = Evidence(missing=at)
    if accuracy is None:
        return row | {"accuracy": Evidence(missing="no published accuracy among the sources")}
    of_its_kind = select(numbers, model=printed.model)
    cost = cost_of_accuracy(accuracy, (), of_its_kind)
    is_same = isinstance(cost, Cost) and cost.views == printed.views
    reason = cost.reason if not isinstance(cost, Cost) else f"the accuracy took {count_views(cost.views)}"
    mismatch = None if is_same else f"{reason}: the two do not belong together"
    row |= _accuracy(accuracy, None)
    return row | {
        "accuracy_notes": join_notes(accuracy.citation, mismatch),
        "accuracy_warning": MISMATCH_MARK if mismatch else "",
        "cost_warning": MISMATCH_MARK if mismatch and printed.views == 1 else "",
        "video_cost_notes": join_notes(_of_printed_cost(printed), mismatch),
        "video_cost_warning": MISMATCH_MARK if mismatch else "",
    }


def _untimed(printed: PublishedNumber) -> str:
    """Why a quoted network has no latency, and what could be timed in its place."""
    if printed.stand_in is None:
        return "not built here, so it cannot be timed"
    return f"itself not built here; what stands in for it can be timed: epam-bench latency {printed.stand_in}"


def _stand_in(printed: PublishedNumber, measured: Sequence[Measured]) -> str | None:
    """Which row is counted here in the place of a network that we have not got itself."""
    titles = [entry.title for entry in measured if entry.card.name == printed.stand_in is not None]
    return f"{titles[0]} is counted in its place" if titles else None


def _of_printed_cost(printed: PublishedNumber) -> str | None:
    """What is not known of a cost that we cannot measure."""
    unstated = "views not stated: may be one view or all" if printed.views is None else None
    return join_notes(unstated, printed.convention_note, printed.note)


def _macs(entry: Measured) -> float:
    return entry.preferred_count.macs if entry.preferred_count else float("inf")
