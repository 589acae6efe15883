"""Multiply-adds split by module, models below each other, counters side by side."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from epam_bench.records import CountRecord
from epam_reports.table import Column, Table, typed_frame


def modules_table(records: Iterable[CountRecord], *, depth: int) -> Table:
    """One row a model and module, modules down to ``depth`` names deep."""
    by_model: dict[str, list[CountRecord]] = {}
    for record in records:
        if record.macs_by_module:
            by_model.setdefault(record.model.name, []).append(record)
    counters = list(dict.fromkeys(record.counter for group in by_model.values() for record in group))
    rows = [row for group in by_model.values() for row in _rows(group, depth)]
    keys = {f"{counter}_gmacs": "Float64" for counter in counters}
    return Table(
        name="modules",
        title="Multiply-adds by module",
        caption="GMACs of one view inside each module, its parts included (1 MAC = 2 FLOPs).",
        frame=typed_frame(rows, {"model": "string", "module": "string"} | keys),
        columns=(
            Column(key="model", header="Model"),
            Column(key="module", header="Module"),
            *(
                Column(key=f"{counter}_gmacs", header=counter, decimals=4, never_zero=True, absent="–")
                for counter in counters
            ),
        ),
        remarks=() if counters else ("No counter that was asked splits its count by module.",),
    )


def _rows(group: Sequence[CountRecord], depth: int) -> Iterable[dict[str, object]]:
    paths = dict.fromkeys(
        path for record in group for path in record.macs_by_module if _is_shown(path, depth)
    )
    for path in sorted(paths):
        gmacs = {f"{record.counter}_gmacs": record.macs_by_module.get(path, 0) / 1e9 for record in group}
        yield {"model": group[0].model.name, "module": path or "(whole network)", **gmacs}


def _is_shown(path: str, depth: int) -> bool:
    return not path or path.count(".") < depth
