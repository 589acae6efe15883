"""Counters scored on small networks whose multiply-adds are known by hand."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from epam_reports.table import Column, Table, join_notes, typed_frame

CONVENTION = (
    "True are the multiply-adds of convolutions, matrix products and attention, worked out by hand; norms, "
    "activations and pooling count nothing. Right is exactly right, so that a counter of another "
    "convention is wrong where that shows."
)


TORCH_REMARK = (
    "torch's counter is asked on meta tensors, with fused attention sent down its mathematical form, as "
    "epam-bench flops asks it: by itself it counts none of the CPU's fused attention (pytorch#195460)."
)


class Scored(Protocol):
    """What one counter said of one case, as ``epam_bench.conformance`` gives it."""

    @property
    def case(self) -> str:
        """Its name; ``group`` is the kind of case."""

    @property
    def group(self) -> str: ...  # noqa: D102

    @property
    def counter(self) -> str: ...  # noqa: D102

    @property
    def truth(self) -> int:
        """Multiply-adds worked out by hand, as ``working`` says."""

    @property
    def working(self) -> str: ...  # noqa: D102

    @property
    def macs(self) -> int | None:
        """The counter's number; none if it crashed, and ``problem`` says of what."""

    @property
    def problem(self) -> str | None: ...  # noqa: D102


def conformance_table(results: Iterable[Scored], *, failures_only: bool = False) -> Table:
    """One row a case, one column a counter, and each counter's score below.

    Args:
        results: what was said of each case.
        failures_only: leaves out what all counters have right, and says how the truth was found.
    """
    results = list(results)
    counters = list(dict.fromkeys(result.counter for result in results))
    by_case: dict[str, list[Scored]] = {}
    for result in results:
        by_case.setdefault(result.case, []).append(result)
    shown = [
        group for group in by_case.values() if not failures_only or not all(is_right(one) for one in group)
    ]
    return Table(
        name="conformance",
        title="Counters on networks with known multiply-adds" + (", failures" if failures_only else ""),
        caption=f"A wrong count is printed as its ratio to the truth. {CONVENTION}",
        frame=typed_frame([_row(group) for group in shown], _dtypes(counters)),
        columns=(
            Column(key="case", header="Case"),
            Column(key="group", header="Group"),
            Column(key="truth_macs", header="True MACs"),
            *(
                Column(key=f"{counter}_verdict", header=counter, notes=f"{counter}_notes", absent="–")
                for counter in counters
            ),
            *((Column(key="working", header="Truth", wide=True),) if failures_only else ()),
        ),
        remarks=(
            *(_score(counter, results) for counter in counters),
            *((TORCH_REMARK,) if "torch" in counters else ()),
        ),
    )


def conformance_scores_table(results: Iterable[Scored]) -> Table:
    """One row a counter, one column a group of cases: how many of them it has exactly right."""
    results = list(results)
    groups = list(dict.fromkeys(result.group for result in results))
    counters = list(dict.fromkeys(result.counter for result in results))
    rows = [_scores(counter, [one for one in results if one.counter == counter]) for counter in counters]
    dtypes = {
        "counter": "string",
        **{f"{group.replace(' ', '_')}_right": "string" for group in groups},
        "right": "Int64",
        "wrong": "Int64",
        "crashed": "Int64",
        "right_percent": "Float64",
    }
    return Table(
        name="conformance_scores",
        title="Cases that each counter has right",
        caption="Of networks with known multiply-adds, how many are counted exactly right.",
        frame=typed_frame(rows, dtypes),
        columns=(
            Column(key="counter", header="Counter"),
            *(
                Column(key=f"{group.replace(' ', '_')}_right", header=group.capitalize(), absent="–")
                for group in groups
            ),
            Column(key="right", header="Right"),
            Column(key="wrong", header="Wrong"),
            Column(key="crashed", header="Crashed"),
            Column(key="right_percent", header="Right (%)", decimals=1),
        ),
    )


def is_right(result: Scored) -> bool:
    """Exactly right."""
    return result.macs == result.truth


def _dtypes(counters: Sequence[str]) -> dict[str, str]:
    dtypes = {"case": "string", "group": "string", "truth_macs": "Int64", "working": "string"}
    for counter in counters:
        dtypes |= {
            f"{counter}_macs": "Int64",
            f"{counter}_ratio": "Float64",
            f"{counter}_verdict": "string",
            f"{counter}_notes": "string",
        }
    return dtypes


def _row(group: Sequence[Scored]) -> dict[str, object]:
    first = group[0]
    row: dict[str, object] = {
        "case": first.case,
        "group": first.group,
        "truth_macs": first.truth,
        "working": f"{first.truth} = {first.working}" if first.truth else f"0: {first.working}",
    }
    for one in group:
        row |= {
            f"{one.counter}_macs": one.macs,
            f"{one.counter}_ratio": one.macs / one.truth if one.macs is not None and one.truth else None,
            f"{one.counter}_verdict": _verdict(one),
            f"{one.counter}_notes": join_notes(one.problem),
        }
    return row


def _verdict(result: Scored) -> str:
    """``right``, ``crash``, or how far off: ``0.50×``, and the number itself where the truth is 0."""
    if is_right(result):
        return "right"
    if result.macs is None:
        return "crash"
    if not result.truth:
        return f"{result.macs} for 0"
    return f"{result.macs / result.truth:.3g}×"


def _scores(counter: str, own: Sequence[Scored]) -> dict[str, object]:
    right = sum(map(is_right, own))
    row: dict[str, object] = {
        "counter": counter,
        "right": right,
        "wrong": sum(one.macs is not None and not is_right(one) for one in own),
        "crashed": sum(one.macs is None for one in own),
        "right_percent": 100 * right / len(own),
    }
    for group in dict.fromkeys(one.group for one in own):
        within = [one for one in own if one.group == group]
        row[f"{group.replace(' ', '_')}_right"] = f"{sum(map(is_right, within))} of {len(within)}"
    return row


def _score(counter: str, results: Sequence[Scored]) -> str:
    row = _scores(counter, [one for one in results if one.counter == counter])
    total = sum(one.counter == counter for one in results)
    return (
        f"{counter}: {row['right']} of {total} right ({row['right_percent']:.1f} %), {row['wrong']} wrong, "
        f"{row['crashed']} crashed"
    )
