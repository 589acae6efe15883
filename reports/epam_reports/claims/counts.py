"""One model's count of one clip by every rule that the records can answer."""

from __future__ import annotations

from dataclasses import dataclass

from epam_bench.records import CountRecord
from epam_reports.claims.reading import Burden
from epam_reports.conventions import FVCORE, GIGA, NAMED, RULE_OF
from epam_reports.measurements import Measured

OURS = "consensus"
"""The counter whose ledger the conventions are worked out on."""


@dataclass(frozen=True)
class Counted:
    """One model's count of one clip under one rule.

    Attributes:
        words: whose count, or by which rule.
        total: in G.
        burden: of the rule; next to nothing when it is the one that the claim names.
    """

    words: str
    total: float
    burden: int

    @property
    def departs(self) -> bool:
        """Whether the claim's words do not mean it."""
        return self.burden >= Burden.RULE

    @property
    def is_misread(self) -> bool:
        """Whether misreadings of it are tried, too: of every rule, they would come near any number."""
        return not self.departs or self.words == _by(FVCORE.words) or self.is_of_another

    @property
    def is_of_another(self) -> bool:
        """Whether another counter than ours gave it."""
        return self.words.endswith("'s count")


def counts_by_rule(entry: Measured, counter: str | None) -> list[Counted]:
    """One clip's multiply-adds by every rule that the records can answer, the plainest first.

    Args:
        entry: a model on an input.
        counter: the one that a source names, whose rule then departs from nothing. Which of its versions
            it was is seldom known, and multiply-adds alone are what the word means, too.
    """
    found = _of_ledger(entry.counts.get(OURS), counter)
    for record in complete_counts(entry):
        total = record.macs / GIGA
        # Torch's count says no more where it is equal to ours.
        if record.counter == OURS or total in {known.total for known in found}:
            continue
        bears = Burden.RULE if found else Burden.NONE
        if record.counter == counter:
            bears = min(bears, Burden.OWN_RULE)
        found.append(Counted(f"{record.counter}'s count", total, bears))
    return found


def complete_counts(entry: Measured) -> list[CountRecord]:
    """Counts that a claim may be judged by, ours first: those that missed operations are no evidence."""
    return sorted(entry.complete_counts, key=lambda record: record.counter != OURS)


def _of_ledger(record: CountRecord | None, counter: str | None) -> list[Counted]:
    """Our count, and by each named rule that adds something; the rule of ``counter`` before the others."""
    if record is None or record.macs == 0:
        return []
    found = [Counted("our count", record.macs / GIGA, Burden.NONE)]
    own = RULE_OF.get(counter or "")
    for rule in sorted(NAMED[1:], key=lambda named: named is not own) if record.ledger else ():
        total = rule.count(record.ledger) / GIGA
        if total not in {known.total for known in found}:
            found.append(Counted(_by(rule.words), total, Burden.OWN_RULE if rule is own else Burden.RULE))
    return found


def _by(rule: str) -> str:
    return f"our count by {rule}"
