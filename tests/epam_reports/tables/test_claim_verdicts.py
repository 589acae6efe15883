"""The claims table shows verdict, reading and reason as they were judged."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from epam_bench.records import CountRecord
from epam_reports.claims import judge_claims
from epam_reports.exporters import to_json
from epam_reports.published import load_published
from epam_reports.table import text_frame
from epam_reports.tables import claims_table
from epam_reports.tables.claim_verdicts import count_by_verdict, sources_table


def test_row_carries_the_verdict_and_its_reason(count: Callable[..., CountRecord]) -> None:
    verdicts = judge_claims([count()])
    frame = text_frame(claims_table(verdicts))
    row = frame[frame["Claim"] == "2.5 M parameters of EPAM-Net"].iloc[0]
    assert (row["Verdict"], row["Reading that gives it"]) == ("holds", "all parameters")
    assert row["Reason"] == verdicts[1].reason


def test_claim_without_data_has_no_figure() -> None:
    frame = claims_table(judge_claims([])).frame
    # Not even data could settle what names neither an input nor what it compares.
    assert set(frame["verdict"]) == {"needs data", "under-specified"}
    assert frame["measured"].isna().all()


def test_every_reading_tried_comes_out_for_machines(count: Callable[..., CountRecord]) -> None:
    verdicts = judge_claims([count()])
    document = json.loads(to_json(claims_table(verdicts)))
    readings = document["details"]["readings"]
    assert len(readings) == sum(row["readings_tried"] for row in document["rows"])
    parameters = [tried for tried in readings if tried["claim"] == "2.5 M parameters of EPAM-Net"]
    assert parameters[0] == {
        "claim": "2.5 M parameters of EPAM-Net",
        "claimed_source": verdicts[1].source,
        "convention": "all parameters",
        "value": 2.538717,
        "operands": "2,538,717",
        "measured": True,
        "deviation_percent": pytest.approx(1.54868),
        "matches": True,
    }


def test_verdicts_are_counted_in_one_line(count: Callable[..., CountRecord]) -> None:
    verdicts = judge_claims([count()], sources=["EPAM-PAPER", "EPAM-README"])
    line = count_by_verdict(verdicts)
    assert line == "9 claims of 2 sources: 1 holds, 8 needs data."
    assert claims_table(verdicts).remarks == (line,)
    assert count_by_verdict(verdicts[:1]).startswith("1 claim of 1 source: ")
    assert count_by_verdict([]) == "0 claims of 0 sources: none."


def test_sources_are_told_with_what_they_claim() -> None:
    numbers = [number for number in load_published() if number.source.id.startswith("EPAM")]
    frame = text_frame(sources_table(numbers)).set_index("Source")
    assert list(frame.loc["EPAM-README", ["Costs", "Accuracies"]]) == ["0", "8"]
    assert list(frame.loc["EPAM-TABLE1", ["Costs", "Accuracies"]]) == ["6", "0"]
    assert frame.loc["EPAM-TABLE1", "Kind"] == "paper"
