"""Counts are read by every rule that the records can answer, and each reading carries its operands."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from epam_bench.records import CountRecord, LedgerEntry, OperationKind
from epam_reports.claims.macs import macs_readings, search_combinations
from epam_reports.claims.reading import Departure
from epam_reports.measurements import Measured, gather
from epam_reports.published import PublishedNumber

Claim = Callable[..., PublishedNumber]
Count = Callable[..., CountRecord]

CLIP = {"rgb": (3, 16, 224, 224)}


def _entry(kind: OperationKind, operation: str, macs: int = 0, elements: int = 0) -> LedgerEntry:
    return LedgerEntry(
        operation=operation,
        kind=kind,
        calls=1,
        macs=macs,
        elements=elements,
        bytes_read=0,
        bytes_written=0,
        weight_bytes=0,
    )


LEDGER = (
    _entry(OperationKind.CONVOLUTION, "convolution", macs=10 * 10**9),
    _entry(OperationKind.NORMALISATION, "batch_norm", elements=10**9),
)


def _measured(*records: CountRecord) -> Measured:
    (entry,) = gather(records)
    return entry


def test_normalisation_is_only_doubled_where_it_was_counted_once(count: Count, claim: Claim) -> None:
    split = {"conv": 10, "BatchNorm2d": 2}
    entry = _measured(count(gmacs=12.0, counter="thop", macs_by_operation=split))
    readings = macs_readings(claim("12.0"), entry, (), frozenset())
    assert not [reading for reading in readings if "normalisation" in reading.convention]


def test_readings_of_the_claims_own_words_depart_from_nothing(count: Count, claim: Claim) -> None:
    entry = _measured(count("x3d_m", 10.0, counter="consensus", ledger=LEDGER, inputs=CLIP))
    plain = [
        (reading.convention.partition(" (")[0], reading.value)
        for reading in macs_readings(claim("10.0", printed_counter="fvcore"), entry, (), frozenset())
        if reading.departure is Departure.NONE
    ]
    assert plain == [("our count, one view", 10.0), ("our count by fvcore's rule", 12.0)]


def test_views_of_an_accuracy_are_meant_only_where_the_source_prints_none(count: Count, claim: Claim) -> None:
    entry = _measured(count("x3d_m", 10.0, counter="consensus", inputs=CLIP))
    for stated, departure in (("not stated", Departure.CONVENTION), (1, Departure.VIEWS)):
        readings = macs_readings(claim("70", printed_views=stated), entry, (), frozenset({7}))
        (seven,) = [reading for reading in readings if reading.value == pytest.approx(70.0)]
        assert seven.departure is departure


def test_no_two_readings_of_unequal_burden_have_one_value(count: Count, claim: Claim) -> None:
    entry = _measured(count("x3d_m", 10.0, counter="consensus", ledger=LEDGER, inputs=CLIP))
    readings = macs_readings(claim("10.0"), entry, (), frozenset({10}))
    burdens: dict[float, set[int]] = {}
    for reading in readings:
        burdens.setdefault(round(reading.value, 6), set()).add(reading.burden)
    assert {len(of_value) for of_value in burdens.values()} == {1}


def test_search_is_of_one_view_of_one_network(count: Count, claim: Claim) -> None:
    entry = _measured(count("x3d_m", 10.0, counter="consensus", ledger=LEDGER, inputs=CLIP))
    for value, changes in (("11.0", {}), ("33.0", {"views": 3}), ("44.0", {"networks": 4})):
        result = search_combinations(claim(value, **changes), entry)
        assert result is not None
        assert [found.words for found, _ in result.found] == [
            "convolutions and matrix products + norm elements"
        ]
    assert search_combinations(claim("11.0"), _measured(count("x3d_m", 10.0))) is None
