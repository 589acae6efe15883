"""The claims table shows verdict, reading and reason as they were judged."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import CountRecord
from epam_reports.claims import judge_claims
from epam_reports.table import text_frame
from epam_reports.tables import claims_table


def test_row_carries_the_verdict_and_its_reason(count: Callable[..., CountRecord]) -> None:
    verdicts = judge_claims([count()])
    frame = text_frame(claims_table(verdicts))
    row = frame[frame["Claim"] == "2.5 M parameters of EPAM-Net"].iloc[0]
    assert (row["Verdict"], row["Reading that gives it"]) == ("holds", "all parameters")
    assert row["Reason"] == verdicts[1].reason


def test_claim_without_data_has_no_figure() -> None:
    frame = claims_table(judge_claims([])).frame
    assert set(frame["verdict"]) == {"needs data"}
    assert frame["measured"].isna().all()
