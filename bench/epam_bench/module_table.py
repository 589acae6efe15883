"""One model's multiply-adds split by module, counters side by side."""

from __future__ import annotations

from collections.abc import Iterable

from epam_bench.records import CountRecord
from epam_reports.table import Column, Table, typed_frame


def module_tables(records: Iterable[CountRecord], *, depth: int) -> list[Table]:
    """One table a model, modules down to ``depth`` names deep; counters without a split are left out."""
    by_model: dict[str, list[CountRecord]] = {}
    for record in records:
        if record.macs_by_module:
            by_model.setdefault(record.model.name, []).append(record)
    return [_module_table(group, depth) for group in by_model.values()]


def _module_table(records: list[CountRecord], depth: int) -> Table:
    paths = dict.fromkeys(
        path for record in records for path in record.macs_by_module if _is_shown(path, depth)
    )
    rows = [_row(records, path) for path in sorted(paths)]
    keys = [f"{record.counter}_gmacs" for record in records]
    return Table(
        name=f"modules_{records[0].model.name}",
        title=f"{records[0].model.title} by module",
        caption="GMACs of one view inside each module, its parts included (1 MAC = 2 FLOPs).",
        frame=typed_frame(rows, {"model": "string", "module": "string"} | dict.fromkeys(keys, "Float64")),
        columns=(
            Column(key="module", header="Module"),
            *(Column(key=key, header=key.removesuffix("_gmacs"), decimals=4) for key in keys),
        ),
    )


def _row(records: list[CountRecord], path: str) -> dict[str, object]:
    gmacs = {f"{record.counter}_gmacs": record.macs_by_module.get(path, 0) / 1e9 for record in records}
    return {"model": records[0].model.name, "module": path or "(whole network)", **gmacs}


def _is_shown(path: str, depth: int) -> bool:
    return not path or path.count(".") < depth
