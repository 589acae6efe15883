"""How many times faster one latency is than another: of the same network's plain form, or another's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from epam_bench.paired_timing import (
    LONG_ENOUGH_SECONDS,
    TimingComparison,
    are_interleaved,
    blocks_of,
    compare_records,
    median_interval,
)
from epam_bench.records import LatencyRecord
from epam_reports.evidence import Evidence, traced
from epam_reports.measurements import Measured, Setting, describe_form, setting_of
from epam_reports.table import Column, join_notes

BASES = ("reference", "eager")
"""What a network's forms are compared with, in float32: its twin in the published form, else itself."""

BASE_PRECISION = "fp32"

ITSELF = "itself"
"""What is said in the place of a base by the row that is one."""

ONE_PROCESS = "no interval: one process alone cannot tell what another would take"

VERDICTS = (
    "Verdict: faster or slower than the base where the interval leaves out 1, the same where all of it is "
    "within 2 % of 1, and otherwise this run cannot tell; the smallest difference that four of five such "
    "runs would have found is what it could see."
)

INTERVAL_DTYPES = {
    "latency_median_ms": "Float64",
    "latency_low_ms": "Float64",
    "latency_high_ms": "Float64",
}

INTERVAL_COLUMN = Column(
    key="latency_median_ms",
    header="Latency (ms)",
    decimals=1,
    digits=2,
    interval=("latency_low_ms", "latency_high_ms"),
)

SPEEDUP_DTYPES = {
    "against": "string",
    "speedup": "Float64",
    "speedup_low": "Float64",
    "speedup_high": "Float64",
    "speedup_verdict": "string",
    "smallest_detectable_percent": "Float64",
    "speedup_notes": "string",
    "ratio_origin": "string",
    "ratio_source": "string",
}


SPEEDUP_COLUMN = Column(
    key="speedup",
    header="Speed-up",
    decimals=2,
    interval=("speedup_low", "speedup_high"),
    notes="speedup_notes",
    evidence="ratio",
    absent="no base",
)

SPEEDUP_COLUMNS = (
    SPEEDUP_COLUMN,
    Column(key="against", header="over", absent="", evidence="ratio"),
    Column(key="speedup_verdict", header="Verdict", absent="", evidence="ratio"),
    Column(
        key="smallest_detectable_percent", header="Could see (%)", decimals=1, absent="", evidence="ratio"
    ),
)


@dataclass(frozen=True, kw_only=True)
class Speedup:
    """How many times faster one latency is than another.

    Attributes:
        factor: the other's time over its own; below 1 it is the slower one.
        interval: of that, 95 %; none where only one process was timed.
        verdict: ``faster``, ``slower``, ``same`` or ``cannot tell``.
        smallest_detectable: relative difference that four of five such runs would have found; none
            where there is no interval.
        note: what the factor must not be read without; mostly empty.
        evidence: both records, and how the factor was made from them.
    """

    factor: float
    interval: tuple[float, float] | None
    verdict: str
    smallest_detectable: float | None
    note: str
    evidence: Evidence


def compare_latencies(record: LatencyRecord, base: LatencyRecord) -> Speedup:
    """How many times faster ``record`` is than ``base``."""
    working = f"time of {describe_form(base)} / time of {describe_form(record)}"
    if not (_has_several_processes(base) and _has_several_processes(record)):
        return Speedup(
            factor=base.median_ms / record.median_ms,
            interval=None,
            verdict="cannot tell",
            smallest_detectable=None,
            note=join_notes(_apart(record, base), ONE_PROCESS) or "",
            evidence=Evidence(records=(record, base), working=f"{working}, of the medians"),
        )
    found = _compare(_Comparable(base), _Comparable(record))
    low, high = found.interval
    together = "turn by turn" if are_interleaved(base, record) else "of the medians, as independent runs"
    working += f", {together}: {found.rounds} turns in {found.processes} processes"
    return Speedup(
        factor=1 / found.ratio,
        interval=(1 / high, 1 / low),
        verdict=found.verdict,
        smallest_detectable=found.smallest_detectable,
        note=_apart(record, base) or "",
        evidence=Evidence(records=(record, base), working=working),
    )


def latency_interval(record: LatencyRecord) -> tuple[float, float] | None:
    """95 % interval of the median that further processes would settle at, in milliseconds.

    None where only one process was timed.
    """
    if not _has_several_processes(record):
        return None
    low, high = _interval(_Comparable(record))
    # Its ends are rounded as exponentials are, and the median may lie a hair beyond.
    return min(low, record.median_ms), max(high, record.median_ms)


def interval_figures(record: LatencyRecord) -> dict[str, object]:
    """The fields of a row that say how long a call takes; see `INTERVAL_DTYPES`."""
    low, high = latency_interval(record) or (None, None)
    return {"latency_median_ms": record.median_ms, "latency_low_ms": low, "latency_high_ms": high}


def short_spans(records: Sequence[LatencyRecord]) -> tuple[str, ...]:
    """What to think of absolute times where rows were timed before a machine's speed could wander."""
    spans = [record.span_seconds for record in records]
    short = [span for span in spans if span is not None and span < LONG_ENOUGH_SECONDS]
    if not short:
        return ()
    rows = "All rows" if len(short) == len(spans) else f"{len(short)} of {len(spans)} rows"
    return (
        f"{rows} were timed within {max(short):.0f} s: some minutes later a shared machine may be faster "
        f"or slower, which intervals of times reckon with from {LONG_ENOUGH_SECONDS:.0f} s on (--budget); "
        "ratios within a run are free of it.",
    )


def find_base(record: LatencyRecord, latencies: Iterable[LatencyRecord]) -> LatencyRecord | None:
    """The latency that a record's speed-up is over: the twin's, else the eager one; of its own run if it can.

    Args:
        record: whose base is looked for; it may be its own.
        latencies: all that were measured, also those that newer ones replaced.
    """
    wanted = _condition(record)
    candidates = [
        other
        for other in latencies
        if other.backend in BASES and other.precision == BASE_PRECISION and _condition(other) == wanted
    ]
    return max(candidates, key=lambda other: _fitness(other, record), default=None)


def speedup_figures(record: LatencyRecord, latencies: Iterable[LatencyRecord]) -> dict[str, object]:
    """The fields of a row that say how it stands to its network's plain form; see `SPEEDUP_DTYPES`."""
    base = find_base(record, latencies)
    if base is None:
        missing = f"no float32 latency of {record.model.name} by {' or '.join(BASES)} in this setting"
        return {"ratio": Evidence(missing=missing), "speedup_notes": missing}
    if setting_of(base) == setting_of(record):
        return base_figures(record)
    return compared_figures(record, base, against=base.backend)


def base_figures(record: LatencyRecord) -> dict[str, object]:
    """The same fields of a row that others are compared with."""
    itself = Evidence(records=(record,), working="it is what the others are compared with")
    return {**traced("ratio", itself), "against": ITSELF, "speedup": 1.0, "speedup_verdict": "base"}


def compared_figures(record: LatencyRecord, base: LatencyRecord, *, against: str) -> dict[str, object]:
    """The same fields of a row that is compared with ``base``, which readers know as ``against``."""
    found = compare_latencies(record, base)
    low, high = found.interval or (None, None)
    least = found.smallest_detectable
    return {
        **traced("ratio", found.evidence),
        "against": against,
        "speedup": found.factor,
        "speedup_low": low,
        "speedup_high": high,
        "speedup_verdict": found.verdict,
        "smallest_detectable_percent": None if least is None else 100 * least,
        "speedup_notes": found.note or None,
    }


def speedup_is_known(rows: Iterable[Mapping[str, object]]) -> bool:
    """Whether any row has a base other than itself, so that the columns are worth their width."""
    return any(row.get("against") not in (None, ITSELF) for row in rows)


class Circumstances(NamedTuple):
    """What two networks' latencies must share to be compared: all of a setting but the backend."""

    machine: str
    device: str
    threads: int
    task: str
    l2_cold: bool
    batch_size: int
    precision: str


@dataclass(frozen=True)
class BestForm:
    """One network in the backend that ran it fastest, of those timed in these circumstances.

    Attributes:
        rivals: how many other backends were timed.
    """

    circumstances: Circumstances
    entry: Measured
    record: LatencyRecord
    rivals: int


def circumstances_of(setting: Setting) -> Circumstances:
    """A setting without its backend."""
    return Circumstances(*(getattr(setting, name) for name in Circumstances._fields))


def best_forms(measured: Iterable[Measured]) -> list[BestForm]:
    """Each network's fastest latency in each of the circumstances; those together, fastest first."""
    best = []
    for entry in measured:
        timed: dict[Circumstances, list[LatencyRecord]] = {}
        for record in entry.latencies:
            timed.setdefault(circumstances_of(setting_of(record)), []).append(record)
        best += [
            BestForm(where, entry, min(group, key=lambda record: record.median_ms), len(group) - 1)
            for where, group in timed.items()
        ]
    return sorted(best, key=lambda form: (form.circumstances, form.record.median_ms))


def is_timed(name: str, forms: Iterable[BestForm]) -> bool:
    """Whether the network with this catalogue name was timed in any circumstances."""
    return any(form.entry.card.name == name for form in forms)


def find_form(forms: Sequence[BestForm], name: str, beside: BestForm) -> BestForm | None:
    """The fastest form of the network with this catalogue name in another form's circumstances.

    Where it was timed on several sizes of clip, the one of the same run counts, or else the newest: never
    the smallest for being the fastest.
    """
    known = [
        form for form in forms if form.entry.card.name == name and form.circumstances == beside.circumstances
    ]
    return max(
        known,
        key=lambda form: (form is beside, form.record.run == beside.record.run, form.record.created),
        default=None,
    )


REALISED_DTYPES = {
    "speedup_over_c3d": "Float64",
    "speedup_over_c3d_low": "Float64",
    "speedup_over_c3d_high": "Float64",
    "fewer_macs_than_c3d": "Float64",
    "realised_percent": "Float64",
    "realised_notes": "string",
    "realised_origin": "string",
    "realised_source": "string",
}

YARDSTICK = "c3d"
"""The network whose multiply-adds and time others are held against: dense convolutions and little else."""


def realised_figures(form: BestForm, forms: Sequence[BestForm]) -> dict[str, object]:
    """How much of what fewer multiply-adds promise a network's time keeps; see `REALISED_DTYPES`.

    With half of C3D's MACs and half of its time that is 100 %, with two thirds of its time 75 %, each
    network in its own best backend. What there is no count or no latency for is said, not guessed.
    """
    yardstick = find_form(forms, YARDSTICK, form)
    if yardstick is None:
        missing = f"no latency of {YARDSTICK} in these circumstances: epam-bench latency {YARDSTICK}"
        return {"realised": Evidence(missing=missing), "realised_notes": missing}
    if yardstick is form:
        itself = Evidence(records=(form.record,), working="it is what the others are held against")
        return {**traced("realised", itself), "speedup_over_c3d": 1.0, "fewer_macs_than_c3d": 1.0}
    found = compare_latencies(form.record, yardstick.record)
    low, high = found.interval or (None, None)
    figures: dict[str, object] = {
        **traced("realised", found.evidence),
        "speedup_over_c3d": found.factor,
        "speedup_over_c3d_low": low,
        "speedup_over_c3d_high": high,
        "realised_notes": found.note or None,
    }
    count, its_count = form.entry.preferred_count, yardstick.entry.preferred_count
    if count is None or its_count is None:
        lacking = dict.fromkeys(
            side.entry.card.name for side in (form, yardstick) if side.entry.preferred_count is None
        )
        told = f"no count record of {' and '.join(lacking)}: epam-bench flops {' '.join(lacking)}"
        return figures | {"realised_notes": join_notes(found.note, told)}
    fewer = its_count.macs / count.macs
    working = f"({found.evidence.working}) / ({its_count.macs / 1e9:.2f} G / {count.macs / 1e9:.2f} G)"
    records = (*found.evidence.records, count, its_count)
    return figures | {
        **traced("realised", Evidence(records=records, working=working)),
        "fewer_macs_than_c3d": fewer,
        "realised_percent": 100 * found.factor / fewer,
    }


class _Comparable:
    """A record as a key of the cache: one that was read twice, or compared in two tables, is one timing."""

    def __init__(self, record: LatencyRecord) -> None:
        self.record = record
        self.key = (record.run, record.created, record.model.name, setting_of(record), record.samples_ms)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Comparable) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)


@lru_cache(maxsize=1024)
def _compare(base: _Comparable, timed: _Comparable) -> TimingComparison:
    return compare_records(base.record, timed.record)


@lru_cache(maxsize=1024)
def _interval(timed: _Comparable) -> tuple[float, float]:
    return median_interval(blocks_of(timed.record))


def _has_several_processes(record: LatencyRecord) -> bool:
    """Whether there is anything that an interval could be made from; not before there were turns."""
    return len({block.process for block in record.blocks}) > 1


def _condition(record: LatencyRecord) -> tuple[object, ...]:
    """What a record shares with its base: the network and all of the setting but backend and precision."""
    card, setting = record.model, setting_of(record)
    return (
        card.name,
        tuple(card.inputs.items()),
        card.num_classes,
        setting._replace(backend="", precision=""),
    )


def _fitness(base: LatencyRecord, record: LatencyRecord) -> tuple[object, ...]:
    """Larger for the base that fits better."""
    same_run = bool(record.run) and base.run == record.run
    return (-BASES.index(base.backend), same_run, base.is_finished, base.created)


def _apart(record: LatencyRecord, base: LatencyRecord) -> str | None:
    same_run = bool(record.run) and record.run == base.run
    if same_run and (are_interleaved(record, base) or not (record.blocks and base.blocks)):
        return None
    where = "apart from it, for want of memory" if same_run else "in another run"
    return f"not interleaved with {describe_form(base)}, which was timed {where}"
