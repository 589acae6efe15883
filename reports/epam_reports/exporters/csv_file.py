"""A table as CSV: every figure of its frame at full precision, with origin, source and notes."""

from __future__ import annotations

from epam_reports.table import Table

_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


def to_csv(table: Table) -> str:
    """The whole frame, absent figures empty; text that a spreadsheet would run is quoted with ``'``."""
    frame = table.frame.copy()
    for name in frame.columns:
        if frame[name].dtype == "string":
            frame[name] = frame[name].map(_disarm, na_action="ignore")
    return str(frame.to_csv(index=False, lineterminator="\n"))


def _disarm(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text
