"""A stream's decisions and its summary as lines: for people, or JSON for programs."""

from __future__ import annotations

import json

from epam_inference.results import ClassSet, ScoredClass, rank
from epam_inference.streaming.decision import DECISIONS_FOR_P90, END_OF_STREAM, Decision, StreamSummary
from epam_inference.terminal_output import readable


def decision_line(decision: Decision, classes: ClassSet, *, topk: int) -> str:
    """``3.0–6.0 s  drink water 3.21 · sit down 1.2  (0.143 s)``, the best classes first."""
    span = f"{decision.start_seconds:.2f}–{decision.end_seconds:.2f} s"
    end = ", the stream's end" if decision.is_off_stride else ""
    delay = f"({decision.delay_seconds:.3f} s{', late' if decision.is_late else ''}{end})"
    if decision.logits is None:
        return f"{span}  nobody in the window: no decision  {delay}"
    stream = next(iter(decision.logits))
    best = rank(decision.logits, classes, stream, topk)
    found = " · ".join(f"{readable(entry.name)} {entry.logit:.4g}" for entry in best)
    return f"{span}  {found}  {delay}"


def decision_json(decision: Decision, classes: ClassSet, *, topk: int) -> str:
    """``{start_seconds, end_seconds, …, fused: [{class, name, logit}, …]}``; no streams where nobody is."""
    logits = decision.logits or {}
    document: dict[str, object] = {
        "decision": decision.number,
        "start_seconds": round(decision.start_seconds, 6),
        "end_seconds": round(decision.end_seconds, 6),
        "first_frame": decision.first_frame,
        "last_frame": decision.last_frame,
        "whole_window": decision.is_whole,
        "off_stride": decision.is_off_stride,
        "nobody": decision.logits is None,
        **{stream: _classes(rank(logits, classes, stream, topk)) for stream in logits},
        "delay_seconds": round(decision.delay_seconds, 6),
        "late": decision.is_late,
    }
    return json.dumps(document, allow_nan=False)


def summary_lines(summary: StreamSummary) -> list[str]:
    """What a person reads at the end."""
    decided = summary.decisions - summary.nobody
    counted = f"{summary.decisions} windows: {decided} decisions, {summary.nobody} with nobody in them"
    lines = [
        f"ended by {summary.ended_by} after {summary.seconds:.1f} s",
        f"{summary.frames} frames, {summary.frames_per_second:.1f} frames a second; {counted}",
    ]
    if summary.delay_median_seconds is not None and summary.delay_longest_seconds is not None:
        p90 = (
            f"withheld under {DECISIONS_FOR_P90} windows"
            if summary.delay_p90_seconds is None
            else f"{summary.delay_p90_seconds:.3f} s"
        )
        lines.append(
            f"decision delay: median {summary.delay_median_seconds:.3f} s, p90 {p90}, longest "
            f"{summary.delay_longest_seconds:.3f} s"
        )
    if summary.deadline_misses is None:
        lines.append("no deadlines: frames were given as fast as they were wanted")
    else:
        lines.append(
            f"deadline misses: {summary.deadline_misses} ({summary.late} windows late, {summary.given_up} "
            f"given up for newer ones); frames dropped: {summary.dropped_frames}"
        )
    if summary.trailing_frames:
        why = ": fewer than half a stride" if summary.ended_by == END_OF_STREAM else ""
        lines.append(f"not decided on: the last {summary.trailing_frames} frames{why}")
    return lines


def summary_json(summary: StreamSummary) -> str:
    """``{summary: {frames, frames_per_second, decisions, delay_median_seconds, …}}``."""
    document = {
        "frames": summary.frames,
        "seconds": round(summary.seconds, 6),
        "frames_per_second": round(summary.frames_per_second, 3),
        "windows": summary.decisions,
        "nobody": summary.nobody,
        "delay_median_seconds": summary.delay_median_seconds,
        "delay_p90_seconds": summary.delay_p90_seconds,
        "delay_longest_seconds": summary.delay_longest_seconds,
        "deadline_misses": summary.deadline_misses,
        "late": summary.late,
        "given_up": summary.given_up,
        "dropped_frames": summary.dropped_frames,
        "trailing_frames": summary.trailing_frames,
        "ended_by": summary.ended_by,
    }
    return json.dumps({"summary": document}, allow_nan=False)


def _classes(ranking: tuple[ScoredClass, ...]) -> list[dict[str, object]]:
    return [{"class": entry.index, "name": entry.name, "logit": entry.logit} for entry in ranking]
