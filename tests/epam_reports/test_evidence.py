"""Evidence says in one line what a figure rests on, and whether that was measured or quoted."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import CountRecord
from epam_reports.evidence import ROW, Evidence, evidence_of, traced
from epam_reports.published import load_published, select

PRINTED = select(load_published(), model="EPAM-Net", metrics=("macs",))[0]


def test_one_published_number_makes_a_figure_quoted(count: Callable[..., CountRecord]) -> None:
    assert Evidence(records=(count(),)).origin == "measured"
    assert Evidence(records=(count(),), numbers=(PRINTED,)).origin == "quoted"
    assert Evidence(missing="not counted").origin is None


def test_citation_names_records_then_sources_each_once(count: Callable[..., CountRecord]) -> None:
    evidence = Evidence(records=(count(), count()), numbers=(PRINTED,))
    assert evidence.citation == (
        "count record (torch), 2026-01-02 12:00:00 UTC, 0123456789ab; " + PRINTED.citation
    )
    assert evidence.url == PRINTED.source.url
    assert Evidence(records=(count(),)).url is None


def test_fields_of_a_row_hold_evidence_origin_and_source(count: Callable[..., CountRecord]) -> None:
    evidence = Evidence(records=(count(),))
    row = {"gmacs": 1.0, ROW: evidence, **traced("cost", evidence)}
    assert (row["cost_origin"], row["cost_source"]) == ("measured", evidence.citation)
    assert evidence_of([row]) == ({ROW: evidence, "cost": evidence},)


def test_missing_figure_has_neither_origin_nor_source() -> None:
    row = traced("cost", Evidence(missing="not counted"))
    assert (row["cost_origin"], row["cost_source"]) == (None, None)
