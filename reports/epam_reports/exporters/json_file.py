"""A table as JSON for machines: the frame's rows, and what holds of all of them."""

from __future__ import annotations

import json
from typing import Any

import pandas as pd

from epam_reports.table import Table


def to_json(table: Table) -> str:
    """One object: name, title, caption, remarks, ``rows``, and ``details`` as further rows by name.

    Absent figures are null.
    """
    document = {
        "name": table.name,
        "title": table.title,
        "caption": table.caption,
        "remarks": list(table.remarks),
        "rows": _rows(table.frame),
        "details": {name: _rows(frame) for name, frame in table.details.items()},
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"


def _rows(frame: pd.DataFrame) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = json.loads(frame.to_json(orient="records", double_precision=15))
    return rows
