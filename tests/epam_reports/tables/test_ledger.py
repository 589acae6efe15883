"""Operations of one kind stand in one row; machines get each by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from epam_bench.records import CountRecord
from epam_reports.table import lay_out, plain_text
from epam_reports.tables.ledger import ledger_table


def entry(operation: str, kind: str, **figures: int) -> dict[str, Any]:
    nothing = dict.fromkeys(("macs", "elements", "bytes_read", "bytes_written", "weight_bytes"), 0)
    return {"operation": operation, "kind": kind, "calls": 1} | nothing | figures


LEDGER = [
    entry("relu", "activation", calls=3, elements=4_000_000, bytes_read=16_000_000, bytes_written=16_000_000),
    entry(
        "convolution",
        "convolution",
        macs=6 * 10**9,
        bytes_read=10**6,
        bytes_written=10**6,
        weight_bytes=10**6,
    ),
    entry("mm", "matrix product", macs=10**9, calls=2),
    entry("bmm", "matrix product", macs=10**9, calls=1),
]


@pytest.fixture
def record(count: Callable[..., CountRecord]) -> CountRecord:
    return count(gmacs=8.0, ledger=LEDGER)


def test_one_row_a_kind_convolutions_first(record: CountRecord) -> None:
    rows = [[plain_text(cell) for cell in row] for row in lay_out(ledger_table([record])).rows]
    assert rows == [
        ["epam_net", "convolution", "1", "6.0000", "75.0", "0.000", "1.00", "1.00", "1.00", "2000.0"],
        ["epam_net", "matrix product", "3", "2.0000", "25.0", "0.000", "0.00", "0.00", "0.00", "–"],
        ["epam_net", "activation", "3", "–", "–", "4.000", "16.00", "16.00", "0.00", "–"],
    ]


def test_machines_get_every_operation(record: CountRecord) -> None:
    details = ledger_table([record]).details["operations"]
    assert details["operation"].tolist() == ["relu", "convolution", "mm", "bmm"]
    assert details["gmacs"].tolist()[2:] == [1.0, 1.0]


def test_a_row_rests_on_its_record(record: CountRecord) -> None:
    assert ledger_table([record]).evidence[0]["row"].records == (record,)


def test_counts_without_a_ledger_say_whom_to_ask(count: Callable[..., CountRecord]) -> None:
    table = ledger_table([count()])
    assert table.frame.empty
    assert table.remarks == ("No counter that was asked keeps a ledger: ask consensus.",)
