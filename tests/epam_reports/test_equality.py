"""What is known of a form's equality is in its row, and nothing where it was not checked."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import LatencyRecord
from epam_reports.equality import EQUALITY_DTYPES, equality_figures

Latency = Callable[..., LatencyRecord]


def test_checked_form_has_error_bound_and_agreement(interleaved: Latency, latency: Latency) -> None:
    figures = equality_figures(interleaved())
    assert figures.keys() == EQUALITY_DTYPES.keys()
    assert (figures["relative_error"], figures["relative_error_bound"]) == (3.14e-7, 1e-4)
    assert (figures["top1_agreement_percent"], figures["equality_clips"]) == (100, 4)
    assert equality_figures(latency()) == {}
