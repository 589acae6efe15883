"""Counters of multiply-adds by name: one file and one line here for each."""

from collections.abc import Mapping

from epam.errors import UnknownNameError
from epam_bench.counters.consensus_counter import ConsensusCounter
from epam_bench.counters.counter import Count, Counter, CounterError, WeightsNeededError
from epam_bench.counters.fvcore_counter import FvcoreCounter
from epam_bench.counters.ledger import Ledger, LedgerLine
from epam_bench.counters.thop_counter import ThopCounter
from epam_bench.counters.torch_counter import TorchCounter

COUNTERS: Mapping[str, Counter] = {
    "consensus": ConsensusCounter(),
    "torch": TorchCounter(),
    "fvcore": FvcoreCounter(),
    "thop": ThopCounter(),
}


def get_counter(name: str) -> Counter:
    """Look a counter up; a miss names the nearest."""
    if name not in COUNTERS:
        raise UnknownNameError("counter", name, [*COUNTERS, "all"])
    return COUNTERS[name]


__all__ = [
    "COUNTERS",
    "Count",
    "Counter",
    "CounterError",
    "Ledger",
    "LedgerLine",
    "WeightsNeededError",
    "get_counter",
]
