"""Every counter's multiply-adds of every model side by side, where they disagree, and what a video costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from epam_bench.records import AnyRecord, CountRecord, ModelCard
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.measurements import COUNTERS, Measured, describe_input, gather
from epam_reports.published import PublishedNumber, load_published, select
from epam_reports.table import Column, Table, join_notes, typed_frame

DISAGREEMENT_PERCENT = 1.0
"""Counters further apart than this are marked."""

NAMED_OPERATIONS = 4

FRAMES_PER_SECOND = 30.0

NO_PAPER = "–"
"""A network of the user's own: no accuracy of it is published, over whatever views."""

OTHER_VIEWS = "≠"
"""Behind a video's cost over another number of views than the published accuracy took."""


def counters_table(
    records: Iterable[AnyRecord],
    published: Sequence[PublishedNumber] | None = None,
    *,
    views: int | None = None,
    fps: float = FRAMES_PER_SECOND,
) -> Table:
    """GMACs of one view by each counter, their spread, the published count, and the cost of a video.

    Args:
        records: counts; others are passed over.
        published: numbers to compare with; by default all of ours.
        views: views a video; by default clips × crops of each model's published accuracy.
        fps: frames in a second of video.
    """
    numbers = load_published() if published is None else published
    measured = [entry for entry in gather(records) if entry.counts]
    counters = _counters_of(measured)
    rows = [_row(entry, counters, numbers) | _video(entry, views, fps) for entry in measured]
    return Table(
        name="counters",
        title="Multiply-adds by each counter",
        caption=(
            "GMACs of one view (1 multiply-add = 1 MAC; FLOPs = 2 × MACs; G = 10⁹). "
            f"Disagreements above {DISAGREEMENT_PERCENT:g} % are marked ≠. "
            "A published count is compared with that of the counter its source names, else with the first's. "
            f"{_video_words(views, fps)}"
        ),
        frame=typed_frame(rows, _dtypes(counters)),
        columns=_columns(counters),
        remarks=_conventions(measured),
        evidence=evidence_of(rows),
    )


def seconds_of_clip(card: ModelCard, fps: float) -> float | None:
    """Seconds of video from a clip's first frame to the next clip's; none where that is not fixed.

    A clip of 16 frames, every second one taken, spans 32: 1.07 s at 30 frames a second.
    """
    shape = card.inputs.get("rgb") or next(iter(card.inputs.values()), ())
    if card.frame_interval is None or len(shape) != 4:
        return None
    return shape[1] * card.frame_interval / fps


def disagreement_percent(entry: Measured) -> float | None:
    """How much more the highest counter says than the lowest; none with fewer than two counters."""
    macs = [record.macs for record in entry.counts.values()]
    if len(macs) < 2:
        return None
    if min(macs) == 0:
        return math.inf if max(macs) else 0.0
    return 100.0 * (max(macs) / min(macs) - 1.0)


def _counters_of(measured: Iterable[Measured]) -> list[str]:
    seen = {counter for entry in measured for counter in entry.counts}
    return [counter for counter in COUNTERS if counter in seen] + sorted(seen - set(COUNTERS))


def _dtypes(counters: Sequence[str]) -> dict[str, str]:
    by_counter: dict[str, str] = {}
    for counter in counters:
        by_counter |= {
            f"{counter}_gmacs": "Float64",
            f"{counter}_gflops": "Float64",
            f"{counter}_notes": "string",
            f"{counter}_origin": "string",
            f"{counter}_source": "string",
        }
    return {
        "model": "string",
        "title": "string",
        "title_notes": "string",
        "input": "string",
        "num_classes": "Int64",
        "parameters": "Int64",
        **by_counter,
        "disagreement_percent": "Float64",
        "agreement": "string",
        "published_gmacs": "Float64",
        "compared_counter": "string",
        "published_deviation_percent": "Float64",
        "published_origin": "string",
        "published_source": "string",
        "published_notes": "string",
        "views": "Int64",
        "video_counter": "string",
        "video_gmacs": "Float64",
        "video_notes": "string",
        "video_warning": "string",
        "video_origin": "string",
        "video_source": "string",
        "clip_seconds": "Float64",
        "second_gmacs": "Float64",
    }


def _columns(counters: Sequence[str]) -> tuple[Column, ...]:
    return (
        Column(key="title", header="Model", notes="title_notes"),
        Column(key="input", header="Input"),
        Column(key="parameters", header="Parameters"),
        *(
            Column(
                key=f"{counter}_gmacs",
                header=counter,
                decimals=3,
                never_zero=True,
                notes=f"{counter}_notes",
                evidence=counter,
            )
            for counter in counters
        ),
        Column(key="disagreement_percent", header="Disagreement (%)", decimals=1, absent="one counter"),
        Column(key="agreement", header="", absent=""),
        Column(
            key="published_gmacs",
            header="Published",
            origin="published_origin",
            notes="published_notes",
            absent="none at this input",
            evidence="published",
        ),
        Column(key="compared_counter", header="Compared counter", absent="–"),
        Column(key="published_deviation_percent", header="Compared to published (%)", decimals=1, absent="–"),
        Column(key="views", header="Views", absent="not known"),
        Column(
            key="video_gmacs",
            header="A video",
            decimals=2,
            never_zero=True,
            notes="video_notes",
            warning="video_warning",
            absent="–",
            evidence="video",
        ),
        Column(
            key="second_gmacs",
            header="A second",
            decimals=2,
            never_zero=True,
            absent="–",
            evidence="second",
        ),
    )


def _row(entry: Measured, counters: Sequence[str], numbers: Sequence[PublishedNumber]) -> dict[str, object]:
    apart = disagreement_percent(entry)
    marked = apart is not None and apart > DISAGREEMENT_PERCENT
    row: dict[str, object] = {
        "model": entry.card.name,
        "title": entry.title,
        "title_notes": join_notes(*entry.card.notes),
        ROW: Evidence(records=(entry.latest,)),
        "input": describe_input(entry.card),
        "num_classes": entry.card.num_classes,
        "parameters": entry.card.parameters,
        "disagreement_percent": apart,
        "agreement": None if apart is None else "≠" if marked else "",
    }
    lowest = min(record.macs for record in entry.counts.values())
    for counter in counters:
        record = entry.counts.get(counter)
        above = record is not None and record.macs > lowest * (1 + DISAGREEMENT_PERCENT / 100)
        row[f"{counter}_gmacs"] = record.macs / 1e9 if record else None
        row[f"{counter}_gflops"] = record.flops / 1e9 if record else None
        missed = record is not None and record in entry.incomplete_counts
        row[f"{counter}_notes"] = _notes(record, explain=above, missed=missed) if record else None
        asking = f"epam-bench flops {entry.card.name} --counter {counter}"
        found = Evidence(records=(record,)) if record else Evidence(missing=f"not counted: {asking}")
        row |= traced(counter, found)
    return row | _published(entry, numbers)


def _notes(record: CountRecord, *, explain: bool, missed: bool) -> str | None:
    """Caveats, what the counter could not count, and what it counts beyond convolutions and products."""
    uncounted = ", ".join(f"{name} ×{times}" for name, times in sorted(record.uncounted.items()))
    return join_notes(
        f"{record.counter} missed operations: fewer than convolutions and matrix products"
        if missed
        else None,
        f"{record.counter} has no rule for {uncounted}" if uncounted else None,
        _elementwise(record) if explain else None,
        *record.disagreements,
        *record.caveats,
    )


def _elementwise(record: CountRecord) -> str | None:
    """The largest operations that only some counters count: normalisation and pooling."""
    extra = {
        name: macs
        for name, macs in record.macs_by_operation.items()
        if macs > 0 and any(part in name.lower() for part in ("norm", "pool"))
    }
    largest = sorted(extra.items(), key=lambda item: -item[1])[:NAMED_OPERATIONS]
    said = ", ".join(f"{name} {macs / 1e9:.3f} G" for name, macs in largest)
    return f"{record.counter} includes {said}" if said else None


def _published(entry: Measured, numbers: Sequence[PublishedNumber]) -> dict[str, object]:
    found = select(numbers, catalogue_name=entry.card.name, metrics=("macs",), shapes=entry.shapes)
    printed = next((number for number in found if number.views == 1), None)
    count = entry.preferred_count
    if printed is None or count is None:
        return {}
    alike = next((record for record in entry.complete_counts if record.counter == printed.counter), count)
    return {
        "published_gmacs": float(printed.value),
        "compared_counter": alike.counter,
        "published_deviation_percent": _deviation_percent(alike, printed),
        **traced("published", Evidence(numbers=(printed,))),
        "published_notes": join_notes(
            printed.citation, printed.note, printed.convention_note, _named_counter(printed, entry)
        ),
    }


def _named_counter(printed: PublishedNumber, entry: Measured) -> str | None:
    """The counter that the source names, beside all of ours: it may print another's number."""
    if printed.counter is None:
        return None
    ours = ", ".join(
        f"{record.counter} {record.macs / 1e9:.3f} G ({_deviation_percent(record, printed):+.1f} %)"
        for record in entry.complete_counts
    )
    return f"{printed.value} G is printed as counted by {printed.counter}; ours by {ours}"


def _deviation_percent(record: CountRecord, printed: PublishedNumber) -> float:
    return 100.0 * (record.macs / 1e9 / float(printed.value) - 1.0)


def _conventions(measured: Sequence[Measured]) -> tuple[str, ...]:
    """What each counter counts, in its own record's words, said once."""
    words = dict.fromkeys(
        f"{record.counter} {record.counter_version}: {record.convention}"
        for entry in measured
        for record in entry.counts.values()
    )
    return tuple(words)


def _video(entry: Measured, views: int | None, fps: float) -> dict[str, object]:
    """Cost of all views of a video, and of a second of it, by the counter that stands for the model."""
    card, count = entry.card, entry.preferred_count
    is_known = card.paper != NO_PAPER or card.views > 1
    used = views or (card.views if is_known else None)
    row: dict[str, object] = {"views": used}
    if count is None:
        return row
    if used is not None:
        row |= traced("video", Evidence(records=(count,), working=f"{used} × {count.macs / 1e9:.3f} G")) | {
            "video_counter": count.counter,
            "video_gmacs": used * count.macs / 1e9,
        }
    if is_known and used != card.views:
        row |= {
            "video_warning": OTHER_VIEWS,
            "video_notes": f"the published accuracy took {card.clips} × {card.crops} views",
        }
    seconds = seconds_of_clip(card, fps)
    if seconds is None:
        return row
    working = f"{count.macs / 1e9:.3f} G / {seconds:.3g} s"
    return (
        row
        | traced("second", Evidence(records=(count,), working=working))
        | {
            "clip_seconds": seconds,
            "second_gmacs": count.macs / 1e9 / seconds,
        }
    )


def _video_words(views: int | None, fps: float) -> str:
    asked = (
        "A video: one view × clips × crops of the published accuracy"
        if views is None
        else f"A video: one view × {views} as asked, {OTHER_VIEWS} where the published accuracy took others"
    )
    return (
        f"{asked}. A second: one view over frames × frame interval / {fps:g} s, clips one after the other; "
        "none where a clip is spread over the whole video."
    )
