"""The truths again: each step multiplies by every weight once."""

from __future__ import annotations

import pytest

from epam_bench.conformance.recurrent import CASES

STEPS = {
    "GRU": 2 * 5,
    "GRU, bidirectional": 5 * 2,
    "GRU without a batch dimension": 6,
    "LSTM": 3 * 2,
    "LSTM, bidirectional, two layers": 2 * 3,
    "LSTM over clips of different lengths": 5 + 3,
    "LSTM with a projection of its state": 4,
    "plain recurrent network, two layers": 5,
    "GRU cell": 3,
    "LSTM cell, frame by frame": 2 * 3,
    "convolutional LSTM": 3 * 16,
}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_each_step_multiplies_by_every_weight_once(case) -> None:
    weights = sum(value.numel() for name, value in case.build().named_parameters() if "weight" in name)
    assert case.truth == STEPS[case.name] * weights
