"""The way from a video file to a prediction: what each step takes, and which one dominates when."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median, quantiles

from epam_bench.records import AnyRecord, PipelineRecord, latest_records
from epam_reports.evidence import ROW, Evidence, evidence_of
from epam_reports.table import Column, Table, join_notes, typed_frame

STEPS = ("decode", "pose", "sampling and crop", "heatmaps", "network", "fusion")
"""In the order in which they are taken."""

WHOLE = "whole, by its own clock"

_SETTING_DTYPES = {
    "model": "string",
    "title": "string",
    "title_notes": "string",
    "backend": "string",
    "precision": "string",
    "device": "string",
    "threads": "Int64",
    "video": "string",
    "persons": "Int64",
    "video_frames": "Int64",
    "video_width": "Int64",
    "video_height": "Int64",
    "frame_size": "string",
}

_STEP_DTYPES = {
    **_SETTING_DTYPES,
    "step": "string",
    "step_median_ms": "Float64",
    "step_first_quartile_ms": "Float64",
    "step_third_quartile_ms": "Float64",
    "step_share_percent": "Float64",
    "samples": "Int64",
    "step_notes": "string",
    "row_notes": "string",
}

_WAY_DTYPES = {
    **_SETTING_DTYPES,
    **{f"{step.replace(' ', '_')}_ms": "Float64" for step in STEPS},
    "whole_median_ms": "Float64",
    "whole_first_quartile_ms": "Float64",
    "whole_third_quartile_ms": "Float64",
    "covered_percent": "Float64",
    "dominant": "string",
    "dominant_percent": "Float64",
    "videos_per_second": "Float64",
    "pose_notes": "string",
    "row_notes": "string",
}


def pipeline_table(records: Iterable[AnyRecord]) -> Table:
    """One row a network, setting and video: every step, the whole, and the step that dominates."""
    known = _gather(records)
    rows = [_way_row(record) for record in known]
    return Table(
        name="pipeline",
        title="From a video file to a prediction",
        caption=(
            "Milliseconds a video, medians; the whole [first, third quartile] was timed by a clock of its "
            "own, on passes without the steps' clocks. Covered: the steps' sum over that whole."
        ),
        frame=typed_frame(rows, _WAY_DTYPES),
        columns=(
            *_setting_columns(known),
            *(
                Column(
                    key=f"{step.replace(' ', '_')}_ms",
                    header=step.capitalize(),
                    decimals=1,
                    never_zero=True,
                    notes="pose_notes" if step == "pose" else None,
                    absent="–",
                )
                for step in STEPS
            ),
            Column(
                key="whole_median_ms",
                header="Whole (ms)",
                decimals=1,
                interval=("whole_first_quartile_ms", "whole_third_quartile_ms"),
                notes="row_notes",
            ),
            Column(key="covered_percent", header="Covered (%)", decimals=1),
            Column(key="dominant", header="Dominant"),
        ),
        remarks=tuple(_dominance(known)),
        evidence=evidence_of(rows),
    )


def pipeline_steps_table(records: Iterable[AnyRecord]) -> Table:
    """One row a step of every way, its sum, and the whole that it must be."""
    known = _gather(records)
    rows = [row for record in known for row in _step_rows(record)]
    return Table(
        name="pipeline_steps",
        title="From a video file to a prediction, step by step",
        caption=(
            "Milliseconds a video: median [first, third quartile]; shares of the whole, which was timed by a "
            "clock of its own on other passes, by turns with these."
        ),
        frame=typed_frame(rows, _STEP_DTYPES),
        columns=(
            *_setting_columns(known),
            Column(key="step", header="Step", notes="step_notes"),
            Column(
                key="step_median_ms",
                header="Time (ms)",
                decimals=1,
                never_zero=True,
                interval=("step_first_quartile_ms", "step_third_quartile_ms"),
                notes="row_notes",
            ),
            Column(key="step_share_percent", header="Share (%)", decimals=1, never_zero=True, absent="–"),
            Column(key="samples", header="Samples", absent="–"),
        ),
        evidence=evidence_of(rows),
    )


def _gather(records: Iterable[AnyRecord]) -> list[PipelineRecord]:
    found = latest_records(record for record in records if isinstance(record, PipelineRecord))
    return sorted(found, key=lambda record: (*_how(record), record.persons, record.video_frames))


def _how(record: PipelineRecord) -> tuple[str, ...]:
    """What a group of rows that differ in their videos alone has in common."""
    how = (record.model.name, record.backend, record.precision, record.device, str(record.threads))
    return (*how, record.keypoints, record.video, f"{record.video_size}")


def _setting_columns(records: Sequence[PipelineRecord]) -> tuple[Column, ...]:
    """Those that tell rows apart: a setting that all rows share stands in no column but the first ones."""
    varied = {
        "device": {record.device for record in records},
        "threads": {str(record.threads) for record in records},
        "video": {record.video for record in records},
        "frame_size": {str(record.video_size) for record in records},
    }
    headers = {"device": "Device", "threads": "Threads", "video": "Video", "frame_size": "Frame size"}
    return (
        Column(key="title", header="Model", notes="title_notes"),
        Column(key="backend", header="Backend"),
        Column(key="precision", header="Precision"),
        *(Column(key=key, header=headers[key]) for key, values in varied.items() if len(values) > 1),
        Column(key="persons", header="Persons", absent="unknown"),
        Column(key="video_frames", header="Frames"),
    )


def _setting(record: PipelineRecord) -> dict[str, object]:
    width, height = record.video_size
    return {
        ROW: Evidence(records=(record,)),
        "model": record.model.name,
        "title": record.model.title,
        "title_notes": join_notes(*record.model.notes),
        "backend": record.backend,
        "precision": record.precision,
        "device": record.device,
        "threads": record.threads,
        "video": record.video,
        # Of a video without an annotation nobody has counted them.
        "persons": record.persons or None,
        "video_frames": record.video_frames,
        "video_width": width,
        "video_height": height,
        "frame_size": f"{width}×{height}",
    }


def _way_row(record: PipelineRecord) -> dict[str, object]:
    medians = _medians(record)
    first, third = _quartiles(record.whole_ms)
    whole = median(record.whole_ms)
    dominant, time = _dominant(record)
    return {
        **_setting(record),
        **{f"{step.replace(' ', '_')}_ms": medians.get(step) for step in STEPS},
        "whole_median_ms": whole,
        "whole_first_quartile_ms": first,
        "whole_third_quartile_ms": third,
        "covered_percent": 100 * record.covered,
        "dominant": dominant,
        "dominant_percent": 100 * time / whole,
        "videos_per_second": 1000 / whole,
        "pose_notes": _pose_note(record),
        "row_notes": join_notes(*record.caveats),
    }


def _step_rows(record: PipelineRecord) -> Iterable[dict[str, object]]:
    whole = median(record.whole_ms)
    samples = {step.name: step.samples_ms for step in record.steps}
    note = _pose_note(record)
    # A step that was not taken is told, and not timed: where keypoints were given, that of finding them.
    for name in [step for step in STEPS if step in samples or (step == "pose" and note)]:
        taken = samples.get(name)
        yield {
            **_setting(record),
            "step": name,
            **(_figures(taken, whole) if taken else {}),
            "step_notes": note if name == "pose" else None,
        }
    summed = sum(_medians(record).values())
    yield {
        **_setting(record),
        "step": "sum of the steps",
        "step_median_ms": summed,
        "step_share_percent": 100 * record.covered,
    }
    yield {
        **_setting(record),
        "step": WHOLE,
        **_figures(record.whole_ms, whole),
        "row_notes": join_notes(*record.caveats),
    }


def _figures(samples_ms: tuple[float, ...], whole: float) -> dict[str, object]:
    first, third = _quartiles(samples_ms)
    return {
        "step_median_ms": median(samples_ms),
        "step_first_quartile_ms": first,
        "step_third_quartile_ms": third,
        "step_share_percent": 100 * median(samples_ms) / whole,
        "samples": len(samples_ms),
    }


def _pose_note(record: PipelineRecord) -> str | None:
    """Who found the keypoints, or why nobody did."""
    return f"keypoints {record.keypoints}" if record.keypoints else None


def _medians(record: PipelineRecord) -> Mapping[str, float]:
    return {step.name: step.median_ms for step in record.steps}


def _dominant(record: PipelineRecord) -> tuple[str, float]:
    return max(_medians(record).items(), key=lambda item: item[1])


def _quartiles(samples: tuple[float, ...]) -> tuple[float, float]:
    if len(samples) == 1:
        return samples[0], samples[0]
    first, _, third = quantiles(samples, n=4, method="inclusive")
    return first, third


def _dominance(records: Sequence[PipelineRecord]) -> Iterable[str]:
    """Which step takes the most, in words, a sentence a group."""
    groups: dict[tuple[str, ...], list[PipelineRecord]] = {}
    for record in records:
        groups.setdefault(_how(record), []).append(record)
    for group in groups.values():
        first = group[0]
        width, height = first.video_size
        where = f"{first.model.title} by {first.backend} in {first.precision}, {width}×{height} frames"
        by_step: dict[str, list[PipelineRecord]] = {}
        for record in group:
            by_step.setdefault(_dominant(record)[0], []).append(record)
        yield f"{where}: {'; '.join(_words(step, found, len(group)) for step, found in by_step.items())}."


def _words(step: str, found: Sequence[PipelineRecord], of: int) -> str:
    shares = [100 * _dominant(record)[1] / median(record.whole_ms) for record in found]
    low, high = f"{min(shares):.0f}", f"{max(shares):.0f}"
    share = f"{low} %" if low == high else f"{low} to {high} %"
    if len(found) == of:
        return f"{step} dominates throughout ({share} of the way)"
    videos = ", ".join(f"{_persons(record.persons)} × {record.video_frames} frames" for record in found)
    return f"{step} dominates ({share} of the way) with {videos}"


def _persons(count: int) -> str:
    if not count:
        return "an unknown number of persons"
    return f"{count} person" if count == 1 else f"{count} persons"
