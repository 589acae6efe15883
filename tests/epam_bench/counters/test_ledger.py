from __future__ import annotations

from epam_bench.counters.ledger import Ledger, LedgerLine
from epam_bench.records import OperationKind

CONV, NORM = OperationKind.CONVOLUTION, OperationKind.NORMALISATION


def _line(operation: str, kind: OperationKind, module: str, number: int) -> LedgerLine:
    return LedgerLine(
        operation=operation,
        kind=kind,
        module=module,
        macs=number if kind is CONV else 0,
        elements=number,
        bytes_read=2 * number,
        bytes_written=3 * number,
        weight_bytes=4 * number,
    )


LINES = (
    _line("convolution", CONV, "stem.conv", 1),
    _line("batch_norm", NORM, "stem.norm", 10),
    _line("convolution", CONV, "stem.conv", 100),
    _line("convolution", CONV, "", 1000),
)


def test_total_sums_every_column() -> None:
    total = Ledger(LINES).total
    assert (total.calls, total.macs, total.elements) == (4, 1101, 1111)
    assert (total.bytes_read, total.bytes_written, total.weight_bytes) == (2222, 3333, 4444)
    assert Ledger().total.calls == 0


def test_kinds_and_operations_are_summed_over_modules() -> None:
    ledger = Ledger(LINES)
    assert {kind: line.elements for kind, line in ledger.by_kind().items()} == {CONV: 1101, NORM: 10}
    assert [(line.operation, line.module, line.calls) for line in ledger.by_operation()] == [
        ("convolution", "", 3),
        ("batch_norm", "", 1),
    ]


def test_a_module_holds_what_its_parts_do_and_the_network_holds_all() -> None:
    inside = Ledger(LINES).by_module()
    assert {path: line.elements for path, line in inside.items()} == {
        "": 1111,
        "stem": 111,
        "stem.conv": 101,
        "stem.norm": 10,
    }
    assert all(line.module == path for path, line in inside.items())
