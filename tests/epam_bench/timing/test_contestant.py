from __future__ import annotations

import pytest

from epam_bench.timing.contestant import Contestant
from epam_bench.timing.worker import WorkerError

EQUALITY = {
    "reference": "the 3-D twin in float64",
    "clips": 4,
    "relative_error": 1e-6,
    "bound": 1e-4,
    "top1_agreement": 1.0,
    "holds": True,
}


def test_largest_error_of_all_processes_is_kept_and_else_what_the_first_one_said(trial) -> None:
    one = Contestant(trial())
    for error, clips in ((1e-6, 4), (3e-6, 1), (2e-6, 1)):
        equality = EQUALITY | {"relative_error": error, "clips": clips}
        one.take({"equality": equality, "device": {}, "first_call_ms": error})
    assert one.equality is not None
    assert (one.equality.relative_error, one.equality.clips) == (3e-6, 4)
    assert one.told["first_call_ms"] == 1e-6
    assert len(one.states) == 1


def test_wrong_logits_are_refused_with_the_error_and_the_bound(trial) -> None:
    one = Contestant(trial("small", precision="bf16"))
    wrong = EQUALITY | {"relative_error": 0.7, "bound": 0.1, "holds": False}
    message = "off by 7.0e-01 of the largest from the 3-D twin in float64, and 1e-01 is the most in bf16"
    with pytest.raises(WorkerError, match=message):
        one.take({"equality": wrong, "device": {}})
    assert one.equality is None


def test_samples_are_counted_in_all_and_by_process(trial) -> None:
    one = Contestant(trial(), blocks={(0, 0): [1.0, 2.0], (0, 1): [3.0], (1, 0): [4.0]})
    assert (one.samples, one.samples_of(0), one.samples_of(1), one.samples_of(2)) == (4, 3, 1, 0)
    assert one.processes == 2


def test_one_that_fails_keeps_its_samples_and_one_that_is_withdrawn_does_not(trial) -> None:
    one = Contestant(trial(), blocks={(0, 0): [1.0]})
    one.fail("it crashed", generation=1)
    assert (one.failure, one.failed_in, one.samples) == ("it crashed", 1, 1)
    one.withdraw("it is wrong", generation=2)
    assert (one.failure, one.failed_in, one.samples) == ("it is wrong", 2, 0)
