from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
import torch
from torch import nn

from epam_bench.conformance import CASES, Case, score_counters
from epam_bench.conformance.case import drawn
from epam_bench.counters import COUNTERS, Count
from epam_bench.counters.consensus_counter import ConsensusCounter


class Says:
    """A counter that says what it is told."""

    package = convention = "ours"

    def __init__(self, name: str, answer: Any) -> None:
        self.name, self.answer = name, answer

    def count(
        self, model: nn.Module, args: tuple[Any, ...], kwargs: Mapping[str, Any] | None = None
    ) -> Count:
        if isinstance(self.answer, Exception):
            raise self.answer
        return Count(macs=self.answer, by_operation={})


def case(truth: int = 8) -> Case:
    return Case(
        name="one",
        group="structure",
        build=lambda: nn.Linear(4, 2),
        args=drawn((1, 4)),
        truth=truth,
        working="2 × 4",
    )


def test_right_wrong_and_crashed_are_told_apart_with_the_ratio() -> None:
    counters = [Says("right", 8), Says("low", 2), Says("none", 0), Says("crash", ValueError("no\nmore"))]
    right, low, none, crash = score_counters(counters, [case()])
    assert (right.outcome, right.ratio) == ("right", 1.0)
    assert (low.outcome, low.ratio) == ("wrong", 0.25)
    assert (none.outcome, none.ratio) == ("wrong", 0.0)
    assert (crash.outcome, crash.ratio, crash.macs, crash.problem) == ("crash", None, None, "ValueError: no")


def test_a_truth_of_nothing_has_no_ratio() -> None:
    nothing, something = score_counters([Says("a", 0), Says("b", 5)], [case(0)])
    assert (nothing.outcome, nothing.ratio) == ("right", None)
    assert (something.outcome, something.ratio) == ("wrong", None)


def test_progress_is_reported_once_a_case_and_counter_and_randomness_left_alone() -> None:
    said: list[str] = []
    before = torch.get_rng_state()
    score_counters([Says("a", 8), Says("b", 8)], [case(), case()], report=said.append)
    assert said == ["one by a", "one by b"] * 2
    assert torch.equal(torch.get_rng_state(), before)


def test_ours_has_every_case_exactly_right() -> None:
    results = score_counters([COUNTERS["consensus"]], CASES)
    assert [(one.case, one.macs, one.truth, one.problem) for one in results if one.outcome != "right"] == []


# PyTorch's own word on a case that it runs without oneDNN.
@pytest.mark.filterwarnings("ignore:LSTM with projections")
@pytest.mark.parametrize("device", ["meta", "cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_ours_counts_the_same_on_every_device_and_its_two_accounts_agree(device: str) -> None:
    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("no CUDA device")
    for case in CASES:
        count = ConsensusCounter().count(case.build(), case.args(), case.kwargs(), device=device)
        assert (count.macs, count.disagreements, count.uncounted) == (case.truth, (), {}), case.name
