"""What all latencies of a table share goes into its caption; what sets them apart is a column each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from epam_reports.measurements import CACHES_EMPTIED, INFERENCE, Setting
from epam_reports.table import Column

SETTING_DTYPES = {
    "device": "string",
    "precision": "string",
    "batch_size": "Int64",
    "backend": "string",
    "threads": "Int64",
    "machine": "string",
    "task": "string",
    "l2_cold": "boolean",
}

_COLUMNS = {
    "machine": Column(key="machine", header="Machine"),
    "device": Column(key="device", header="Device"),
    "task": Column(key="task", header="Task"),
    "precision": Column(key="precision", header="Precision"),
    "batch_size": Column(key="batch_size", header="Batch"),
    "threads": Column(key="threads", header="Threads"),
    "l2_cold": Column(key="l2_cold", header="Caches emptied"),
}

_INPUT = Column(key="input", header="Input")


def setting_columns(settings: Iterable[Setting]) -> tuple[Column, ...]:
    """A column for each part of the settings that has several values; the backend has its own."""
    known = list(settings)
    return tuple(column for key, column in _COLUMNS.items() if len(_values(known, key)) > 1)


def shared_setting(settings: Iterable[Setting]) -> str:
    """The parts that have one value, as the end of a caption: `` All: cpu, fp32, 2 threads, on …``."""
    known = list(settings)
    if not known:
        return ""
    one = known[0]
    said = {
        "device": one.device,
        "task": f"{one.task} steps" if one.task != INFERENCE else "",
        "precision": one.precision,
        "batch_size": f"batch {one.batch_size}",
        "threads": f"{one.threads} thread{'s' if one.threads != 1 else ''}",
        "l2_cold": CACHES_EMPTIED if one.l2_cold else "",
        "machine": f"on {one.machine}",
    }
    shared = ", ".join(words for key, words in said.items() if words and len(_values(known, key)) == 1)
    machines = len(_values(known, "machine"))
    apart = f" Taken on {machines} machines, not to be compared with each other." if machines > 1 else ""
    return (f" All: {shared}." if shared else "") + apart


def input_columns(rows: Sequence[Mapping[str, object]], *, model: str = "title") -> tuple[Column, ...]:
    """The input's column, where one model of the table was timed on several; ``model`` is what names it."""
    models = {row[model] for row in rows}
    inputs = {(row[model], row["input"]) for row in rows}
    return (_INPUT,) if len(inputs) > len(models) else ()


def shared_inputs(rows: Sequence[Mapping[str, object]]) -> tuple[str, ...]:
    """The inputs in a sentence, where each model has but one."""
    if not rows or input_columns(rows):
        return ()
    models: dict[object, dict[str, None]] = {}
    for row in rows:
        models.setdefault(row["input"], {})[str(row["title"])] = None
    told = (f"{shape} for {', '.join(titles)}" for shape, titles in models.items())
    return (f"One clip: {'; '.join(told)}.",)


def _values(settings: list[Setting], key: str) -> set[object]:
    return {getattr(setting, key) for setting in settings}
