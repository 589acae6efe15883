"""A table as JSON for machines: the frame's rows, and what holds of all of them."""

from __future__ import annotations

import json

from epam_reports.table import Table


def to_json(table: Table) -> str:
    """One object: name, title, caption, remarks, and ``rows`` with absent figures as null."""
    document = {
        "name": table.name,
        "title": table.title,
        "caption": table.caption,
        "remarks": list(table.remarks),
        "rows": json.loads(table.frame.to_json(orient="records", double_precision=15)),
    }
    return json.dumps(document, ensure_ascii=False, indent=2, allow_nan=False) + "\n"
