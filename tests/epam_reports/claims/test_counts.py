"""Counts are told by every rule that the records can answer, the plainest first."""

from __future__ import annotations

from collections.abc import Callable

from epam_bench.records import CountRecord, LedgerEntry, OperationKind
from epam_reports.claims.counts import complete_counts, counts_by_rule
from epam_reports.claims.reading import Burden
from epam_reports.measurements import Measured, gather

Count = Callable[..., CountRecord]


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


def test_without_a_ledger_the_counters_speak_for_themselves(count: Count) -> None:
    entry = _measured(count(gmacs=11.0, counter="thop"), count(gmacs=10.0))
    assert [(rule.words, rule.total, rule.burden) for rule in counts_by_rule(entry, None)] == [
        ("torch's count", 10.0, Burden.NONE),
        ("thop's count", 11.0, Burden.RULE),
    ]
    named = {rule.words: rule.burden for rule in counts_by_rule(entry, "thop")}
    assert named == {"torch's count": Burden.NONE, "thop's count": Burden.OWN_RULE}


def test_a_ledger_answers_for_every_rule_that_adds_something(count: Count) -> None:
    entry = _measured(count(gmacs=10.0, counter="consensus", ledger=LEDGER), count(gmacs=10.0))
    rules = counts_by_rule(entry, "fvcore")
    # Torch's count is ours, and without activations ptflops' rule is fvcore's: neither is told again.
    assert [(rule.words.partition(" (")[0], rule.total, rule.burden) for rule in rules] == [
        ("our count", 10.0, Burden.NONE),
        ("our count by fvcore's rule", 12.0, Burden.OWN_RULE),
        ("our count by fvcore's rule for a network in training mode", 15.0, Burden.RULE),
        ("our count by thop's rule", 14.0, Burden.RULE),
    ]


def test_what_missed_operations_is_no_count_and_ours_comes_first(count: Count) -> None:
    entry = _measured(
        count(gmacs=10.0), count(gmacs=6.0, counter="thop"), count(gmacs=10.0, counter="consensus")
    )
    assert [record.counter for record in complete_counts(entry)] == ["consensus", "torch"]


def test_misreadings_are_tried_of_plain_counts_and_of_one_rule(count: Count) -> None:
    entry = _measured(count(gmacs=10.0, counter="consensus", ledger=LEDGER))
    misread = [rule.words for rule in counts_by_rule(entry, None) if rule.is_misread]
    assert [words.partition(" (")[0] for words in misread] == ["our count", "our count by fvcore's rule"]
