from __future__ import annotations

import itertools
import time
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from epam_bench.roofline import dispatch_profiler
from epam_bench.roofline.dispatch_profiler import PROFILER, DispatchProfile, measure_crossing


class Small(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 8, 3, padding=1)
        self.fc = nn.Linear(8, 5)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc(self.conv(x).relu().mean(dim=(2, 3)))


def prepare(model: nn.Module, *inputs: Tensor) -> Any:
    return PROFILER.prepare(model, inputs, backend="eager", precision="fp32", device="cpu", threads=1)


def test_every_operation_is_found_in_inference_mode_too_and_counted_once() -> None:
    profile = prepare(Small().eval(), torch.zeros(2, 3, 8, 8))
    profile.run_pass()
    (taken,) = profile.passes()
    names = [call.operation.name for call in taken.calls if call.operation.bytes]
    assert names == ["convolution", "relu", "mean", "addmm"]
    macs = sum(call.operation.macs for call in taken.calls)
    assert macs == (2 * 8 * 8 * 8) * 27 + 2 * 8 * 5
    assert all(call.ms > 0 for call in taken.calls)


def test_the_whole_gives_the_networks_own_logits() -> None:
    model, x = Small().eval(), torch.rand(2, 3, 8, 8)
    torch.testing.assert_close(prepare(model, x).run_whole(), model(x))


def sleepy(*_: Tensor) -> Tensor:
    time.sleep(0.02)
    return torch.ones(4).relu()


def test_what_passes_outside_operations_lies_between_them() -> None:
    profile = DispatchProfile(sleepy, ())
    profile.run_pass()
    (taken,) = profile.passes()
    assert taken.between_ms is not None
    assert taken.between_ms > 15
    assert sum(call.ms for call in taken.calls) < 10


def many_small() -> Tensor:
    x = torch.ones(4)
    for _ in range(100):
        x = x.relu_()
    return x


def test_the_profilers_own_time_is_taken_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock that goes on by one each time that it is read, and nothing else takes time."""
    readings = itertools.count()
    monkeypatch.setattr(dispatch_profiler, "_clock", lambda: next(readings))
    monkeypatch.setattr(dispatch_profiler, "measure_crossing", lambda: 0.0)
    profile = DispatchProfile(many_small, ())
    profile.run_pass()
    (taken,) = profile.passes()
    assert len(taken.calls) == 101
    # Each operation: from start to end; the two other steps are the profiler's.
    assert {call.ms for call in taken.calls} == {1e-6}
    # Between operations: from one's last reading to the next one's first.
    assert taken.between_ms == pytest.approx(102e-6)


def test_what_the_way_into_python_takes_is_taken_off_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dispatch_profiler, "measure_crossing", lambda: 1e9)
    profile = DispatchProfile(many_small, ())
    profile.run_pass()
    assert profile.passes()[0].between_ms == 0.0


def test_a_network_whose_passes_differ_is_taken_apart_when_two_agree() -> None:
    turns = iter((1, 2, 2))

    def call() -> Tensor:
        x = torch.ones(3)
        for _ in range(next(turns, 2)):
            x = x.relu()
        return x

    profile = DispatchProfile(call, ())
    profile.run_pass()
    assert profile.passes() == ()
    profile.run_pass()
    assert len(profile.passes()) == 1


def test_the_way_into_python_and_back_is_microseconds() -> None:
    assert 0 <= measure_crossing() < 1e6
